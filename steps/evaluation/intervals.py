"""95 % intervals: what each metric could have been on other test images.

The percentile bootstrap (Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, chapter
13). A sample is held as how often it draws each image, so that a metric over all samples is one
product of matrices. Every call draws the same samples: what is compared is compared on the same.

For the share of right answers on a few images Wilson's interval, as no resampling of three wrong
answers holds a right one (E. B. Wilson, "Probable Inference, the Law of Succession, and Statistical
Inference", Journal of the American Statistical Association 22, 1927).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from statistics import NormalDist

import numpy as np

from evaluation.metrics import BINS, confidence_bin
from evaluation.predictions import Predictions

SAMPLES = 2000
LEVEL = 0.95
BLOCK = 4_000_000  # numbers held at once

Interval = dict[str, float]
# From how often each sample draws each image (samples, n) to each metric's values (samples,).
Measure = Callable[[np.ndarray], dict[str, np.ndarray]]


def of(measure: Measure, size: int) -> dict[str, Interval]:
    """The interval of each metric as {"low", "high"}; samples where it is undefined are left out.

    Args:
        measure: the metrics by name.
        size: how many images there are.
    """
    blocks = [measure(drawn) for drawn in draws(size)]
    found = {}
    edges = (50 * (1 - LEVEL), 50 * (1 + LEVEL))
    for name in blocks[0]:
        values = np.concatenate([block[name] for block in blocks])
        values = values[np.isfinite(values)]
        if len(values):
            low, high = np.percentile(values, edges)
            found[name] = {"low": float(low), "high": float(high)}
    return found


def share(right: int, images: int) -> Interval:
    """Wilson's interval of the share `right / images`, as {"low", "high"}.

    Args:
        right: how many of the images.
        images: at least one.
    """
    deviations = NormalDist().inv_cdf((1 + LEVEL) / 2)
    value, spread = right / images, deviations**2 / images
    middle = value + spread / 2
    half = math.sqrt(spread * (value * (1 - value) + spread / 4))
    # At 0 and 1 the square root's last digit must not put the share outside its own interval.
    low, high = (middle - half) / (1 + spread), (middle + half) / (1 + spread)
    return {"low": max(0.0, min(low, value)), "high": min(1.0, max(high, value))}


def draws(size: int) -> Iterator[np.ndarray]:
    """How often each of SAMPLES samples draws each image: (samples, size), in blocks."""
    generator = np.random.default_rng(0)
    rows = max(1, min(SAMPLES, BLOCK // size))
    for start in range(0, SAMPLES, rows):
        number = min(rows, SAMPLES - start)
        places = generator.integers(0, size, (number, size)) + size * np.arange(number)[:, None]
        counted = np.bincount(places.ravel(), minlength=number * size)
        yield counted.reshape(number, size).astype(float)


def headline(found: Predictions, confidence_before: np.ndarray) -> dict[str, Interval]:
    """The intervals of the metrics that are shown first.

    Args:
        found: the model's answers.
        confidence_before: float (n,), of its answers without temperature scaling.
    """
    off = np.abs(found.truth - found.answer).astype(float)
    expected_off = np.abs(found.truth - found.expected_count)

    def measure(drawn: np.ndarray) -> dict[str, np.ndarray]:
        size = drawn.shape[1]
        return {
            "accuracy": drawn @ found.right / size,
            "within_one_accuracy": drawn @ (off <= 1) / size,
            "mae": drawn @ off / size,
            "rmse": np.sqrt(drawn @ off**2 / size),
            "expected_count_mae": drawn @ expected_off / size,
            "expected_count_rmse": np.sqrt(drawn @ expected_off**2 / size),
            "macro_f1": _macro_f1(drawn, found),
            "calibration_error": _calibration_error(drawn, found.confidence, found.right),
            "calibration_error_before": _calibration_error(drawn, confidence_before, found.right),
        }

    return of(measure, len(found.truth))


def compared(found: Predictions, approved: Predictions) -> dict[str, Interval]:
    """The approved model's accuracy, and how much better the model is on the same samples."""
    better = found.right.astype(float) - approved.right

    def measure(drawn: np.ndarray) -> dict[str, np.ndarray]:
        size = drawn.shape[1]
        return {
            "approved_accuracy": drawn @ approved.right / size,
            "difference": drawn @ better / size,
        }

    return of(measure, len(found.truth))


def _macro_f1(drawn: np.ndarray, found: Predictions) -> np.ndarray:
    """The mean of F1 over the counts that a sample holds or answers."""
    labels = np.unique(np.concatenate([found.truth, found.answer]))
    true = drawn @ (found.truth[:, None] == labels)
    answered = drawn @ (found.answer[:, None] == labels)
    right = drawn @ ((found.truth[:, None] == labels) & found.right[:, None])
    both = true + answered
    score = 2 * right / np.maximum(both, 1)
    return score.sum(axis=1) / (both > 0).sum(axis=1)


def _calibration_error(drawn: np.ndarray, confidence: np.ndarray, right: np.ndarray) -> np.ndarray:
    inside = confidence_bin(confidence)[:, None] == np.arange(BINS)
    gaps = drawn @ (inside * (right - confidence)[:, None])
    return np.abs(gaps).sum(axis=1) / drawn.shape[1]
