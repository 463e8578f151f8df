"""The metrics of a model, in one list: how each is computed, what it is called, how it is shown.

To add a metric, add an entry to METRICS. Then evaluation.json holds it, and the log,
evaluation.html and every table and report of the command line show it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from sklearn import metrics as sk

from evaluation import intervals
from evaluation.baselines import Baseline
from evaluation.calibration_error import calibration_error
from evaluation.formatting import Format, number
from evaluation.intervals import Estimate
from evaluation.predictions import Predictions

# Sections of evaluation.json. The first two are SageMaker's model-quality format (developer guide,
# "Model quality metrics"); the third holds this project's own.
CLASSIFICATION = "multiclass_classification_metrics"
REGRESSION = "regression_metrics"
TALLY = "tally"

# From predictions and how often each sample draws each image, float (samples, images), to the
# metric of each sample, float (samples,); not finite where it is undefined.
Compute = Callable[[Predictions, np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Metric:
    """One metric.

    Attributes:
        name: its key in evaluation.json.
        section: the section of evaluation.json that holds its value.
        compute: its value over samples of the test images.
        label: its name in tables, short enough for a heading; "" for a metric that is written to
            its section and shown nowhere.
        description: what it says, in plain words.
        format: how its value is shown; "percent" for a share of 1.
        better: which of two values is the better one.
        headline: show it large, before the others.
        baselines: names of the baselines that it is compared with, where they exist.
        needs_record: do not show it where no test image has a stock record with items.
    """

    name: str
    section: str
    compute: Compute
    label: str = ""
    description: str = ""
    format: Format = "number"
    better: Literal["higher", "lower"] = "higher"
    headline: bool = False
    baselines: tuple[str, ...] = ()
    needs_record: bool = False


def _mean(values: Callable[[Predictions], np.ndarray]) -> Compute:
    """The mean over the images of a sample."""
    return lambda predictions, draws: draws @ values(predictions) / draws.sum(axis=1)


def _error(predictions: Predictions) -> Any:
    return np.abs(predictions.truth - predictions.answer)


def _expected_error(predictions: Predictions) -> Any:
    return np.abs(predictions.truth - predictions.expected_count)


def _root_mean_square(values: Callable[[Predictions], np.ndarray]) -> Compute:
    mean = _mean(lambda predictions: values(predictions) ** 2)
    return lambda predictions, draws: np.sqrt(mean(predictions, draws))


def _explained_variance(predictions: Predictions, draws: np.ndarray) -> np.ndarray:
    truth = predictions.truth.astype(float)
    spread = draws @ truth**2 - (draws @ truth) ** 2 / draws.sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):  # undefined for one count only
        return np.asarray(1 - draws @ _error(predictions) ** 2 / np.where(spread, spread, np.nan))


@dataclass(frozen=True)
class _Hits:
    """How often each count is true, predicted, and both: float (samples, counts) each."""

    true: np.ndarray
    predicted: np.ndarray
    both: np.ndarray

    @classmethod
    def count(cls, predictions: Predictions, draws: np.ndarray) -> _Hits:
        counts = np.unique(np.concatenate([predictions.truth, predictions.answer]))
        true = predictions.truth[:, None] == counts
        predicted = predictions.answer[:, None] == counts
        return cls(draws @ true, draws @ predicted, draws @ (true & predicted))

    def score(self, beta: float) -> np.ndarray:
        """F of each count: recall weighs beta times as much as precision."""
        total = beta**2 * self.true + self.predicted
        return np.asarray((1 + beta**2) * self.both / np.where(total, total, 1))


def _macro_f1(predictions: Predictions, draws: np.ndarray) -> np.ndarray:
    """The mean over the counts that are true or predicted, scikit-learn's default."""
    hits = _Hits.count(predictions, draws)
    seen = hits.true + hits.predicted > 0
    return np.asarray(hits.score(1.0).sum(axis=1) / seen.sum(axis=1))


def _weighted(score: Callable[[_Hits], np.ndarray]) -> Compute:
    """The mean over the counts, weighted by how many images have them."""

    def compute(predictions: Predictions, draws: np.ndarray) -> np.ndarray:
        hits = _Hits.count(predictions, draws)
        return np.asarray((hits.true * score(hits)).sum(axis=1) / draws.sum(axis=1))

    return compute


def _calibration_error(predictions: Predictions, draws: np.ndarray) -> np.ndarray:
    return calibration_error(predictions.confidence, predictions.correct, draws)


def _with_record(compute: Compute) -> Compute:
    """A metric of what photo and stock record say, over the images whose items are known."""

    def of_known(predictions: Predictions, draws: np.ndarray) -> np.ndarray:
        if predictions.recorded is None or predictions.with_record is None:
            return np.full(len(draws), np.nan)
        some = draws[:, predictions.recorded.known]
        values = np.full(len(draws), np.nan)
        drawn = some.sum(axis=1) > 0
        values[drawn] = compute(predictions.with_record, some[drawn])
        return values

    return of_known


METRICS: tuple[Metric, ...] = (
    Metric(
        "accuracy", CLASSIFICATION, _mean(lambda predictions: predictions.correct),
        "accuracy", "counted exactly", "percent", "higher", True, ("approved", "majority"),
    ),
    Metric(
        "within_one_accuracy", TALLY, _mean(lambda predictions: _error(predictions) <= 1),
        "within one", "at most one item off", "percent", "higher", True,
    ),
    Metric(
        "rmse", REGRESSION, _root_mean_square(_error),
        "RMSE", "root of the mean squared error", "items", "lower", False,
        ("mean", "expected_count"),
    ),
    Metric(
        "mae", REGRESSION, _mean(_error),
        "MAE", "off on average", "items", "lower", True, ("expected_count",),
    ),
    Metric(
        "macro_f1", TALLY, _macro_f1,
        "macro F1", "F1, averaged over the counts", "number", "higher",
    ),
    Metric(
        "calibration_error", TALLY, _calibration_error,
        "calibration error", "gap between confidence and accuracy", "number", "lower", False,
        ("unscaled",),
    ),
    Metric(
        "accuracy_with_record", TALLY, _with_record(_mean(lambda known: known.correct)),
        "accuracy + record", "counted exactly by photo and stock record", "percent", "higher",
        False, ("photo_alone",), True,
    ),
    Metric(
        "within_one_with_record", TALLY, _with_record(_mean(lambda known: _error(known) <= 1)),
        "within one + record", "at most one item off, by photo and stock record", "percent",
        "higher", False, ("photo_alone",), True,
    ),
    Metric(
        "rmse_with_record", TALLY, _with_record(_root_mean_square(_error)),
        "RMSE + record", "root of the mean squared error, by photo and stock record", "items",
        "lower", False, ("photo_alone", "expected_count"), True,
    ),
    Metric(
        "calibration_error_with_record", TALLY, _with_record(_calibration_error),
        "calibration + record",
        "gap between confidence and accuracy, by photo and stock record", "number", "lower", False,
        ("photo_alone",), True,
    ),
    Metric("mse", REGRESSION, _mean(lambda predictions: _error(predictions) ** 2)),
    Metric("r2", REGRESSION, _explained_variance),
    Metric("expected_count_mae", TALLY, _mean(_expected_error)),
    Metric("expected_count_rmse", TALLY, _root_mean_square(_expected_error)),
    Metric(
        "weighted_precision", CLASSIFICATION,
        _weighted(lambda hits: hits.both / np.maximum(hits.predicted, 1)),
    ),
    Metric(
        "weighted_recall", CLASSIFICATION,
        _weighted(lambda hits: hits.both / np.maximum(hits.true, 1)),
    ),
    Metric("weighted_f0_5", CLASSIFICATION, _weighted(lambda hits: hits.score(0.5))),
    Metric("weighted_f1", CLASSIFICATION, _weighted(lambda hits: hits.score(1.0))),
    Metric("weighted_f2", CLASSIFICATION, _weighted(lambda hits: hits.score(2.0))),
)  # fmt: skip


def describe(predictions: Predictions, baselines: Mapping[str, Baseline]) -> dict[str, Any]:
    """The three sections of evaluation.json, as far as they hold metrics.

    `tally.metrics` lists the metrics that are shown, with all that is needed to show them.
    In the confusion matrix the outer key is the true count, the inner one the predicted count.
    `..._best_constant_classifier` is the metric of always predicting the most frequent true count.
    """
    estimates = estimate(predictions)
    counts, frequency = np.unique(predictions.truth, return_counts=True)
    constant = np.full_like(predictions.truth, counts[frequency.argmax()])
    best = estimate(replace(predictions, answer=constant))
    sections: dict[str, dict[str, Any]] = {
        CLASSIFICATION: {"confusion_matrix": _confusion_matrix(predictions)},
        REGRESSION: {},
        TALLY: {},
    }
    for metric in METRICS:
        values = estimates[metric.name]
        sections[metric.section][metric.name] = _model_quality(values)
        if metric.section == CLASSIFICATION:
            name = f"{metric.name}_best_constant_classifier"
            sections[CLASSIFICATION][name] = _model_quality(best[metric.name])
    sections[TALLY]["metrics"] = [
        _shown(metric, estimates[metric.name], baselines)
        for metric in METRICS
        if metric.label and not (metric.needs_record and predictions.with_record is None)
    ]
    return sections


def _shown(metric: Metric, values: Estimate, baselines: Mapping[str, Baseline]) -> dict[str, Any]:
    """A metric with its numbers, and as the texts that tables and pages show."""
    value, spread, low, high = (
        values.get(name) for name in ("value", "standard_deviation", "low", "high")
    )
    short = number(metric.format, value) or "undefined"
    compared = [baselines[name] for name in metric.baselines if name in baselines]
    return {
        "name": metric.name, "label": metric.label, "description": metric.description,
        "format": metric.format, "better": metric.better, "headline": metric.headline, **values,
        "short": short,
        "text": number(metric.format, value, spread, between=" ± ") or short,
        "interval": number(metric.format, low, high, between=" to "),
        "comparison": "; ".join(
            f"{one.label}: {number(metric.format, _value(metric, one.predictions))}{one.note}"
            for one in compared
        ),
    }  # fmt: skip


def estimate(predictions: Predictions) -> dict[str, Estimate]:
    """Every metric by its name, with its standard deviation and interval."""
    return intervals.estimate(
        lambda draws: {metric.name: metric.compute(predictions, draws) for metric in METRICS},
        len(predictions.truth),
    )


def per_count(predictions: Predictions) -> dict[str, dict[str, float]]:
    """Precision, recall, F1 and number of test images of each count."""
    columns = sk.precision_recall_fscore_support(
        predictions.truth, predictions.answer, labels=predictions.classes, zero_division=0
    )
    names = ("precision", "recall", "f1", "support")
    return {
        class_: {
            name: round(float(column[index]), 6) if name != "support" else int(column[index])
            for name, column in zip(names, columns, strict=True)
        }
        for index, class_ in enumerate(predictions.names)
    }


def _value(metric: Metric, predictions: Predictions) -> float:
    return float(metric.compute(predictions, np.ones((1, len(predictions.truth))))[0])


def _confusion_matrix(predictions: Predictions) -> dict[str, dict[str, int]]:
    matrix = sk.confusion_matrix(predictions.truth, predictions.answer, labels=predictions.classes)
    names = predictions.names
    rows = [dict(zip(names, row, strict=True)) for row in matrix.tolist()]
    return dict(zip(names, rows, strict=True))


def _model_quality(values: Estimate) -> dict[str, float | str]:
    """A metric in SageMaker's form: "NaN" where it is undefined."""
    names = ("value", "standard_deviation")
    return {name: "NaN" if (v := values.get(name)) is None else v for name in names}
