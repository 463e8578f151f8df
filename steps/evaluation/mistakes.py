"""The worst mistakes as pictures: what a person should look at first."""

from __future__ import annotations

from pathlib import Path

import numpy as np

import plotting
from evaluation.predictions import Predictions

NUMBER = 12  # pictures


def worst(predictions: Predictions, number: int = NUMBER) -> list[int]:
    """Indices of the mistakes, highest confidence first; then lowest probability of the truth."""
    wrong = np.flatnonzero(~predictions.correct)
    order = np.lexsort((predictions.truth_probability[wrong], -predictions.confidence[wrong]))
    return [int(index) for index in wrong[order][:number]]


def draw(file: Path, predictions: Predictions) -> None:
    """Write the sheet: each image with its true count, the predicted count and the confidence."""
    mistakes = worst(predictions)
    every = int((~predictions.correct).sum())
    entries = [
        plotting.Entry(
            predictions.images[index].path,
            f"holds {predictions.images[index].count}, answered "
            f"{predictions.words(int(predictions.answer[index]))} "
            f"({predictions.confidence[index]:.0%})",
        )
        for index in mistakes
    ]
    plotting.contact_sheet(file, _title(len(mistakes), every, len(predictions.images)), entries)


def _title(shown: int, mistakes: int, images: int) -> str:
    if not mistakes:
        return f"No mistake in {images} images"
    if shown < mistakes:
        return f"{shown} of {mistakes} mistakes in {images} images, highest confidence first"
    return (
        f"{mistakes} {'mistake' if mistakes == 1 else 'mistakes'} in {images} images, "
        "highest confidence first"
    )
