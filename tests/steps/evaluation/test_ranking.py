"""AUC and what looking finds, beside scikit-learn and arithmetic by hand."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from evaluation import ranking
from evaluation.judged_claims import RIGHT, JudgedClaims


def some(bins: list[int], kinds: list[int], weight: list[float]) -> JudgedClaims:
    size = len(bins)
    return JudgedClaims(
        max(bins) + 1, np.array(bins), np.array(kinds), np.array(weight), np.ones(size, int),
        np.full(size, "look"), {},
    )  # fmt: skip


def test_the_area_is_scikit_learns_with_the_weights_of_drawn_bins() -> None:
    generator = np.random.default_rng(0)
    size = 60
    kinds = np.where(generator.random(size) < 0.5, RIGHT, 0)
    claims = some(
        generator.integers(0, 12, size).tolist(), kinds.tolist(), generator.random(size).tolist()
    )
    score = generator.integers(0, 6, size) / 5  # many are equal
    draws = generator.integers(0, 3, (4, claims.size)).astype(float)
    found = ranking.area(claims, score, claims.kinds == 0)(draws)
    for drawn, area in zip(draws, found, strict=True):
        weight = claims.weight * drawn[claims.bins]
        assert area == pytest.approx(roc_auc_score(claims.right, score, sample_weight=weight))


def test_the_area_leaves_out_other_kinds_and_pairs_without_a_score() -> None:
    claims = some([0, 0, 0, 0], [RIGHT, 0, 1, 0], [1, 1, 1, 1])
    score = np.array([0.6, 0.4, 0.9, np.nan])
    once = np.ones((1, 1))
    assert ranking.area(claims, score, claims.kinds == 0)(once) == [1.0]
    assert ranking.area(claims, score, claims.kinds == 1)(once) == [0.0]


def test_the_area_is_undefined_without_a_wrong_record() -> None:
    claims = some([0, 1], [RIGHT, RIGHT], [1, 1])
    assert np.isnan(ranking.area(claims, np.array([0.1, 0.2]), claims.kinds == 0)(np.ones((3, 2))))[
        0
    ]


def test_people_look_at_the_lowest_scores_until_the_share_is_reached() -> None:
    score = np.array([0.3, 0.1, np.nan, 0.3, 0.9])
    weight = np.array([1.0, 2.0, 4.0, 1.0, 2.0])
    # A tenth is half of the second; three tenths are it and half of each of the equal ones.
    assert ranking.looked_at(score, weight, 0.1).tolist() == [0, 0.5, 0, 0, 0]
    assert ranking.looked_at(score, weight, 0.3).tolist() == [0.5, 1, 0, 0.5, 0]
    assert ranking.looked_at(score, weight, 1.0).tolist() == [1, 1, 0, 1, 1]


def test_the_curve_ends_where_nothing_more_can_be_judged() -> None:
    score = np.array([0.2, 0.8, np.nan, 0.2])
    weight = np.array([1.0, 1.0, 1.0, 1.0])
    looked, found = ranking.curve(score, weight, np.array([True, False, True, False]))
    assert looked.tolist() == [0, 0.5, 0.75]
    assert found.tolist() == [0, 0.5, 0.5]
