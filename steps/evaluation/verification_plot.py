"""The plots of the verification: the ROC curve, and precision against the share that passes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter
from sklearn.metrics import roc_curve

from evaluation.predictions import Predictions
from evaluation.verification import Pairs, pairs, passing_by_threshold
from plotting import BLUE, GREY, INK, ORANGE, STYLE, WIDTH


def draw(file: Path, predictions: Predictions, verification: dict[str, Any]) -> None:
    """Write both plots side by side; nothing for a model of one count.

    Args:
        file: the file to write.
        predictions: for the test images.
        verification: tally.verification of evaluation.json.
    """
    if verification["auc"] is None:
        return
    known = pairs(predictions, verification["record_error_rate"])
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH * 1.3, WIDTH * 0.6))
        left, right = figure.subplots(1, 2)
        _roc(left, known, verification)
        _passing(right, known, verification)
        for axes in (left, right):
            axes.set_xlim(-0.02, 1.02)
            axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
            axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        figure.savefig(file)


def _roc(axes: Any, known: Pairs, verification: dict[str, Any]) -> None:
    wrong, right, _ = roc_curve(
        known.agrees.ravel(), known.score.ravel(), sample_weight=known.weight.ravel()
    )
    axes.plot([0, 1], [0, 1], color=GREY, linestyle="--", label="guessing")
    axes.plot(wrong, right, color=BLUE, linewidth=2, label="this model")
    if verification["threshold"] is not None and verification["right_passed"]["value"] is not None:
        axes.plot(
            verification["wrong_passed"]["value"] or 0, verification["right_passed"]["value"], "o",
            color=ORANGE, markersize=9, label="at the threshold",
        )  # fmt: skip
    axes.set_ylim(-0.02, 1.02)
    axes.set_xlabel("bins with a wrong record that pass")
    axes.set_ylabel("bins with a correct record that pass")
    axes.set_title(f"Telling correct records from wrong: AUC {verification['auc']:.3f}")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.14), ncols=2, fontsize=8.5)


def _passing(axes: Any, known: Pairs, verification: dict[str, Any]) -> None:
    _, passed, correct = passing_by_threshold(known)
    share, precision = passed / len(known.weight), correct / passed
    base, required = 1 - verification["record_error_rate"], verification["required_precision"]
    axes.plot(share, precision, color=BLUE, linewidth=2, label="this model")
    lowest = min(float(precision.min()), base)
    axes.axhline(required, color=INK, linestyle=":", label=f"required: {required:.0%}")
    axes.axhline(base, color=GREY, linestyle="--", label=f"passing every bin: {base:.0%}")
    if verification["threshold"] is not None and verification["precision"]["value"] is not None:
        axes.plot(
            verification["passed"]["value"], verification["precision"]["value"], "o",
            color=ORANGE, markersize=9, zorder=3, label="at the threshold",
        )  # fmt: skip
        axes.set_title(f"{verification['passed']['value']:.0%} pass without a person")
    else:
        axes.set_title("No bin passes without a person")
    axes.set_ylim(max(0, lowest - 0.03), 1.005)
    axes.yaxis.set_major_locator(MaxNLocator(steps=[1, 2, 5, 10]))  # 2.5 % would read 2 or 3
    axes.set_xlabel("bins that pass without a person")
    axes.set_ylabel("of these, bins with a correct record")
    # Below the axes: on few images the curve can be anywhere in them.
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.14), ncols=2, fontsize=8.5)
