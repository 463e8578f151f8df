"""The worst mistakes as pictures: what a person would look at first."""

from __future__ import annotations

from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from PIL import Image, ImageOps

from evaluation.plots import INK, STYLE, WIDTH
from evaluation.predictions import Predictions

ROWS, COLUMNS = 3, 4
PIXELS = 360


def worst(predictions: Predictions, number: int = ROWS * COLUMNS) -> list[int]:
    """Indices of the mistakes that the model was surest of; of equals, the least near the truth."""
    wrong = np.flatnonzero(~predictions.right)
    order = np.lexsort((predictions.of_truth[wrong], -predictions.confidence[wrong]))
    return [int(index) for index in wrong[order][:number]]


def draw(file: Path, predictions: Predictions) -> None:
    """Write the sheet: each image with its true count, the answer and the answer's confidence."""
    mistakes = worst(predictions)
    rows = max(1, -(-len(mistakes) // COLUMNS))
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH * 1.3, 0.6 + rows * 2.65))
        every = int((~predictions.right).sum())
        figure.suptitle(
            _title(len(mistakes), every, len(predictions.images)),
            x=0.01,
            ha="left",
            fontweight="bold",
            fontsize=12,
        )
        grid = figure.subplots(rows, COLUMNS, squeeze=False)
        for axes in grid.flat:
            axes.set_axis_off()
        for axes, index in zip(grid.flat, mistakes, strict=False):
            image = predictions.images[index]
            axes.imshow(_tile(image.path))
            axes.set_title(
                f"holds {image.count}, answered {predictions.answer[index]}"
                f" ({predictions.confidence[index]:.0%})",
                fontsize=9,
                fontweight="normal",
                loc="center",
                color=INK,
                pad=4,
            )
            axes.text(
                0.5, -0.02, image.path.stem, transform=axes.transAxes, ha="center", va="top",
                fontsize=8, color="#6B6B6B",
            )  # fmt: skip
        figure.savefig(file)


def _title(shown: int, mistakes: int, images: int) -> str:
    if not mistakes:
        return f"No mistake in {images} images"
    if shown < mistakes:
        return f"The {shown} surest of {mistakes} mistakes in {images} images"
    return (
        f"{mistakes} {'mistake' if mistakes == 1 else 'mistakes'} in {images} images, surest first"
    )


def _tile(path: Path) -> np.ndarray:
    """The picture on a white square, its aspect kept."""
    with Image.open(path) as image:
        image.draft("RGB", (PIXELS, PIXELS))
        picture = ImageOps.contain(image.convert("RGB"), (PIXELS, PIXELS))
    square = Image.new("RGB", (PIXELS, PIXELS), "white")
    square.paste(picture, ((PIXELS - picture.width) // 2, (PIXELS - picture.height) // 2))
    return np.asarray(square)
