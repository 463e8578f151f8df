"""Check the pictures of each class and split them 8:1:1 into train, validation and test.

The order of a class is that of hashed names, so the split is the same each time.
"""

import hashlib
import os
import shutil
import sys
from pathlib import Path

from PIL import Image

FOLDER = Path(os.environ.get("OPT_ML", "/opt/ml"), "processing")
SUFFIXES = (".jpg", ".jpeg", ".png")
FEWEST = 3  # pictures of a class: one for each split


def problem(file: Path) -> str:
    """Why a picture cannot be used, or ""."""
    try:
        with Image.open(file, formats=["JPEG", "PNG"]) as picture:  # what the network reads
            picture.load()  # a cut file opens, but does not load
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        return str(error)
    return ""


def splits(files: list[Path]) -> dict[str, list[Path]]:
    """The pictures of each split: a tenth for validation and for test, at least one."""
    ordered = sorted(files, key=lambda file: hashlib.sha256(file.name.encode()).digest())
    part = max(1, round(len(files) / 10))
    return {
        "test": ordered[:part],
        "validation": ordered[part : 2 * part],
        "train": ordered[2 * part :],
    }


def main() -> None:
    """Write train/CLASS/, validation/CLASS/ and test/CLASS/.

    Raises:
        SystemExit: There are too few classes, or too few pictures of one.
    """
    data = FOLDER / "input" / "data"
    classes = sorted(folder for folder in data.iterdir() if folder.is_dir())
    if len(classes) < 2:
        sys.exit(f"The data has {len(classes)} folders of classes; at least two are needed.")
    for folder in classes:
        files = [file for file in folder.rglob("*") if file.suffix.lower() in SUFFIXES]
        damaged = {file: reason for file in sorted(files) if (reason := problem(file))}
        for file, reason in damaged.items():
            print(f"left out {file.relative_to(data)}: {reason}")
        good = [file for file in files if file not in damaged]
        if len(good) < FEWEST:
            sys.exit(f"Class {folder.name} has {len(good)} pictures; at least {FEWEST} are needed.")
        for split, chosen in splits(good).items():
            for file in chosen:
                # Sub-folders may hold files of one name.
                name = "-".join(file.relative_to(folder).parts)
                target = FOLDER / "output" / split / folder.name / name
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file, target)
        print(f"{folder.name}: {len(good)} pictures")


if __name__ == "__main__":
    main()
