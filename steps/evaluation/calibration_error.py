"""What temperature scaling did: the calibration error without it and with it.

Source: Guo et al., "On Calibration of Modern Neural Networks", ICML 2017. Train fits the
temperature on the validation images, and what is served already carries it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from evaluation import metrics
from evaluation.predictions import Predictions


def temperature_of(model: Path) -> float:
    """The temperature in a model's folder; 1 for one that has none."""
    return float(json.loads((model / "model.json").read_text()).get("temperature", 1.0))


def confidence_before(found: Predictions, temperature: float) -> np.ndarray:
    """Float (n,): the confidence of each answer as it would be with temperature 1.

    What is served is softmax(z / T), so p^T, made to add up to 1 again, is softmax(z).
    """
    powers = found.probabilities**temperature
    answered = np.searchsorted(found.classes, found.answer)
    return powers[np.arange(len(powers)), answered] / powers.sum(axis=1)


def describe(found: Predictions, before: np.ndarray, temperature: float) -> dict[str, Any]:
    """The temperature, and the expected calibration error before and after it."""
    return {
        "temperature": temperature,
        "before": metrics.calibration_error(before, found.right),
        "after": metrics.calibration_error(found.confidence, found.right),
    }
