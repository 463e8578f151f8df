"""Stock records against bins: by hand on three bins whose probabilities are given."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import ArrayLike

from evaluation import verification
from evaluation.predictions import Predictions
from evaluation.testset import TestImage


def found(
    truth: ArrayLike, probabilities: ArrayLike, classes: tuple[int, ...] = (1, 2, 3)
) -> Predictions:
    truth, shares = np.array(truth), np.array(probabilities, dtype=float)
    answer = np.array(classes)[shares.argmax(axis=1)]
    of_truth = shares[np.arange(len(truth)), np.searchsorted(classes, truth)]
    images = tuple(TestImage(Path(f"{n}.jpg"), int(count)) for n, count in enumerate(truth))
    mean = shares @ np.array(classes)
    return Predictions(
        images, tuple(classes), truth, answer, shares.max(axis=1), of_truth, mean, shares
    )


THREE = found([1, 2, 3], [[0.8, 0.15, 0.05], [0.3, 0.6, 0.1], [0.1, 0.7, 0.2]])


def test_wrong_records_are_likelier_near_the_truth() -> None:
    """Of a bin of 1, 2 is twice as likely as 3; of a bin of 2, 1 and 3 are alike."""
    weight = verification.pairs(THREE, 0.3).weight
    assert weight == pytest.approx(np.array([[0.7, 0.2, 0.1], [0.15, 0.7, 0.15], [0.1, 0.2, 0.7]]))


@pytest.mark.parametrize(
    ("precision", "threshold"),
    [
        pytest.param(0.99, 0.8, id="only the surest bin"),
        # 0.8 (right, 0.7), 0.7 (wrong, 0.2), 0.6 (right, 0.7): 1.4 of 1.6 are right.
        pytest.param(0.875, 0.6, id="a wrong one is made up for below"),
        pytest.param(0.7, 0.05, id="every bin, as often as the records are correct"),
        # Then come 0.3 (wrong, 0.15) and 0.2 (right, 0.7): 2.1 of 2.45.
        pytest.param(0.85, 0.2, id="most"),
    ],
)
def test_the_lowest_threshold_that_reaches_the_precision(
    precision: float, threshold: float
) -> None:
    chosen = verification.lowest_threshold(verification.pairs(THREE, 0.3), precision)
    assert chosen == pytest.approx(threshold)


def test_no_threshold_where_the_surest_is_wrong() -> None:
    liar = found([1, 1], [[0.1, 0.9, 0.0], [0.2, 0.8, 0.0]])
    described = verification.describe(liar, None, 0.3, 0.99)
    assert described["threshold"] is None
    assert described["passed"]["value"] == 0
    assert described["precision"]["value"] is None
    assert "a person must look at every bin" in described["sentence"]


def test_pairs_of_the_same_score_pass_together() -> None:
    twins = found([1, 2], [[0.6, 0.4, 0.0], [0.6, 0.4, 0.0]])
    assert verification.lowest_threshold(verification.pairs(twins, 0.5), 0.99) is None


def test_what_passes_at_the_threshold() -> None:
    described = verification.describe(THREE, THREE, 0.3, 0.875)
    assert described["threshold_from"] == "validation"
    assert described["passed"]["value"] == pytest.approx(1.6 / 3)
    assert described["precision"]["value"] == pytest.approx(0.875)
    assert described["right_passed"]["value"] == pytest.approx(1.4 / 2.1)
    assert described["wrong_passed"]["value"] == pytest.approx(0.2 / 0.9)
    assert described["same_as_answered"]["precision"]["value"] == pytest.approx(1.4 / 1.6)
    assert described["passed"]["low"] <= described["passed"]["value"] <= described["passed"]["high"]


def test_the_threshold_is_chosen_on_validation_and_judged_on_test() -> None:
    """On test alone 0.6 would reach it; validation's surest is lower, and lets the wrong one in."""
    easy = found([1, 2, 3], [[0.65, 0.3, 0.05], [0.2, 0.75, 0.05], [0.05, 0.25, 0.7]])
    described = verification.describe(THREE, easy, 0.3, 0.99)
    assert described["threshold"] == pytest.approx(0.65)
    assert described["precision"]["value"] == pytest.approx(0.7 / 0.9)


def test_a_perfect_model_passes_every_correct_record_and_no_wrong_one() -> None:
    perfect = found([1, 2, 3], np.eye(3))
    described = verification.describe(perfect, perfect, 0.1, 0.95)
    assert described["auc"] == 1
    assert [row["wrong_passed"]["value"] for row in described["other_shares"][-2:]] == [0, 0]
    assert described["same_as_answered"]["passed"]["value"] == pytest.approx(0.9)


def test_the_area_does_not_depend_on_how_many_records_are_wrong() -> None:
    areas = [verification.describe(THREE, None, wrong, 0.9)["auc"] for wrong in (0.05, 0.4)]
    assert areas[0] == pytest.approx(areas[1])
