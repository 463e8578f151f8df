"""The metrics that AWS's XGBoost image has beside XGBoost's own, by scikit-learn.

Names and directions: "Tune an XGBoost model" of the SageMaker developer guide, and
metrics/custom_metrics.py of aws/sagemaker-xgboost-container.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from sklearn import metrics

_CLASSES: dict[str, Callable[..., float]] = {
    "accuracy": metrics.accuracy_score,
    "balanced_accuracy": metrics.balanced_accuracy_score,
    "f1": partial(metrics.f1_score, average="macro"),
    "f1_binary": partial(metrics.f1_score, average="binary"),
    "f1_macro": partial(metrics.f1_score, average="macro"),
    "precision": partial(metrics.precision_score, average="binary"),
    "precision_macro": partial(metrics.precision_score, average="macro"),
    "precision_micro": partial(metrics.precision_score, average="micro"),
    "recall": partial(metrics.recall_score, average="binary"),
    "recall_macro": partial(metrics.recall_score, average="macro"),
    "recall_micro": partial(metrics.recall_score, average="micro"),
}
_NUMBERS: dict[str, Callable[..., float]] = {
    "mse": metrics.mean_squared_error,
    "r2": metrics.r2_score,
}
NAMES = (*_CLASSES, *_NUMBERS)
_MAXIMIZED = (*_CLASSES, "r2", "auc", "aucpr", "map", "ndcg")


def is_to_be_maximized(metric: str) -> bool:
    """Whether more is better; a threshold may follow the name, as in `ndcg@5`."""
    return metric.partition("@")[0] in _MAXIMIZED


def measuring(names: list[str], transformed: bool) -> Callable[..., list[tuple[str, float]]]:
    """What `xgboost.train` calls with predictions and data after each round.

    Args:
        names: The metrics.
        transformed: Whether predictions come as probabilities, and not as log-odds.
    """

    def measure(predicted: Any, data: Any) -> list[tuple[str, float]]:
        labels = data.get_label()
        if predicted.ndim > 1:
            classes = np.argmax(predicted, axis=-1)
        elif transformed and not np.any((predicted < 0) | (predicted > 1)):
            classes = (predicted > 0.5).astype(int)
        else:  # log-odds, or classes of multi:softmax
            classes = predicted if transformed else (predicted > 0).astype(int)
        return [
            (name, float(_CLASSES[name](labels, classes)))
            if name in _CLASSES
            else (name, float(_NUMBERS[name](labels, predicted)))
            for name in names
        ]

    return measure
