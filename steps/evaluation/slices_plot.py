"""The picture of the slices: accuracy of each, with its interval."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from plotting import BLUE, GREY, INK, STYLE, WIDTH

ROW, HEAD = 0.34, 1.5  # inches


def draw(file: Path, slices: dict[str, Any], accuracy: float) -> None:
    """Write the picture; nothing if there is no slice.

    Args:
        file: the file to write.
        slices: tally.slices of evaluation.json.
        accuracy: over all images, drawn as a line.
    """
    if not slices["by"]:
        return
    labels: list[tuple[float, str, dict[str, Any] | None]] = []
    height = 0.0
    for name, parts in slices["by"].items():
        labels.append((height, name, None))
        labels += [(height + 1 + n, part["slice"], part) for n, part in enumerate(parts)]
        height += len(parts) + 1.4
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, HEAD + ROW * height))
        axes = figure.subplots()
        axes.axvline(accuracy, color=GREY, linestyle="--", zorder=1)
        axes.text(
            accuracy, -1.2, f"all images: {accuracy:.0%}", ha="center", fontsize=8.5, color=INK
        )
        for row, _, part in labels:
            if part is None:
                continue
            axes.plot([part["low"], part["high"]], [row, row], color="#8FC1E0", linewidth=5,
                      solid_capstyle="round", zorder=2)  # fmt: skip
            axes.plot(part["accuracy"], row, "o", color=BLUE, markersize=7, zorder=3)
        rows = [row for row, _, _ in labels]
        texts = [t if p is None else f"{t}  (n = {p['images']})" for _, t, p in labels]
        axes.set_yticks(rows, texts)
        for tick, (_, _, part) in zip(axes.get_yticklabels(), labels, strict=True):
            tick.set_fontweight("bold" if part is None else "normal")
            tick.set_fontsize(9)
        axes.set_ylim(height - 0.9, -1.1)
        axes.set_xlim(0, 1)
        axes.tick_params(axis="y", length=0)
        axes.grid(axis="y", visible=False)
        axes.spines["left"].set_visible(False)
        axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        axes.set_xlabel("counted exactly, with the 95 % interval")
        title = "Accuracy on parts of the test images"
        figure.suptitle(title, x=0.01, ha="left", fontweight="bold", fontsize=12)
        figure.savefig(file)
