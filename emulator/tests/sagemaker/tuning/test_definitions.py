"""Tuning jobs with several training job definitions: turns, budget, restart, refusals."""

from __future__ import annotations

import time
from typing import Any

import pytest
from pipeline_bench import Bench
from tuning_jobs import RANGES, begin, describe, finish, request, trials

from sagemaker_emulator.errors import ApiError


def several(strategy: str = "Random", **limits: int) -> dict[str, Any]:
    """A request of two definitions: both search lr, the second over other values."""
    one = request()
    definition = one.pop("TrainingJobDefinition")
    config = one["HyperParameterTuningJobConfig"]
    del config["HyperParameterTuningJobObjective"], config["ParameterRanges"]
    config |= {"Strategy": strategy, "ResourceLimits": {"MaxParallelTrainingJobs": 1, **limits}}
    return one | {
        "TrainingJobDefinitions": [
            definition
            | {
                "DefinitionName": name,
                "StaticHyperParameters": {"arch": name},
                "TuningObjective": {"Type": "Maximize", "MetricName": "score"},
                "HyperParameterRanges": {
                    "CategoricalParameterRanges": [{"Name": "lr", "Values": values}]
                },
            }
            for name, values in (("small", ["0.1", "0.2", "0.3"]), ("large", ["0.4"]))
        ]
    }


def test_several_definitions_take_turns_and_share_the_budget(bench: Bench) -> None:
    begin(bench, several(MaxNumberOfTrainingJobs=5))
    ended = finish(bench)
    assert ended["HyperParameterTuningJobStatus"] == "Completed"
    made = [trial["TrainingJobDefinitionName"] for trial in trials(bench)]
    assert made == ["small", "large", "small", "large", "small"]
    assert [job["HyperParameters"]["arch"] for job in bench.jobs.created] == made
    assert ended["BestTrainingJob"]["TrainingJobDefinitionName"] == "large"
    assert ended["BestTrainingJob"]["TunedHyperParameters"] == {"lr": "0.4"}


def test_grid_tries_every_combination_of_each_definition(bench: Bench) -> None:
    begin(bench, several("Grid"))
    finish(bench)
    tried = [
        (trial["TrainingJobDefinitionName"], trial["TunedHyperParameters"]["lr"])
        for trial in trials(bench)
    ]
    assert tried == [("small", "0.1"), ("large", "0.4"), ("small", "0.2"), ("small", "0.3")]


def test_tuning_with_several_definitions_continues_after_a_restart(bench: Bench) -> None:
    slow = several("Grid")
    for definition in slow["TrainingJobDefinitions"]:
        definition["Environment"] = {"SECONDS": "0.2"}
    begin(bench, slow)
    while describe(bench)["TrainingJobStatusCounters"]["Completed"] < 2:
        time.sleep(0.01)
    bench.restart()
    finish(bench)
    assert sorted(trial["TunedHyperParameters"]["lr"] for trial in trials(bench)) == [
        *("0.1", "0.2", "0.3", "0.4")
    ]


def test_what_several_definitions_lack_or_have_too_much_is_named(bench: Bench) -> None:
    def refusal(request: dict[str, Any]) -> str:
        with pytest.raises(ApiError) as raised:
            begin(bench, request)
        return str(raised.value)

    both = several(MaxNumberOfTrainingJobs=2)
    both["TrainingJobDefinition"] = request()["TrainingJobDefinition"]
    assert "either TrainingJobDefinition or TrainingJobDefinitions" in refusal(both)
    elsewhere = several(MaxNumberOfTrainingJobs=2)
    elsewhere["HyperParameterTuningJobConfig"]["ParameterRanges"] = RANGES
    assert "ParameterRanges goes with TrainingJobDefinition;" in refusal(elsewhere)
    for member in ("DefinitionName", "TuningObjective", "HyperParameterRanges"):
        lacking = several(MaxNumberOfTrainingJobs=2)
        del lacking["TrainingJobDefinitions"][1][member]
        assert f"TrainingJobDefinitions.2.member.{member} is missing" in refusal(lacking)
    twice = several(MaxNumberOfTrainingJobs=2)
    twice["TrainingJobDefinitions"][1]["DefinitionName"] = "small"
    assert "DefinitionName small twice" in refusal(twice)
    mixed = several(MaxNumberOfTrainingJobs=2)
    mixed["TrainingJobDefinitions"][1]["TuningObjective"]["Type"] = "Minimize"
    assert "the same Type" in refusal(mixed)
    static = several(MaxNumberOfTrainingJobs=2)
    static["TrainingJobDefinitions"][1]["StaticHyperParameters"] = {"lr": "1"}
    assert "lr is in StaticHyperParameters" in refusal(static)
