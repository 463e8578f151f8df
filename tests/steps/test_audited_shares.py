"""Intervals against values computed by hand, and against bins whose true share is known."""

import math

import numpy as np
import pytest

from audited_shares import Group, Share, over_groups, wilson

SIMULATED = 2000


@pytest.mark.parametrize(
    ("hits", "of", "low", "high"),
    [
        # Newcombe 1998, table I, method 3
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_an_interval_is_wilsons(hits: int, of: int, low: float, high: float) -> None:
    share = wilson(hits, of)
    assert share is not None
    assert share.value == hits / of
    assert share.low == pytest.approx(low, abs=5e-5)
    assert share.high == pytest.approx(high, abs=5e-5)


def test_nothing_has_no_share() -> None:
    assert wilson(0, 0) is None
    assert over_groups([]) is None


def test_all_of_few_is_not_certain() -> None:
    share = wilson(3, 3)
    assert share is not None and share.high == 1.0 and 0.4 < share.low < 0.5


def test_groups_count_as_often_as_their_bins() -> None:
    """By hand: 100 bins all looked at, 40 wrong; 900 bins of which 90 were looked at, 1 wrong."""
    share = over_groups([Group(100, 100, 40), Group(900, 90, 1)])
    value = 0.1 * 0.4 + 0.9 / 90
    between = 1.959964**2 * (0.1 * (0.4 - value) ** 2 + 0.9 * (1 / 90 - value) ** 2) / 1000
    # Wilson's intervals: 40 of 100 is 0.30940 to 0.49800, 1 of 90 is 0.00196 to 0.06036.
    low = value - math.sqrt((0.1 * 0.09060) ** 2 + (0.9 * 0.009151) ** 2 + between)
    high = value + math.sqrt((0.1 * 0.09800) ** 2 + (0.9 * 0.04925) ** 2 + between)
    assert share is not None
    assert share.value == pytest.approx(0.05)
    assert share.low == pytest.approx(low, abs=2e-4)
    assert share.high == pytest.approx(high, abs=2e-4)


def test_one_group_has_its_own_interval() -> None:
    assert over_groups([Group(50, 20, 3), Group(0, 0, 0)]) == wilson(3, 20)


def test_a_group_that_nobody_looked_at_leaves_the_share_unknown() -> None:
    assert over_groups([Group(100, 100, 40), Group(900, 0, 0)]) is None


@pytest.mark.parametrize("sample", [0.05, 0.2])
def test_19_of_20_intervals_hold_the_share_that_the_bins_were_drawn_with(sample: float) -> None:
    """Bins of a process with a known share; those that pass are looked at by chance."""
    rng = np.random.default_rng(16)
    parts, wrong = np.array([0.16, 0.04, 0.80]), np.array([0.45, 0.2, 0.03])
    truth = float(parts @ wrong)
    held = 0
    for _ in range(SIMULATED):
        bins = rng.multinomial(1500, parts)
        audited = [bins[0], bins[1], max(1, rng.binomial(bins[2], sample))]
        hits = [rng.binomial(n, share) for n, share in zip(audited, wrong, strict=True)]
        groups = [Group(*map(int, one)) for one in zip(bins, audited, hits, strict=True)]
        share = over_groups(groups)
        assert isinstance(share, Share)
        held += share.low <= truth <= share.high
    assert 0.935 <= held / SIMULATED <= 0.98
