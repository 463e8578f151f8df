"""Metrics of predicted counts, as scikit-learn defines them, each with its standard deviation.

A standard deviation is that of the metric over bootstrap samples (Efron 1979): as many images as
the test set has, drawn from it with replacement, with a fixed seed.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn import metrics as sk

from evaluation.predictions import Predictions

SAMPLES = 100
BINS = 15  # of confidence, as in Guo et al. 2017
BETAS = {"f0_5": 0.5, "f1": 1.0, "f2": 2.0}

Values = dict[str, float]


def classification(predictions: Predictions) -> dict[str, Any]:
    """`multiclass_classification_metrics` of SageMaker's model-quality format.

    Source: SageMaker developer guide, "Model quality metrics". In the confusion matrix the outer
    key is the true count and the inner one the answer. `..._best_constant_classifier` is what
    always saying the most frequent count of the test set would reach.
    """
    truth, answer = predictions.truth, predictions.answer
    counts, frequency = np.unique(truth, return_counts=True)
    constant = np.full_like(truth, counts[frequency.argmax()])
    matrix = sk.confusion_matrix(truth, answer, labels=predictions.classes).tolist()
    names = [str(count) for count in predictions.classes]
    best = with_deviation(lambda index: weighted(truth[index], constant[index]), len(truth))
    return {
        "confusion_matrix": {
            name: dict(zip(names, row, strict=True))
            for name, row in zip(names, matrix, strict=True)
        },
        **with_deviation(lambda index: weighted(truth[index], answer[index]), len(truth)),
        **{f"{name}_best_constant_classifier": value for name, value in best.items()},
    }


def regression(truth: np.ndarray, answer: np.ndarray) -> dict[str, Any]:
    """`regression_metrics` of the same format: mae, mse, rmse, r2."""
    return with_deviation(lambda index: errors(truth[index], answer[index]), len(truth))


def counting(predictions: Predictions) -> dict[str, Any]:
    """Metrics that matter for counting and are not in SageMaker's format."""

    def measure(index: np.ndarray) -> Values:
        truth, answer = predictions.truth[index], predictions.answer[index]
        return {
            "within_one_accuracy": float(np.mean(np.abs(truth - answer) <= 1)),
            # Over the classes that occur in truth or answer, as scikit-learn has it by default.
            "macro_f1": float(_Hits.of(truth, answer).score(1.0).mean()),
            "calibration_error": calibration_error(
                predictions.confidence[index], predictions.right[index]
            ),
        }

    return with_deviation(measure, len(predictions.truth))


def per_class(predictions: Predictions) -> dict[str, dict[str, float]]:
    """Precision, recall, F1 and number of test images of each count."""
    columns = sk.precision_recall_fscore_support(
        predictions.truth, predictions.answer, labels=predictions.classes, zero_division=0
    )
    names = ("precision", "recall", "f1", "support")
    return {
        str(count): {
            name: round(float(column[index]), 6) if name != "support" else int(column[index])
            for name, column in zip(names, columns, strict=True)
        }
        for index, count in enumerate(predictions.classes)
    }


def baselines(truth: np.ndarray, training_counts: dict[int, int]) -> dict[str, Any]:
    """What knowing only the training labels reaches: their majority and their mean."""
    majority = max(training_counts, key=lambda count: (training_counts[count], -count))
    total = sum(training_counts.values())
    mean = sum(count * number for count, number in training_counts.items()) / total
    return {
        "majority_class": {
            "count": majority,
            "accuracy": {"value": float(np.mean(truth == majority))},
        },
        "mean_count": {
            "count": mean,
            "rmse": {"value": float(np.sqrt(np.mean((truth - mean) ** 2)))},
        },
    }


def comparison(
    candidate: Predictions, approved: Predictions | None, decides: bool = True
) -> dict[str, Any]:
    """The approved model on the same images, and how much better the candidate is.

    Without an approved model its accuracy is 0.0, which any candidate reaches. The difference is
    paired: each bootstrap sample judges both models on the same images.

    Args:
        candidate: answers for the images that neither model has learnt from.
        approved: the approved model's answers for the same ones.
        decides: whether the candidate must reach the approved model's accuracy on them.
    """
    if approved is None:
        own = {"value": float(candidate.right.mean())}
        none = {"value": 0.0}
        return {
            "present": False, "accuracy": none, "candidate_accuracy": own, "must_reach": none
        }  # fmt: skip
    ours, theirs = candidate.right, approved.right

    def measure(index: np.ndarray) -> Values:
        return {
            "accuracy": float(theirs[index].mean()),
            "candidate_accuracy": float(ours[index].mean()),
            "difference": float(ours[index].mean() - theirs[index].mean()),
        }

    return {
        "present": True,
        "images": len(ours),
        "must_reach": {"value": float(theirs.mean()) if decides else 0.0},
        **with_deviation(measure, len(ours)),
        "only_candidate_right": int((ours & ~theirs).sum()),
        "only_approved_right": int((theirs & ~ours).sum()),
    }


def calibration_error(confidence: np.ndarray, right: np.ndarray) -> float:
    """Expected calibration error: the mean gap of confidence and accuracy, weighted by bin size.

    Source: Guo et al., "On Calibration of Modern Neural Networks", ICML 2017, equation 3, with bins
    of equal width.
    """
    sizes, means, accuracies = calibration_bins(confidence, right)
    filled = sizes > 0
    gaps = np.abs(accuracies[filled] - means[filled])
    return float((sizes[filled] / sizes.sum() * gaps).sum())


def calibration_bins(
    confidence: np.ndarray, right: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Images, mean confidence and accuracy of each bin (m-1)/15 < confidence <= m/15."""
    bins = confidence_bin(confidence)
    sizes = np.bincount(bins, minlength=BINS)
    divisor = np.maximum(sizes, 1)
    means = np.bincount(bins, weights=confidence, minlength=BINS) / divisor
    accuracies = np.bincount(bins, weights=right.astype(float), minlength=BINS) / divisor
    return sizes, means, accuracies


def confidence_bin(confidence: np.ndarray) -> np.ndarray:
    """Int (n,): the place of each confidence among the bins."""
    return np.clip(np.ceil(confidence * BINS).astype(int) - 1, 0, BINS - 1)


def weighted(truth: np.ndarray, answer: np.ndarray) -> Values:
    """Accuracy, and precision, recall and F weighted by the support of each class."""
    hits = _Hits.of(truth, answer)
    values = {
        "precision": hits.right / np.maximum(hits.answered, 1),
        "recall": hits.right / np.maximum(hits.true, 1),
        **{name: hits.score(beta) for name, beta in BETAS.items()},
    }
    return {"accuracy": float(np.mean(truth == answer))} | {
        f"weighted_{name}": float((hits.true * value).sum() / len(truth))
        for name, value in values.items()
    }


def errors(truth: np.ndarray, answer: np.ndarray) -> Values:
    """Mean absolute and squared error, its root, and the share of variance explained."""
    mse = float(((truth - answer) ** 2).mean())
    spread = float(((truth - truth.mean()) ** 2).mean())
    return {
        "mae": float(np.abs(truth - answer).mean()),
        "mse": mse,
        "rmse": math.sqrt(mse),
        "r2": 1 - mse / spread if spread else math.nan,  # undefined for one count only
    }


def with_deviation(measure: Callable[[np.ndarray], Values], size: int) -> dict[str, Any]:
    """Each metric as {"value", "standard_deviation"}, in SageMaker's form: "NaN" where undefined.

    Args:
        measure: from indices of images to metrics by name.
        size: how many images there are.
    """
    generator = np.random.default_rng(0)
    values = measure(np.arange(size))
    samples = [measure(generator.integers(0, size, size)) for _ in range(SAMPLES)]
    return {
        name: {
            "value": _finite(value),
            "standard_deviation": _finite(float(np.std([sample[name] for sample in samples]))),
        }
        for name, value in values.items()
    }


@dataclass(frozen=True)
class _Hits:
    """How often each count that occurs is true, answered, and both: int (classes,) each.

    scikit-learn's functions spend a millisecond on what takes microseconds here, and the bootstrap
    asks hundreds of times; a test holds the two equal.
    """

    true: np.ndarray
    answered: np.ndarray
    right: np.ndarray

    @classmethod
    def of(cls, truth: np.ndarray, answer: np.ndarray) -> _Hits:
        labels, places = np.unique(np.concatenate([truth, answer]), return_inverse=True)
        true, answered = places[: len(truth)], places[len(truth) :]
        parts = (true, answered, true[true == answered])
        return cls(*(np.bincount(part, minlength=len(labels)) for part in parts))

    def score(self, beta: float) -> np.ndarray:
        """F of each count: recall weighs beta times as much as precision."""
        return (1 + beta**2) * self.right / (beta**2 * self.true + self.answered)


def _finite(value: float) -> float | str:
    return value if math.isfinite(value) else "NaN"
