"""The picture of the decision: wrong records found against bins looked at."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from evaluation.judged_claims import ITEMS, MATCH, PHOTO
from plotting import BLUE, GREEN, GREY, INK, ORANGE, STYLE, WIDTH

# By the name in tally.decision.curve: colour, line, label.
CURVES = {
    MATCH: (BLUE, "-", "photo and record (this model's decision)"),
    PHOTO: (ORANGE, "-", "photo alone"),
    ITEMS: (GREEN, "-", "the record's items alone"),
    "random": (GREY, "--", "looking at random"),
}


def draw(file: Path, decision: dict[str, Any]) -> None:
    """Write the picture; nothing where the decision is not known.

    Args:
        file: the file to write.
        decision: tally.decision of evaluation.json.
    """
    rows = decision["curve"]
    if not rows or decision["found_share"]["value"] is None:
        return
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, WIDTH * 0.78))
        axes = figure.subplots()
        for name, (colour, style, label) in CURVES.items():
            points = [(row["looked"], row[name]) for row in rows if row[name] is not None]
            if len(points) < 2:
                continue
            axes.plot(*zip(*points, strict=True), color=colour, linestyle=style, linewidth=2,
                      label=label)  # fmt: skip
        looked, found = decision["looked"]["value"], decision["found_share"]["value"]
        axes.plot(
            looked, found, "o", color=INK, markersize=9, zorder=4, label="at the model's threshold"
        )
        axes.annotate(
            f"{found:.0%} found", (looked, found), xytext=(10, -14), textcoords="offset points",
            fontsize=9, color=INK,
        )  # fmt: skip
        axes.set_xlim(-0.02, 1.02)
        axes.set_ylim(-0.02, 1.02)
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_formatter(PercentFormatter(1, decimals=0))
        axes.set_xlabel("bins that people look at")
        axes.set_ylabel("wrong records found")
        axes.set_title("Wrong records found by looking at the least likely first")
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.13), ncols=2, fontsize=8.5)
        figure.savefig(file)
