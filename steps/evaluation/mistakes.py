"""The worst mistakes as pictures: what a person should look at first."""

from __future__ import annotations

from pathlib import Path

import numpy as np

import plotting
from evaluation.predictions import Predictions
from evaluation.testset import TestImage

NUMBER = 12  # pictures


def worst(predictions: Predictions, number: int = NUMBER) -> list[int]:
    """Indices of the mistakes, in the order in which a person should look at them.

    First bins whose audit contradicts both the record and the model of that time; then highest
    confidence first; then lowest probability of the truth.
    """
    wrong = np.flatnonzero(~predictions.correct)
    settled = np.array([not _is_contradicting(predictions.images[i]) for i in wrong], dtype=bool)
    confidence, truth = predictions.confidence[wrong], predictions.truth_probability[wrong]
    order = np.lexsort((truth, -confidence, settled))
    return [int(index) for index in wrong[order][:number]]


def draw(file: Path, predictions: Predictions) -> None:
    """Write the sheet: each image with its true count, the predicted count and the confidence."""
    mistakes = worst(predictions)
    every = int((~predictions.correct).sum())
    entries = [
        plotting.Entry(
            predictions.images[index].path,
            f"{_truth(predictions.images[index])}, answered "
            f"{predictions.words(int(predictions.answer[index]))} "
            f"({predictions.confidence[index]:.0%})",
        )
        for index in mistakes
    ]
    audited = any(_is_contradicting(predictions.images[index]) for index in mistakes)
    title = _title(len(mistakes), every, len(predictions.images), audited=audited)
    plotting.contact_sheet(file, title, entries)


def _is_contradicting(image: TestImage) -> bool:
    return image.finding is not None and image.finding.contradicts_both


def _truth(image: TestImage) -> str:
    """The true count and, where the audit contradicts record and model, what these were."""
    known = f" ({image.finding.words})" if image.finding and _is_contradicting(image) else ""
    return f"holds {image.count}{known}"


def _title(shown: int, mistakes: int, images: int, *, audited: bool) -> str:
    if not mistakes:
        return f"No mistake in {images} images"
    order = "highest confidence first"
    if audited:
        order = "first those whose audit contradicts record and model, then by confidence"
    if shown < mistakes:
        return f"{shown} of {mistakes} mistakes in {images} images, {order}"
    return f"{mistakes} {'mistake' if mistakes == 1 else 'mistakes'} in {images} images, {order}"
