"""Intervals against arithmetic, and against the metrics that they are the intervals of."""

from pathlib import Path

import numpy as np
import pytest

from evaluation import approved_model, calibration_error, intervals
from evaluation.predictions import Predictions
from evaluation.testset import TestImage

CLASSES = (1, 2, 3)


def some(size: int, seed: int = 0) -> Predictions:
    generator = np.random.default_rng(seed)
    truth = generator.integers(1, 4, size)
    shares = generator.dirichlet((1, 1, 1), size)
    answer = shares.argmax(axis=1) + 1
    images = tuple(TestImage(Path(f"{n}.jpg"), int(count)) for n, count in enumerate(truth))
    return Predictions(
        images, CLASSES, truth, answer, shares.max(axis=1), shares[np.arange(size), truth - 1],
        shares @ np.array(CLASSES), shares,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("right", "images", "low", "high"),
    [(0, 3, 0.0, 0.5615), (3, 3, 0.4385, 1.0), (81, 263, 0.2553, 0.3662)],  # Newcombe 1998, table I
)
def test_the_interval_of_a_share_of_few_images_is_wilsons(
    right: int, images: int, low: float, high: float
) -> None:
    found = intervals.wilson(right, images)
    assert found["low"] == pytest.approx(low, abs=5e-5)
    assert found["high"] == pytest.approx(high, abs=5e-5)


def test_a_share_has_the_binomial_interval() -> None:
    """80 of 400: 20 % ± 1.96 * sqrt(0.2 * 0.8 / 400)."""
    right = np.arange(400) < 80
    found = intervals.estimate(lambda drawn: {"share": drawn @ right / 400}, 400)["share"]
    assert found["value"] == 0.2
    assert found["standard_deviation"] == pytest.approx(0.02, rel=0.05)
    assert found["low"] == pytest.approx(0.2 - 1.96 * 0.02, abs=0.005)
    assert found["high"] == pytest.approx(0.2 + 1.96 * 0.02, abs=0.005)


def test_samples_without_a_value_are_left_out() -> None:
    """The share of one image: undefined in every sample that does not draw it."""
    found = intervals.estimate(lambda drawn: {"one": np.where(drawn[:, 0], 1.0, np.nan)}, 10)["one"]
    assert found == {"value": 1.0, "standard_deviation": 0.0, "low": 1.0, "high": 1.0}
    nothing = intervals.estimate(lambda drawn: {"none": drawn[:, 0] * np.nan}, 10)
    assert nothing["none"] == {"value": None}


def test_blocks_do_not_change_the_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = np.concatenate(list(intervals.draws(30)))
    monkeypatch.setattr(intervals, "BLOCK", 30 * 7)
    assert np.array_equal(np.concatenate(list(intervals.draws(30))), whole)
    assert whole.shape == (intervals.SAMPLES, 30)
    assert (whole.sum(axis=1) == 30).all()


def test_a_model_beside_itself_differs_by_nothing() -> None:
    found = some(50)
    compared = approved_model.Comparison(found, found, only_unseen=True, decides=True)
    assert (
        compared.describe()["difference"]["low"] == compared.describe()["difference"]["high"] == 0
    )


def test_temperature_one_brings_the_networks_own_confidence_back() -> None:
    logits = np.array([[2.0, 1.0, 0.0], [0.0, 3.0, 1.0]])
    softmax = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    cooled = np.exp(logits / 2.5) / np.exp(logits / 2.5).sum(axis=1, keepdims=True)
    found = some(2)
    rows, answered = np.arange(2), np.array([0, 2])  # the second is not the most probable
    served = Predictions(
        found.images, CLASSES, found.truth, np.array(CLASSES)[answered], cooled[rows, answered],
        cooled[:, 0], found.expected_count, cooled,
    )  # fmt: skip
    assert calibration_error.unscaled_confidence(served, 2.5, None) == pytest.approx(
        softmax[rows, answered]
    )
