"""Requests dealt to two fleets."""

from fractions import Fraction
from typing import Any

import pytest

from sagemaker_emulator.sagemaker.endpoints.traffic import Split

OLD, NEW = object(), object()


def dealt(split: Split, requests: int) -> list[Any]:
    return [split.next() for _ in range(requests)]


@pytest.fixture
def split() -> Split:
    fleets: Any = (OLD, NEW)
    return Split(*fleets)


def test_new_fleet_gets_nothing_before_its_share_is_set(split: Split) -> None:
    assert NEW not in dealt(split, 100)


@pytest.mark.parametrize("percent", [1, 10, 25, 33, 50, 100])
def test_new_fleet_never_gets_more_than_its_share(split: Split, percent: int) -> None:
    split.shift(Fraction(percent, 100))
    got = 0
    for number in range(1, 1001):
        got += split.next() is NEW
        assert got == number * percent // 100


def test_a_new_share_counts_from_the_next_request(split: Split) -> None:
    split.shift(Fraction(1, 2))
    dealt(split, 5)
    split.shift(Fraction(1))
    assert OLD not in dealt(split, 10)
