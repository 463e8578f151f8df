"""Figures on bins of 1 to 5 of a model that counts more, by hand on four bins."""

from pathlib import Path

import numpy as np
import pytest

from evaluation import one_to_five
from evaluation.predictions import Predictions, Recorded
from evaluation.testset import TestImage

CLASSES = (0, 1, 2, 3, 4, 5, 6)
TRUTH = [0, 2, 5, 6]
# By the photo: 0 and 6 take half of what is known of the second, and most of the third.
PHOTO = np.array([
    [1, 0, 0, 0, 0, 0, 0],
    [0.4, 0.1, 0.3, 0.1, 0, 0, 0.1],
    [0, 0, 0, 0, 0.05, 0.15, 0.8],
    [0, 0, 0, 0, 0, 0, 1],
])  # fmt: skip


def predicted() -> Predictions:
    truth, counts = np.array(TRUTH), np.array(CLASSES)
    known = np.array([True, False, True, True])
    both = np.where(known[:, None], np.eye(7)[[0, 0, 4, 6]], np.nan)
    return Predictions(
        tuple(TestImage(Path(f"{n}.jpg"), count) for n, count in enumerate(TRUTH)), CLASSES, truth,
        PHOTO.argmax(1), PHOTO.max(1), PHOTO[np.arange(4), truth], PHOTO @ counts, PHOTO,
        or_more=True, recorded=Recorded(known, both, both, np.where(known, [0, 0, 4, 6], np.nan)),
    )  # fmt: skip


def test_other_counts_are_left_out_and_the_rest_adds_up_to_one() -> None:
    found = one_to_five.restrict(predicted())
    assert found is not None
    assert (found.truth.tolist(), found.answer.tolist()) == ([2, 5], [2, 5])
    assert found.probabilities[0] == pytest.approx([0.2, 0.6, 0.2, 0, 0])
    assert found.confidence == pytest.approx([0.6, 0.75])
    assert found.expected_count == pytest.approx([2, 4.75])
    assert found.names == ("1", "2", "3", "4", "5")
    figures = one_to_five._figures(found)
    assert figures["accuracy"]["value"] == 1
    assert figures["expected_count_rmse"]["value"] == pytest.approx(np.sqrt(0.25**2 / 2))


def test_with_the_record_only_the_bins_with_known_items_count() -> None:
    found = one_to_five.restrict(predicted())
    assert found and found.with_record
    assert (found.with_record.truth.tolist(), found.with_record.answer.tolist()) == ([5], [4])


def test_nothing_is_left_of_other_bins() -> None:
    assert one_to_five.restrict(predicted().subset(np.array([0, 3]))) is None
