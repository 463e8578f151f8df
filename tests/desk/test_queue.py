"""The order of a shift's queue, and the random sample in it."""

from random import Random

import pytest

from desk.queue import Judged, arrange, is_sampled

LOOKS = [Judged(n, "look", p) for n, p in enumerate([0.4, 0.05, 0.7, 0.2])]
UNSURE = [Judged(4, "look", None), Judged(5, "cannot_judge")]
PASSES = [Judged(n, "pass", 0.9) for n in range(10, 1010)]


def test_the_least_likely_record_comes_first_and_what_cannot_be_judged_last() -> None:
    assert arrange("a", [*UNSURE, *LOOKS], 0.0) == [4, 1, 3, 0, 2, 5]


def test_the_sample_has_the_share_that_the_setting_names() -> None:
    chosen = [number for number in range(20_000) if is_sampled("shift", number, 0.05)]
    assert 900 <= len(chosen) <= 1100
    assert not any(is_sampled("shift", number, 0.0) for number in range(1000))
    assert all(is_sampled("shift", number, 1.0) for number in range(1000))


def test_the_sample_is_the_same_whenever_and_in_whatever_order_it_is_drawn() -> None:
    bins = [*LOOKS, *UNSURE, *PASSES]
    again = Random(3).sample(bins, len(bins))
    assert arrange("shift", bins, 0.05) == arrange("shift", again, 0.05)
    assert arrange("shift", bins, 0.05) != arrange("other", bins, 0.05)


def test_what_passed_stands_anywhere_among_the_others() -> None:
    """Over many shifts, a sampled bin is as often in the first half as in the second."""
    early = late = 0
    looks = [Judged(n, "look", n / 100) for n in range(100)]
    for shift in range(200):
        order = arrange(str(shift), [*looks, Judged(1000, "pass", 0.99)], 1.0)
        early += order.index(1000) < 50
        late += order.index(1000) > 50
    assert early == pytest.approx(late, abs=40)


def test_the_sample_moves_none_of_the_others() -> None:
    order = arrange("shift", [*LOOKS, *UNSURE, *PASSES], 0.05)
    assert [number for number in order if number < 10] == [4, 1, 3, 0, 2, 5]
    assert len(order) == len(set(order)) > 10
