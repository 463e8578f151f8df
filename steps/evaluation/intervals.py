"""How much a metric could differ on other test images: standard deviations and 95 % intervals.

The percentile bootstrap (Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, chapter
13). A sample is stored as how often it draws each image, so that a metric over all samples is one
product of matrices. Every call draws the same samples: models are compared on the same ones.

For the share of correct predictions on a few images Wilson's interval, because no resampling of
three wrong predictions holds a correct one (E. B. Wilson, "Probable Inference, the Law of
Succession, and Statistical Inference", Journal of the American Statistical Association 22, 1927).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from statistics import NormalDist

import numpy as np

SAMPLES = 2000
LEVEL = 0.95
BLOCK = 4_000_000  # numbers held at once

Interval = dict[str, float]
# "value" and, where it could be estimated, "standard_deviation", "low" and "high"; a value that is
# undefined is None.
Estimate = dict[str, float | None]
# From how often each sample draws each image (samples, images) to each metric's values (samples,).
Measure = Callable[[np.ndarray], dict[str, np.ndarray]]


def estimate(measure: Measure, images: int) -> dict[str, Estimate]:
    """Each metric's value over all images, with its standard deviation and 95 % interval.

    Samples in which a metric is undefined are left out.

    Args:
        measure: the metrics by name.
        images: how many images there are.
    """
    values = measure(np.ones((1, images)))
    blocks = [measure(drawn) for drawn in draws(images)]
    edges = (50 * (1 - LEVEL), 50 * (1 + LEVEL))
    estimates: dict[str, Estimate] = {}
    for name, (value,) in values.items():
        estimates[name] = {"value": float(value) if np.isfinite(value) else None}
        samples = np.concatenate([block[name] for block in blocks])
        samples = samples[np.isfinite(samples)]
        if len(samples):
            low, high = np.percentile(samples, edges)
            spread = {"standard_deviation": float(samples.std()), "low": float(low)}
            estimates[name] |= {**spread, "high": float(high)}
    return estimates


def wilson(correct: int, images: int) -> Interval:
    """Wilson's interval of the share `correct / images`, as {"low", "high"}.

    Args:
        correct: how many of the images.
        images: at least one.
    """
    deviations = NormalDist().inv_cdf((1 + LEVEL) / 2)
    value, spread = correct / images, deviations**2 / images
    middle = value + spread / 2
    half = math.sqrt(spread * (value * (1 - value) + spread / 4))
    # At 0 and 1 the square root's last digit must not put the share outside its own interval.
    low, high = (middle - half) / (1 + spread), (middle + half) / (1 + spread)
    return {"low": max(0.0, min(low, value)), "high": min(1.0, max(high, value))}


def draws(images: int) -> Iterator[np.ndarray]:
    """How often each of SAMPLES samples draws each image: (samples, images), in blocks."""
    generator = np.random.default_rng(0)
    rows = max(1, min(SAMPLES, BLOCK // images))
    for start in range(0, SAMPLES, rows):
        number = min(rows, SAMPLES - start)
        drawn = generator.integers(0, images, (number, images))
        drawn += images * np.arange(number)[:, None]
        counted = np.bincount(drawn.ravel(), minlength=number * images)
        yield counted.reshape(number, images).astype(float)
