"""Evaluate's metrics beside arithmetic by hand and scikit-learn; its pictures at their limits."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn import metrics as sk

import evaluate
from evaluation import metrics, mistakes, plots, predictions, testset
from tests.steps.tiny_model import CLASSES


def probabilities(answer: int, confidence: float) -> list[float]:
    return [confidence if count == answer else (1 - confidence) / 2 for count in CLASSES]


def answers(truth, answer, confidence=None, classes=CLASSES) -> predictions.Predictions:
    truth, answer = np.array(truth), np.array(answer)
    confidence = np.full(len(truth), 0.8) if confidence is None else np.array(confidence)
    images = tuple(testset.TestImage(Path(f"{n}.jpg"), int(t)) for n, t in enumerate(truth))
    of_truth = np.where(truth == answer, confidence, (1 - confidence) / 2)
    shares = [probabilities(*one) for one in zip(answer, confidence, strict=True)]
    return predictions.Predictions(
        images, classes, truth, answer, confidence, of_truth, answer.astype(float),
        np.array(shares),
    )  # fmt: skip


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
def test_calibration_error(confidence, right, error):
    found = metrics.calibration_error(np.array(confidence), np.array(right))
    assert found == pytest.approx(error)


def test_calibration_bins_hold_their_upper_edge():
    sizes, means, accuracies = metrics.calibration_bins(
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
def test_errors(truth, answer, mae, mse, r2):
    found = metrics.errors(np.array(truth), np.array(answer))
    assert found == pytest.approx({"mae": mae, "mse": mse, "rmse": math.sqrt(mse), "r2": r2})


@pytest.mark.parametrize("seed", range(5))
def test_metrics_are_those_of_scikit_learn(seed):
    generator = np.random.default_rng(seed)
    truth, answer = generator.integers(1, 5, 30), generator.integers(2, 7, 30)
    found = metrics.weighted(truth, answer)
    for name, beta in (("f0_5", 0.5), ("f1", 1), ("f2", 2)):
        precision, recall, score, _ = sk.precision_recall_fscore_support(
            truth, answer, beta=beta, average="weighted", zero_division=0
        )
        assert found["weighted_precision"] == pytest.approx(precision)
        assert found["weighted_recall"] == pytest.approx(recall)
        assert found[f"weighted_{name}"] == pytest.approx(score)
    macro = sk.f1_score(truth, answer, average="macro", zero_division=0)
    counting = metrics.counting(answers(truth, answer, classes=(1, 2, 3, 4, 5, 6)))
    assert counting["macro_f1"]["value"] == pytest.approx(macro)
    errors = metrics.errors(truth, answer)
    assert errors["mse"] == pytest.approx(sk.mean_squared_error(truth, answer))
    assert errors["mae"] == pytest.approx(sk.mean_absolute_error(truth, answer))
    assert errors["r2"] == pytest.approx(sk.r2_score(truth, answer))


def test_what_is_undefined_is_nan_in_sagemakers_form():
    found = metrics.regression(np.array([3, 3]), np.array([3, 1]))
    assert found["r2"] == {"value": "NaN", "standard_deviation": "NaN"}
    assert found["rmse"]["value"] == pytest.approx(math.sqrt(2))
    json.dumps(found, allow_nan=False)


def test_a_count_that_no_test_image_has():
    found = metrics.per_class(answers([1, 1], [1, 3]))
    assert found["5"] == {"precision": 0, "recall": 0, "f1": 0, "support": 0}
    assert found["1"] == {"precision": 1, "recall": 0.5, "f1": pytest.approx(2 / 3, abs=1e-6),
                          "support": 2}  # fmt: skip
    quality = metrics.classification(answers([1, 1], [1, 3]))
    assert quality["confusion_matrix"]["5"] == {"1": 0, "3": 0, "5": 0}
    assert quality["accuracy_best_constant_classifier"]["value"] == 1.0


def test_within_one():
    found = metrics.counting(answers([1, 2, 3, 4], [1, 3, 5, 4], classes=(1, 2, 3, 4, 5)))
    assert found["within_one_accuracy"]["value"] == 0.75


def test_the_majority_of_equals_is_the_smallest():
    found = metrics.baselines(np.array([1, 1, 5]), {5: 10, 1: 10})
    assert found["majority_class"] == {"count": 1, "accuracy": {"value": pytest.approx(2 / 3)}}
    assert found["mean_count"]["count"] == 3
    assert found["mean_count"]["rmse"]["value"] == 2


def test_deviations_are_those_of_the_mean_and_the_same_each_time():
    right = np.arange(400) % 2
    found = metrics.with_deviation(lambda index: {"a": float(right[index].mean())}, 400)
    assert found["a"]["value"] == 0.5
    assert found["a"]["standard_deviation"] == pytest.approx(0.5 / 20, rel=0.25)
    assert found == metrics.with_deviation(lambda index: {"a": float(right[index].mean())}, 400)


def test_models_are_compared_on_the_same_images():
    """Two equal models differ by exactly nothing, in every bootstrap sample."""
    one = answers([1, 3, 5, 5], [1, 3, 1, 1])
    found = metrics.comparison(one, one)
    assert found["difference"] == {"value": 0.0, "standard_deviation": 0.0}
    assert found["accuracy"]["value"] == 0.5
    assert found["only_candidate_right"] == found["only_approved_right"] == 0


# ---- pictures at their limits


def test_the_worst_mistakes_come_first():
    given = answers([1, 1, 1, 1], [3, 1, 3, 5], [0.5, 0.99, 0.9, 0.7])
    assert mistakes.worst(given) == [2, 3, 0]
    assert mistakes.worst(given, 1) == [2]


@pytest.mark.parametrize(
    ("truth", "answer", "classes"),
    [
        pytest.param([1, 3, 5], [1, 3, 5], CLASSES, id="no mistake"),
        pytest.param([1], [1], CLASSES, id="one image"),
        pytest.param(list(range(21)), list(range(21)), tuple(range(21)), id="many counts"),
    ],
)
def test_plots_of_unusual_test_sets(tmp_path, truth, answer, classes):
    given = answers(truth, answer, classes=classes)
    document = evaluate.describe(given, None, {1: 1})
    plots.draw(tmp_path, given, document, {"history": []})
    mistakes.draw(tmp_path / "mistakes.png", given)
    for name in ("confusion", "per_class", "reliability", "mistakes"):
        with Image.open(tmp_path / f"{name}.png") as picture:
            grey = np.asarray(picture.convert("L"))
        edges = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
        assert grey.std() > 5
        assert edges.min() == 255
