"""The pictures of an evaluation, each with the caption that every page shows below it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

# By the file in the evaluation's output, in the order in which pages show them.
CAPTIONS = {
    "plots/decision.png": "Wrong stock records found, by how many bins people look at. A curve "
    "ends where what is left cannot be judged.",
    "plots/confusion.png": "Confusion matrix. Just off the diagonal is at most one item off.",
    "plots/history.png": "Loss and accuracy of each epoch.",
    "plots/per_class.png": "Precision, recall and F1 of each count.",
    "plots/reliability.png": "How often predictions of a given confidence are correct.",
    "plots/slices.png": "Accuracy on parts of the test images. A long bar: too few images to be "
    "sure.",
    "plots/mistakes.png": "The mistakes with the highest confidence, after those whose audit "
    "contradicts record and model. Some may be wrong labels.",
    "plots/grad_cam.png": "Where the model looks (Grad-CAM): bright parts speak for its answer.",
    "suspects.png": "Training images whose labels look wrong, with the probability of the label; "
    "first those whose audit contradicts record and model.",
}
# As wide as the page; they follow the narrow ones.
WIDE = ("plots/mistakes.png", "plots/grad_cam.png", "suspects.png")


def describe(output: Path) -> list[dict[str, Any]]:
    """The pictures that are in the output folder, as evaluation.json holds them."""
    return [
        {"file": file, "caption": caption, "wide": file in WIDE}
        for file, caption in CAPTIONS.items()
        if (output / file).is_file()
    ]
