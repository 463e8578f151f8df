"""The calibration error, and what temperature scaling did to it.

Source: Guo et al., "On Calibration of Modern Neural Networks", ICML 2017. Train fits the
temperature on the validation images, and the served model already applies it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from evaluation.predictions import Predictions

BINS = 15  # of confidence, as in Guo et al.


def calibration_error(confidence: np.ndarray, correct: np.ndarray, draws: np.ndarray) -> np.ndarray:
    """Expected calibration error: mean gap of confidence and accuracy, weighted by bin size.

    Equation 3 of Guo et al., with bins of equal width.

    Args:
        confidence: float (images,).
        correct: bool (images,).
        draws: float (samples, images), how often each sample draws each image.

    Returns:
        float (samples,).
    """
    inside = confidence_bin(confidence)[:, None] == np.arange(BINS)
    gaps = draws @ (inside * (correct - confidence)[:, None])
    return np.asarray(np.abs(gaps).sum(axis=1) / draws.sum(axis=1))


def calibration_bins(
    confidence: np.ndarray, correct: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Images, mean confidence and accuracy of each bin (m-1)/15 < confidence <= m/15."""
    bins = confidence_bin(confidence)
    sizes = np.bincount(bins, minlength=BINS)
    divisor = np.maximum(sizes, 1)
    means = np.bincount(bins, weights=confidence, minlength=BINS) / divisor
    accuracies = np.bincount(bins, weights=correct.astype(float), minlength=BINS) / divisor
    return sizes, means, accuracies


def confidence_bin(confidence: np.ndarray) -> np.ndarray:
    """Int (images,): the index of each confidence's bin."""
    return np.asarray(np.clip(np.ceil(confidence * BINS).astype(int) - 1, 0, BINS - 1))


def describe(
    predictions: Predictions, unscaled: np.ndarray | None, temperature: float
) -> dict[str, float | None]:
    """The temperature, and the calibration error before and after it, as tally.calibration.

    `before` is None where it is not known.
    """
    once = np.ones((1, len(predictions.truth)))
    before, after = (
        None if one is None else float(calibration_error(one, predictions.correct, once)[0])
        for one in (unscaled, predictions.confidence)
    )
    return {"temperature": temperature, "before": before, "after": after}


def read_temperature(model: Path) -> float:
    """The temperature in a model's folder; 1 if it has none."""
    return float(json.loads((model / "model.json").read_text()).get("temperature", 1.0))


def unscaled_confidence(
    predictions: Predictions, temperature: float, network: Any
) -> np.ndarray | None:
    """Float (images,): the confidence of each prediction as it would be with temperature 1.

    The model serves softmax(z / T), so p^T, scaled to add up to 1 again, is softmax(z). None for a
    model that corrects its distribution in another way, too, after which this does not hold.
    """
    if getattr(network, "calibration", None) is not None:
        return None
    powers = predictions.probabilities**temperature
    answered = np.searchsorted(predictions.classes, predictions.answer)
    return np.asarray(powers[np.arange(len(powers)), answered] / powers.sum(axis=1))
