"""The models that `make accuracy` has trained, for the benchmarks that look at them again."""

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

from repository import REPORTS


@dataclass(frozen=True)
class Trained:
    """One seed: its name, the folder of its model, and that of its split's images."""

    name: str
    model: Path
    images: Path


def trained_seeds(description: str | None) -> list[Trained]:
    """The seeds in the folder that the command line names; ends the program if there are none."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--accuracy", type=Path, default=REPORTS / "accuracy", help="output folder of accuracy.py"
    )
    folder: Path = parser.parse_args().accuracy
    found = [
        Trained(one.name, one / "model", folder / "images" / one.name / "processing/output")
        for one in sorted(folder.glob("seed-*"))
        if (one / "model/model.json").is_file()
    ]
    if not found:
        sys.exit(f"no models in {folder}; `make accuracy` trains them")
    return found
