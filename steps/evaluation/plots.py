"""The plots of predictions and of the training, in one style."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from evaluation.calibration_error import BINS, calibration_bins
from evaluation.predictions import Predictions
from plotting import BLUE, GREEN, GREY, INK, ORANGE, STYLE, WIDTH

ROOMY = 8  # more counts than this get a larger picture, with less text in it
FEW = 5  # images; a share of so few says little


def draw(
    folder: Path,
    predictions: Predictions,
    evaluation: Mapping[str, Any],
    training: Mapping[str, Any] | None,
    unscaled: np.ndarray | None = None,
) -> None:
    """Write confusion.png, per_class.png, reliability.png, and history.png if there is a history.

    Args:
        folder: the folder to write in.
        predictions: of the model that is evaluated.
        evaluation: the content of evaluation.json.
        training: the content of training.json.
        unscaled: the confidence of each prediction without temperature scaling.
    """
    with matplotlib.rc_context(STYLE):
        _confusion(evaluation).savefig(folder / "confusion.png")
        _per_class(evaluation).savefig(folder / "per_class.png")
        reliability = _reliability(predictions, evaluation, unscaled)
        reliability.savefig(folder / "reliability.png")
        if training and training.get("history"):
            _history(training).savefig(folder / "history.png")


def _confusion(evaluation: Mapping[str, Any]) -> Figure:
    """Shares of each true count; just off the diagonal is at most one item off."""
    section = evaluation["multiclass_classification_metrics"]
    rows = section["confusion_matrix"]
    classes = list(rows)
    matrix = np.array([[rows[true][predicted] for predicted in classes] for true in classes])
    shares = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    roomy = len(classes) <= ROOMY
    size = WIDTH if roomy else max(WIDTH, 2 + 0.42 * len(classes))
    figure = Figure(figsize=(size * 0.93, size * 0.8))
    axes: Axes = figure.subplots()
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for (row, column), number in np.ndenumerate(matrix):
        share = shares[row, column]
        if not number and not roomy:
            continue
        axes.text(
            column,
            row,
            (f"{share:.0%}\n({number})" if roomy else f"{share:.0%}") if number else "0",
            ha="center",
            va="center",
            fontsize=10 if roomy else 8,
            color="white" if share > 0.5 else INK if number else GREY,
            fontweight="bold" if row == column else "normal",
        )
    axes.set_xticks(range(len(classes)), classes)
    axes.set_yticks(range(len(classes)), classes)
    axes.tick_params(length=0)
    axes.grid(False)
    axes.spines[:].set(visible=True, color="#D0D0D0")
    axes.set_xlabel("predicted count")
    axes.set_ylabel("true count")
    axes.set_title(f"Counted exactly: {section['accuracy']['value']:.1%}")
    bar = figure.colorbar(image, ax=axes, shrink=0.8, format=PercentFormatter(1, decimals=0))
    bar.set_label("share of the bins with that true count")
    bar.outline.set_visible(False)
    return figure


def _per_class(evaluation: Mapping[str, Any]) -> Figure:
    classes = evaluation["tally"]["per_class"]
    roomy = len(classes) <= ROOMY
    figure = Figure(figsize=(WIDTH if roomy else WIDTH * len(classes) / ROOMY, WIDTH * 0.55))
    axes: Axes = figure.subplots()
    places = np.arange(len(classes))
    for offset, name, colour in ((-1, "precision", BLUE), (0, "recall", ORANGE), (1, "f1", GREEN)):
        values = [one[name] for one in classes.values()]
        bars = axes.bar(places + offset * 0.27, values, 0.25, color=colour, label=name)
        axes.bar_label(bars, [f"{value:.2f}" for value in values], fontsize=7, padding=2)
    labels = [f"{count}\nn = {one['support']}" for count, one in classes.items()]
    axes.set_xticks(places, labels)
    axes.tick_params(axis="x", length=0)
    axes.grid(axis="x", visible=False)
    axes.set_xlim(-0.55, len(classes) - 0.45)
    axes.set_ylim(0, 1.06)
    axes.set_yticks(np.arange(0, 1.1, 0.2))
    axes.set_ylabel("score, 1 is perfect")
    axes.set_xlabel("true count, with its number n of test images")
    axes.set_title("Precision, recall and F1 of each count")
    axes.legend(
        loc="lower right", bbox_to_anchor=(1, 1), ncols=3, borderaxespad=0.2, handlelength=1.2
    )
    return figure


def _reliability(
    predictions: Predictions, evaluation: Mapping[str, Any], unscaled: np.ndarray | None
) -> Figure:
    sizes, means, accuracies = calibration_bins(predictions.confidence, predictions.correct)
    filled = sizes > 0
    left = np.arange(BINS) / BINS
    figure = Figure(figsize=(WIDTH * 0.9, WIDTH * 0.9))
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    for which, colour, label in (
        (sizes >= FEW, "#8FC1E0", "correct predictions"),
        (filled & (sizes < FEW), "#DCDCDC", f"correct, of fewer than {FEW} images"),
    ):
        if which.any():
            upper.bar(
                left[which], accuracies[which], 1 / BINS, align="edge", color=colour,
                edgecolor="white", label=label,
            )  # fmt: skip
            upper.plot(
                means[which], accuracies[which], "o", markersize=5, clip_on=False,
                color=BLUE if colour != "#DCDCDC" else GREY,
            )  # fmt: skip
    scaling = evaluation["tally"]["calibration"]
    shown_before = unscaled is not None and scaling["temperature"] != 1
    if unscaled is not None and shown_before:
        sizes_before, means_before, accuracies_before = calibration_bins(
            unscaled, predictions.correct
        )
        shown = sizes_before >= FEW
        upper.plot(
            means_before[shown], accuracies_before[shown], "D", markersize=6, clip_on=False,
            markerfacecolor="none", markeredgecolor=ORANGE, markeredgewidth=1.6,
            label="before temperature scaling",
        )  # fmt: skip
    upper.plot([0, 1], [0, 1], color=INK, linestyle="--", label="as often correct as it claims")
    upper.set_ylim(0, 1)
    upper.set_ylabel("correct predictions")
    error = evaluation["tally"]["calibration_error"]["value"]
    was = f", before scaling {scaling['before']:.3f}" if shown_before else ""
    upper.set_title(f"Reliability of the confidence\nCalibration error {error:.3f}{was}")
    upper.legend(loc="upper left", frameon=True, framealpha=0.9, edgecolor="none")
    lower.bar(left, sizes, 1 / BINS, align="edge", color=GREY, edgecolor="white")
    lower.yaxis.set_major_locator(MaxNLocator(4, integer=True))
    lower.set_ylabel("images")
    lower.set_xlabel("confidence of the prediction")
    lower.set_xlim(0, 1)
    for axes in (upper, lower):
        axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    upper.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    figure.align_ylabels((upper, lower))
    return figure


def _history(training: Mapping[str, Any]) -> Figure:
    history: Sequence[Mapping[str, float]] = training["history"]
    epochs = [epoch["epoch"] for epoch in history]
    best = training.get("best_epoch")
    figure = Figure(figsize=(WIDTH, WIDTH * 0.5))
    for axes, quantity in zip(figure.subplots(1, 2), ("loss", "accuracy"), strict=True):
        for part, colour, marker in (("train", ORANGE, "s"), ("validation", BLUE, "o")):
            values = [epoch.get(f"{part}_{quantity}") for epoch in history]
            axes.plot(epochs, values, color=colour, marker=marker, markersize=5, label=part)
        if best is not None:
            axes.axvline(best, color=GREY, linestyle=":", label=f"kept: epoch {best:.0f}")
        # Around a single epoch the axis would have room for fractions of one.
        axes.set_xlim(min(epochs) - 0.5, max(epochs) + 0.5)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        axes.set_xlabel("epoch")
        axes.set_title(quantity.capitalize())
    axes.set_ylim(0, 1)
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3)
    return figure
