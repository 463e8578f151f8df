"""The style of every plot, and contact sheets of images side by side.

Shipped with Train and with Evaluate; it imports nothing else of this project.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image, ImageOps

# Okabe and Ito's colours, which people with any kind of colour vision can distinguish.
BLUE, ORANGE, GREEN, GREY, INK = "#0072B2", "#E69F00", "#009E73", "#9A9A9A", "#262626"
WIDTH = 7.0  # inches
STYLE: Any = {
    "figure.dpi": 150,
    "figure.constrained_layout.use": True,
    "figure.constrained_layout.h_pad": 0.1,
    "figure.constrained_layout.w_pad": 0.1,
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "axes.titlesize": 12,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": GREY,
    "axes.labelcolor": INK,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#E6E6E6",
    "legend.frameon": False,
}
COLUMNS = 4
PIXELS = 360


@dataclass(frozen=True)
class Entry:
    """An image of a contact sheet and the caption above it; its name is printed below."""

    file: Path
    caption: str


def contact_sheet(file: Path, title: str, entries: Sequence[Entry], columns: int = COLUMNS) -> None:
    """Write the images side by side, in order, as one picture file."""
    rows = max(1, -(-len(entries) // columns))
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH * 1.3 * columns / COLUMNS, 0.6 + rows * 2.65))
        figure.suptitle(title, x=0.01, ha="left", fontweight="bold", fontsize=12)
        grid = figure.subplots(rows, columns, squeeze=False)
        for axes in grid.flat:
            axes.set_axis_off()
        for axes, entry in zip(grid.flat, entries, strict=False):
            axes.imshow(_tile(entry.file))
            axes.set_title(
                entry.caption, fontsize=9, fontweight="normal", loc="center", color=INK, pad=4
            )
            axes.text(
                0.5, -0.02, entry.file.stem, transform=axes.transAxes, ha="center", va="top",
                fontsize=8, color="#6B6B6B",
            )  # fmt: skip
        figure.savefig(file)


def _tile(path: Path) -> NDArray[np.uint8]:
    """The image on a white square, with its aspect ratio."""
    with Image.open(path) as image:
        image.draft("RGB", (PIXELS, PIXELS))
        picture = ImageOps.contain(ImageOps.exif_transpose(image).convert("RGB"), (PIXELS, PIXELS))
    square = Image.new("RGB", (PIXELS, PIXELS), "white")
    square.paste(picture, ((PIXELS - picture.width) // 2, (PIXELS - picture.height) // 2))
    return np.asarray(square)
