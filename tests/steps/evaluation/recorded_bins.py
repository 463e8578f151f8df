"""Bins with stock records, and a tiny model that was trained on them, as the steps write both."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

import train
from tests.steps.tiny_model import pack
from tests.steps.tiny_training import options

COUNTS = range(9)
CLASSES = "0-6+"
EACH = {"train": 14, "validation": 12, "test": 8}  # of each count


def draw(count: int, number: int) -> Image.Image:
    """A picture of `count` things, a little different for each number."""
    image = Image.new("RGB", (96, 48), (90 + 7 * (number % 9), 110, 100))
    drawing = ImageDraw.Draw(image)
    for item in range(count):
        left = 3 + 10 * item + number % 3
        drawing.rectangle((left, 8 + number % 5, left + 7, 40), fill=(230, 220 - 9 * item, 60))
    return image


def contents(count: int, generator: np.random.Generator) -> list[dict[str, Any]]:
    """Items of a bin, as bins.jsonl lists them; small things lie there in numbers."""
    items = []
    while count:
        quantity = int(generator.integers(1, count + 1))
        side = float(generator.lognormal(2.5 - 0.3 * quantity, 0.2))
        measures = {"length": side, "width": 0.8 * side, "height": 0.5 * side}
        items.append({"quantity": quantity, **measures, "weight": side / 4})
        count -= quantity
    return items


def write_channel(folder: Path, each: int, generator: np.random.Generator) -> None:
    """One of Prepare's outputs."""
    lines = []
    for count in COUNTS:
        (folder / str(count)).mkdir(parents=True)
        for number in range(each):
            name = f"{folder.name}-{count}{number:03}"
            draw(count, int(generator.integers(99))).save(folder / str(count) / f"{name}.jpg")
            items = contents(count, generator)
            lines.append({"id": name, "count": count, "items": items, "further": False})
    (folder / "bins.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


def train_model(data: Path, root: Path) -> Path:
    """Train on both channels of `data`, as a training job does.

    Args:
        data: holds train/ and validation/.
        root: /opt/ml of the job.

    Returns:
        The model's folder.
    """
    (root / "input").mkdir(parents=True)
    (root / "input" / "data").symlink_to(data)
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("OPT_ML", str(root))
        arguments = options(
            epochs=6, batch_size=16, lr=0.02, counts=CLASSES, num_workers=1, decision="auto"
        )
        assert train.main(arguments) == 0
    return root / "model"


def evaluate_inputs(root: Path) -> Path:
    """The inputs of Evaluate: a trained model, and its test and validation bins."""
    generator = np.random.default_rng(0)
    for name, each in EACH.items():
        write_channel(root / "data" / name, each, generator)
    model = train_model(root / "data", root / "training")
    inputs = root / "input"
    pack(model, inputs / "model" / "model.tar.gz")
    for name in ("test", "validation"):
        (root / "data" / name).rename(inputs / name)
    (inputs / "manifest").mkdir()
    by_class = {**dict.fromkeys("012345", EACH["train"]), "6+": 3 * EACH["train"]}
    counts = {"train": by_class}
    (inputs / "manifest" / "manifest.json").write_text(json.dumps({"counts": counts}))
    return inputs
