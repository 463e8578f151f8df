"""The search strategies: ranges understood, proposals inside them, and something learnt."""

from __future__ import annotations

import math
from typing import Any

import pytest

from sagemaker_emulator.sagemaker.tuning.search import RangeError, Search, grid_size, parse_ranges

RANGES = {
    "IntegerParameterRanges": [{"Name": "epochs", "MinValue": "2", "MaxValue": "10"}],
    "ContinuousParameterRanges": [
        {"Name": "lr", "MinValue": "0.001", "MaxValue": "0.1", "ScalingType": "Logarithmic"},
        {
            "Name": "momentum",
            "MinValue": "0.5",
            "MaxValue": "0.99",
            "ScalingType": "ReverseLogarithmic",
        },
    ],
    "CategoricalParameterRanges": [{"Name": "batch-size", "Values": ["32", "64"]}],
}


@pytest.mark.parametrize("strategy", ["Bayesian", "Random"])
def test_proposals_stay_in_range_and_repeat_with_the_seed(strategy: str) -> None:
    def run() -> list[dict[str, str]]:
        search = Search(strategy, parse_ranges(RANGES), True, 12, seed=7)
        proposals = []
        for index in range(12):
            proposal = search.propose(str(index))
            search.tell(str(index), float(proposal["lr"]) if index % 4 else None)
            proposals.append(proposal)
        return proposals

    proposals = run()
    for proposal in proposals:
        assert 2 <= int(proposal["epochs"]) <= 10
        assert 0.001 <= float(proposal["lr"]) <= 0.1
        assert 0.5 <= float(proposal["momentum"]) <= 0.99
        assert proposal["batch-size"] in ("32", "64")
    assert proposals == run()


def test_a_logarithmic_range_is_searched_by_magnitude() -> None:
    search = Search("Random", parse_ranges(RANGES), True, 200, seed=1)
    rates = [float(search.propose(str(index))["lr"]) for index in range(200)]
    assert 70 < sum(rate < 0.01 for rate in rates) < 130


def test_bayesian_search_nears_the_optimum() -> None:
    search = Search("Bayesian", parse_ranges(RANGES), False, 30, seed=3)
    losses = []
    for index in range(30):
        proposal = search.propose(str(index))
        losses.append(abs(math.log10(float(proposal["lr"])) + 2))
        search.tell(str(index), losses[-1])
    assert sum(losses[20:]) < sum(losses[:10])


def test_outcomes_from_before_a_restart_are_used() -> None:
    search = Search("Bayesian", parse_ranges(RANGES), True, 4, seed=1)
    known = {"epochs": "3", "lr": "0.01", "momentum": "0.9", "batch-size": "32"}
    search.recall(known, 0.5)
    assert set(search.propose("a")) == set(known)


def test_grid_tries_every_combination_once() -> None:
    ranges = parse_ranges(
        {
            "CategoricalParameterRanges": [
                {"Name": "a", "Values": ["1", "2"]},
                {"Name": "b", "Values": ["x", "y", "z"]},
            ]
        }
    )
    assert grid_size(ranges) == 6
    search = Search("Grid", ranges, True, 6)
    tried = [tuple(search.propose(str(index)).values()) for index in range(6)]
    assert len(set(tried)) == 6
    resumed = Search("Grid", ranges, True, 6)
    resumed.skip({"a": a, "b": b} for a, b in (tried[0], tried[2]))
    left = [tuple(resumed.propose(str(index)).values()) for index in range(4)]
    assert left == [tried[1], *tried[3:]]


def number(low: str, high: str, **more: str) -> dict[str, Any]:
    entry = {"Name": "lr", "MinValue": low, "MaxValue": high, **more}
    return {"ContinuousParameterRanges": [entry]}


@pytest.mark.parametrize(
    ("ranges", "message"),
    [
        ({}, "ParameterRanges is empty"),
        (number("x", "1"), "'lr' must be numbers"),
        (number("1_0", "inf"), "'lr' must be numbers"),
        (number("nan", "1"), "'lr' must be numbers"),
        (number("2", "1"), "'lr' is above its MaxValue"),
        (number("0", "1", ScalingType="Logarithmic"), "above 0 for hyperparameter 'lr'"),
        (number("0", "1", ScalingType="ReverseLogarithmic"), "0 <= 'lr' < 1"),
        (
            {"IntegerParameterRanges": [{"Name": "n", "MinValue": "1.5", "MaxValue": "2"}]},
            "'n' must be integers",
        ),
        ({"CategoricalParameterRanges": [{"Name": "c", "Values": []}]}, "'c' is empty"),
        (
            {"CategoricalParameterRanges": [{"Name": "c", "Values": ["a"]}] * 2},
            "'c' twice",
        ),
    ],
    ids=str,
)
def test_wrong_ranges_are_refused_by_name(ranges: dict[str, Any], message: str) -> None:
    with pytest.raises(RangeError) as raised:
        parse_ranges(ranges)
    assert message in str(raised.value)
    with pytest.raises(RangeError, match="categorical ranges only; lr"):
        grid_size(parse_ranges(number("0", "1")))
