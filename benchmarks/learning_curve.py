"""Accuracy by number of photos: the same recipe on a quarter, a half and all of the bins.

The smaller parts are subsets of the larger ones. All are evaluated on the same validation images,
so that the gain of doubling the photos is measured image by image. A finished training is not run
again, and an interrupted one continues.

    .venv-steps/bin/python benchmarks/learning_curve.py [--source FOLDER_OF_BINS] [--seeds 0 1]
"""

import argparse
import hashlib
import json
import math
import sys
from pathlib import Path
from typing import Any

import numpy as np
import sources
from accuracy import StepFailed, link, prepare, run_folder, train
from answers import Answers, answered, joined
from numpy.typing import NDArray
from recipe import RECIPE, SHORT, varied
from repository import REPORTS

SHARES = (0.25, 0.5, 1.0)  # of the training bins
CHANGES = f"{SHORT},epochs=8"  # to the recipe; more epochs do not help it, even with all bins
SPREAD = 2**32


def part_of(images: Path, share: float, folder: Path) -> Path:
    """A channel `train` with this share of its bins, beside the same channel `validation`."""
    manifest = json.loads((images / "manifest/manifest.json").read_text())
    chosen = {image["id"] for image in manifest["images"] if _drawn(image["group"]) < share}
    for file in (images / "train").glob("*/*"):
        if file.stem in chosen:
            link(file, folder / "train" / file.parent.name / file.name)
    link(images / "train/bins.jsonl", folder / "train/bins.jsonl")
    link(images / "validation", folder / "validation")
    return folder


def _drawn(group: str) -> float:
    """A number in [0, 1), fixed for each bin and uniform over bins."""
    return int.from_bytes(hashlib.sha256(group.encode()).digest()[:4]) / SPREAD


def answers_of_share(
    source: str, share: float, seeds: list[int], output: Path
) -> tuple[Answers, float]:
    """The answers of models trained on this share, and their mean number of training images."""
    recipe = varied(RECIPE, CHANGES)
    answers, training_images = [], []
    for seed in seeds:
        print(f"{share:.0%} of the bins, seed {seed}", flush=True)
        images, folder = prepare(source, seed, output, recipe), run_folder(output, recipe, seed)
        if share < 1:
            folder = output / "learning-curve" / f"{share:g}-seed-{seed}"
            images = part_of(images, share, folder / "images")
        model = train(images, recipe, seed, folder)
        answers.append(answered(model, images / "validation"))
        training_images.append(json.loads((model / "training.json").read_text())["training_images"])
    return joined(answers), float(np.mean(training_images))


def measures(answers: Answers) -> dict[str, NDArray[Any]]:
    """The reported figures of each image (n)."""
    return {
        "exact": answers.off == 0,
        "within one": answers.off <= 1,
        "squared error": answers.errors**2,
        "log loss": answers.log_losses,
    }


def table(found: list[tuple[Answers, float]]) -> str:
    """A row for each share, and the gain of doubling the images.

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
    """Train what has not been trained yet, and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--source", type=sources.source, default=sources.DEFAULT,
        help="bins laid out like ABID: a folder or s3://BUCKET/PREFIX")  # fmt: skip
    add("--seeds", type=int, nargs="+", default=[0, 1], help="seeds (default: 0 1)")
    add("--output", type=Path, default=REPORTS / "accuracy", help="folder for all results")
    options = parser.parse_args()
    output = options.output.resolve()
    try:
        found = [answers_of_share(options.source, share, options.seeds, output) for share in SHARES]
    except StepFailed as error:
        print(f"learning_curve: {error}", file=sys.stderr)
        return 1
    print(f"\n{table(found)}\n\n± is one standard error, over the validation images")
    return 0


if __name__ == "__main__":
    sys.exit(main())
