"""Evaluate's metrics beside arithmetic by hand and scikit-learn; its pictures at their limits."""

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import ArrayLike
from PIL import Image
from sklearn import metrics as sk

import evaluate
from audit_finding import Finding
from evaluation import (
    approved_model,
    baselines,
    calibration_error,
    metrics,
    mistakes,
    plots,
    predictions,
    testset,
)
from tests.steps.tiny_model import CLASSES


def probabilities(answer: int, confidence: float) -> list[float]:
    return [confidence if count == answer else (1 - confidence) / 2 for count in CLASSES]


def answers(
    truth: ArrayLike,
    answer: ArrayLike,
    confidence: ArrayLike | None = None,
    classes: tuple[int, ...] = CLASSES,
) -> predictions.Predictions:
    truth, answer = np.array(truth), np.array(answer)
    confidence = np.full(len(truth), 0.8) if confidence is None else np.array(confidence)
    images = tuple(testset.TestImage(Path(f"{n}.jpg"), int(t)) for n, t in enumerate(truth))
    of_truth = np.where(truth == answer, confidence, (1 - confidence) / 2)
    shares = [probabilities(*one) for one in zip(answer, confidence, strict=True)]
    return predictions.Predictions(
        images, classes, truth, answer, confidence, of_truth, answer.astype(float),
        np.array(shares),
    )  # fmt: skip


def values(given: predictions.Predictions) -> dict[str, float | None]:
    return {name: one["value"] for name, one in metrics.estimate(given).items()}


@pytest.mark.parametrize(
    ("confidence", "right", "error"),
    [
        pytest.param([1.0, 1.0], [True, True], 0.0, id="sure and right"),
        pytest.param([1.0, 1.0], [False, False], 1.0, id="sure and wrong"),
        pytest.param([0.75, 0.75, 0.75, 0.75], [True, True, True, False], 0.0, id="as it says"),
        pytest.param([0.95, 0.95, 0.35, 0.35], [True, False, True, False], 0.3, id="two bins"),
        pytest.param([0.95, 0.35, 0.35, 0.35], [True, False, False, False], 0.275, id="by size"),
        pytest.param([0.0], [False], 0.0, id="zero is in the first bin"),
    ],
)
def test_calibration_error(confidence: list[float], right: list[bool], error: float) -> None:
    once = np.ones((1, len(right)))
    found = calibration_error.calibration_error(np.array(confidence), np.array(right), once)
    assert found == pytest.approx([error])


def test_calibration_bins_hold_their_upper_edge() -> None:
    sizes, means, accuracies = calibration_error.calibration_bins(
        np.array([1 / 15, 0.0667, 1.0]), np.array([True, False, True])
    )
    assert sizes.tolist() == [1, 1] + [0] * 12 + [1]
    assert means[[0, 1, 14]] == pytest.approx([1 / 15, 0.0667, 1.0])
    assert accuracies[[0, 1, 14]].tolist() == [1, 0, 1]


@pytest.mark.parametrize(
    ("truth", "answer", "mae", "mse", "r2"),
    [
        pytest.param([1, 2, 3], [1, 2, 3], 0, 0, 1, id="right"),
        pytest.param([1, 2, 3], [2, 2, 2], 2 / 3, 2 / 3, 0, id="the mean"),
        pytest.param([1, 5], [5, 1], 4, 16, -3, id="the wrong way round"),
    ],
)
def test_errors(truth: list[int], answer: list[int], mae: float, mse: float, r2: float) -> None:
    found = values(answers(truth, answer))
    expected = {"mae": mae, "mse": mse, "rmse": math.sqrt(mse), "r2": r2}
    assert {name: found[name] for name in expected} == pytest.approx(expected)


@pytest.mark.parametrize("seed", range(5))
def test_metrics_are_those_of_scikit_learn(seed: int) -> None:
    generator = np.random.default_rng(seed)
    truth, answer = generator.integers(1, 5, 30), generator.integers(2, 7, 30)
    found = values(answers(truth, answer, classes=(1, 2, 3, 4, 5, 6)))
    for name, beta in (("f0_5", 0.5), ("f1", 1), ("f2", 2)):
        precision, recall, score, _ = sk.precision_recall_fscore_support(
            truth, answer, beta=beta, average="weighted", zero_division=0
        )
        assert found["weighted_precision"] == pytest.approx(precision)
        assert found["weighted_recall"] == pytest.approx(recall)
        assert found[f"weighted_{name}"] == pytest.approx(score)
    macro = sk.f1_score(truth, answer, average="macro", zero_division=0)
    assert found["macro_f1"] == pytest.approx(macro)
    assert found["mse"] == pytest.approx(sk.mean_squared_error(truth, answer))
    assert found["mae"] == pytest.approx(sk.mean_absolute_error(truth, answer))
    assert found["r2"] == pytest.approx(sk.r2_score(truth, answer))


def test_what_is_undefined_is_nan_in_sagemakers_form() -> None:
    found = metrics.describe(answers([3, 3], [3, 1]), {})["regression_metrics"]
    assert found["r2"] == {"value": "NaN", "standard_deviation": "NaN"}
    assert found["rmse"]["value"] == pytest.approx(math.sqrt(2))
    json.dumps(found, allow_nan=False)


def test_a_count_that_no_test_image_has() -> None:
    found = metrics.per_count(answers([1, 1], [1, 3]))
    assert found["5"] == {"precision": 0, "recall": 0, "f1": 0, "support": 0}
    assert found["1"] == {"precision": 1, "recall": 0.5, "f1": pytest.approx(2 / 3, abs=1e-6),
                          "support": 2}  # fmt: skip
    quality = metrics.describe(answers([1, 1], [1, 3]), {})["multiclass_classification_metrics"]
    assert quality["confusion_matrix"]["5"] == {"1": 0, "3": 0, "5": 0}
    assert quality["accuracy_best_constant_classifier"]["value"] == 1.0


def test_within_one() -> None:
    found = values(answers([1, 2, 3, 4], [1, 3, 5, 4], classes=(1, 2, 3, 4, 5)))
    assert found["within_one_accuracy"] == 0.75


def test_the_majority_of_equals_is_the_smallest() -> None:
    given = answers([1, 1, 5], [1, 1, 1])
    found = baselines.baselines(given, {5: 10, 1: 10}, 1.0, given.confidence)
    assert {name: one.label for name, one in found.items()} == {
        "majority": "always answering 1",
        "mean": "always answering the mean, 3.00",
        "expected_count": "the expected count",
    }
    assert values(found["majority"].predictions)["accuracy"] == pytest.approx(2 / 3)
    assert values(found["mean"].predictions)["rmse"] == 2


def test_models_are_compared_on_the_same_images() -> None:
    """Two equal models differ by exactly nothing, in every bootstrap sample."""
    one = answers([1, 3, 5, 5], [1, 3, 1, 1])
    found = approved_model.Comparison(one, one, only_unseen=False, decides=True).describe()
    nothing = {"value": 0.0, "standard_deviation": 0.0, "low": 0.0, "high": 0.0}
    assert found["difference"] == nothing
    assert found["accuracy"]["value"] == 0.5
    assert found["only_candidate_right"] == found["only_approved_right"] == 0


def test_a_metric_is_added_by_one_entry_of_the_list(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its value, its deviation and its interval; the baselines that it names, and no other."""
    over = metrics.Metric(
        "overcounted", metrics.TALLY,
        lambda given, draws: draws @ (given.answer > given.truth) / draws.shape[1],
        "overcounted", "counted too high", "percent", "lower", baselines=("majority",),
    )  # fmt: skip
    monkeypatch.setattr(metrics, "METRICS", (*metrics.METRICS, over))
    given = answers([1, 1, 3, 5], [1, 3, 3, 3])
    threes = baselines.Baseline("always answering 3", replace(given, answer=np.full(4, 3)))
    tally = metrics.describe(given, {"majority": threes, "mean": threes})["tally"]
    added = tally["metrics"][-1]
    assert (added["short"], added["interval"]) == ("25.0 %", "0.0 to 75.0 %")
    assert added["comparison"] == "always answering 3: 50.0 %"
    assert tally["overcounted"]["value"] == 0.25


# ---- pictures at their limits


def test_the_worst_mistakes_come_first() -> None:
    given = answers([1, 1, 1, 1], [3, 1, 3, 5], [0.5, 0.99, 0.9, 0.7])
    assert mistakes.worst(given) == [2, 3, 0]
    assert mistakes.worst(given, 1) == [2]


def test_a_mistake_whose_audit_contradicts_record_and_model_comes_before_all_others() -> None:
    given = answers([1, 1, 1, 1], [3, 1, 3, 5], [0.5, 0.99, 0.9, 0.7])
    findings = [Finding(3, 5, True), Finding(3, 5, True), None, Finding(1, 5, False)]
    images = zip(given.images, findings, strict=True)
    audited = tuple(replace(image, finding=finding) for image, finding in images)
    assert mistakes.worst(replace(given, images=audited)) == [0, 2, 3]


@pytest.mark.parametrize(
    ("truth", "answer", "classes"),
    [
        pytest.param([1, 3, 5], [1, 3, 5], CLASSES, id="no mistake"),
        pytest.param([1], [1], CLASSES, id="one image"),
        pytest.param(list(range(21)), list(range(21)), tuple(range(21)), id="many counts"),
    ],
)
def test_plots_of_unusual_test_sets(
    tmp_path: Path, truth: list[int], answer: list[int], classes: tuple[int, ...]
) -> None:
    given = answers(truth, answer, classes=classes)
    document = evaluate.describe(given, None, {1: 1}, 1.0, given.confidence)
    plots.draw(tmp_path, given, document, {"history": []})
    mistakes.draw(tmp_path / "mistakes.png", given)
    for name in ("confusion", "per_class", "reliability", "mistakes"):
        with Image.open(tmp_path / f"{name}.png") as picture:
            grey = np.asarray(picture.convert("L"))
        edges = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
        assert grey.std() > 5
        assert edges.min() == 255
