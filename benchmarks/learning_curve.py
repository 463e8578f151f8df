"""How much more photos would bring: the same recipe on a quarter, a half and all of the bins.

The smaller parts are inside the larger ones. All are judged on the same validation images, so that
the gain of a doubling is found image by image. What is trained is not trained again, and an
interrupted training goes on.

    .venv-steps/bin/python benchmarks/learning_curve.py [--source FOLDER_OF_BINS] [--seeds 0 1]
"""

import argparse
import hashlib
import json
import math
import sys
from pathlib import Path

import numpy as np
import sources
from accuracy import ROOT, StepFailed, link, place_of, prepare, train
from answers import Answers, answered, joined
from recipe import RECIPE, SHORT, varied

SHARES = (0.25, 0.5, 1.0)  # of the bins that are learnt from
CHANGES = f"{SHORT},epochs=8"  # to the recipe; more epochs do not help it, even with all bins
SPREAD = 2**32


def part_of(images: Path, share: float, folder: Path) -> Path:
    """A channel `train` with the images of this share of its bins, beside the same validation."""
    manifest = json.loads((images / "manifest/manifest.json").read_text())
    chosen = {image["id"] for image in manifest["images"] if _drawn(image["group"]) < share}
    for file in (images / "train").glob("*/*"):
        if file.stem in chosen:
            link(file, folder / "train" / file.parent.name / file.name)
    link(images / "validation", folder / "validation")
    return folder


def _drawn(group: str) -> float:
    """A number from 0 to below 1 that is always the same for a bin, and like chance among bins."""
    return int.from_bytes(hashlib.sha256(group.encode()).digest()[:4]) / SPREAD


def judged(source: str, share: float, seeds: list[int], output: Path) -> tuple[Answers, float]:
    """What models that learnt from this share answer, and how many images they learnt from."""
    recipe = varied(RECIPE, CHANGES)
    answers, learnt = [], []
    for seed in seeds:
        print(f"{share:.0%} of the bins, seed {seed}", flush=True)
        images, folder = prepare(source, seed, output, recipe), place_of(output, recipe, seed)
        if share < 1:
            folder = output / "learning-curve" / f"{share:g}-seed-{seed}"
            images = part_of(images, share, folder / "images")
        model = train(images, recipe, seed, folder)
        answers.append(answered(model, images / "validation"))
        learnt.append(json.loads((model / "training.json").read_text())["training_images"])
    return joined(answers), float(np.mean(learnt))


def measures(answers: Answers) -> dict[str, np.ndarray]:
    """What is reported, of each image (n)."""
    return {
        "exact": answers.off == 0,
        "within one": answers.off <= 1,
        "squared error": answers.errors**2,
        "log loss": answers.log_losses,
    }


def table(found: list[tuple[Answers, float]]) -> str:
    """A line for each share, and what a doubling of the images brings.

    The gain is the slope of the least-squares line over the logarithm of the number of images. It
    is a weighted sum of each image's values, so its standard error is that of a mean over images.
    """
    lines = ["| images | exact | within one | squared error | log loss |", "|---" * 5 + "|"]
    each = [measures(answers) for answers, _ in found]
    for (_, images), values in zip(found, each, strict=True):
        cells = [_show(name, value.mean()) for name, value in values.items()]
        lines.append(f"| {images:,.0f} | " + " | ".join(cells) + " |")
    doublings = np.log2([images for _, images in found])
    weights = (doublings - doublings.mean()) / ((doublings - doublings.mean()) ** 2).sum()
    cells = []
    for name in each[0]:
        slopes = weights @ np.stack([values[name].astype(float) for values in each])
        error = slopes.std(ddof=1) / math.sqrt(len(slopes))
        cells.append(f"{_show(name, slopes.mean(), '+')} ± {_show(name, error)}")
    lines.append("| each doubling | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _show(name: str, value: float, sign: str = "") -> str:
    return format(value, f"{sign}.1%" if name in ("exact", "within one") else f"{sign}.3f")


def main() -> int:
    """Train what is not yet there, and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--source", type=sources.source, default=sources.DEFAULT,
        help="bins laid out like ABID: a folder, or s3://bucket/prefix")  # fmt: skip
    add("--seeds", type=int, nargs="+", default=[0, 1], help="default: 0 1")
    add("--output", type=Path, default=ROOT / "reports/accuracy", help="where all of it is kept")
    options = parser.parse_args()
    output = options.output.resolve()
    try:
        found = [judged(options.source, share, options.seeds, output) for share in SHARES]
    except StepFailed as error:
        print(f"learning_curve: {error}", file=sys.stderr)
        return 1
    print(f"\n{table(found)}\n\n± is one standard error, over the validation images")
    return 0


if __name__ == "__main__":
    sys.exit(main())
