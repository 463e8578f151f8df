"""Tuning jobs with parents: what they learn, the overall best, refusals."""

from __future__ import annotations

from typing import Any

import pytest
from pipeline_bench import Bench
from tuning_jobs import RANGES, begin, describe, finish, request, value_of
from waiting import wait_until

from sagemaker_emulator.errors import ApiError
from sagemaker_emulator.sagemaker.tuning.search import Search


def child(kind: str = "IdenticalDataAndAlgorithm", **config: Any) -> dict[str, Any]:
    """A request that has the tuning job `t` as its parent, and searches `arch`, too."""
    ranges = {
        **RANGES,
        "CategoricalParameterRanges": [
            *RANGES["CategoricalParameterRanges"],
            {"Name": "arch", "Values": ["small", "large"]},
        ],
    }
    made = request(ParameterRanges=ranges, **config)
    del made["TrainingJobDefinition"]["StaticHyperParameters"]
    parents = [{"HyperParameterTuningJobName": "t"}]
    warm = {"ParentHyperParameterTuningJobs": parents, "WarmStartType": kind}
    return made | {"HyperParameterTuningJobName": "c", "WarmStartConfig": warm}


def test_a_warm_start_learns_from_the_parents_trials(bench: Bench) -> None:
    begin(bench, request())
    best = finish(bench)["BestTrainingJob"]
    learned: list[tuple[dict[str, str], float]] = []

    recall_really = Search.recall

    def recall(search: Search, tuned: dict[str, str], objective: float) -> None:
        learned.append((tuned, objective))
        recall_really(search, tuned, objective)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Search, "recall", recall)
        limits = {"MaxNumberOfTrainingJobs": 1, "MaxParallelTrainingJobs": 1}
        bench.call("CreateHyperParameterTuningJob", **child(ResourceLimits=limits))
        ended = finish(bench, "c")
    assert [set(tuned) for tuned, _ in learned] == [{"lr", "batch", "arch"}] * 4
    assert {tuned["arch"] for tuned, _ in learned} == {"small"}  # as the parent had it
    assert max(objective for _, objective in learned) == value_of(best)
    overall = ended["OverallBestTrainingJob"]
    assert value_of(overall) == max(value_of(best), value_of(ended["BestTrainingJob"]))


def test_a_deleted_parent_stays_a_rival_after_a_restart(bench: Bench) -> None:
    begin(bench, request())
    best = finish(bench)["BestTrainingJob"]
    # Of two jobs one is worse than the parent's best, and one better.
    limits = {"MaxNumberOfTrainingJobs": 1, "MaxParallelTrainingJobs": 1}
    far = child(ResourceLimits=limits)
    ranges = far["HyperParameterTuningJobConfig"]["ParameterRanges"]
    ranges["ContinuousParameterRanges"] = [{"Name": "lr", "MinValue": "2", "MaxValue": "3"}]
    near = child(ResourceLimits=limits)
    ranges = near["HyperParameterTuningJobConfig"]["ParameterRanges"]
    ranges["ContinuousParameterRanges"] = [{"Name": "lr", "MinValue": "0.5", "MaxValue": "0.5"}]
    for name, job in (("far", far), ("near", near)):
        job["TrainingJobDefinition"]["Environment"] = {"SECONDS": "0.5"}
        bench.call("CreateHyperParameterTuningJob", **{**job, "HyperParameterTuningJobName": name})
        wait_until(lambda name=name: "OverallBestTrainingJob" in describe(bench, name))
        assert "BestTrainingJob" not in describe(bench, name)
    bench.call("DeleteHyperParameterTuningJob", HyperParameterTuningJobName="t")
    bench.restart()
    assert finish(bench, "far")["OverallBestTrainingJob"] == best
    ended = finish(bench, "near")
    assert ended["OverallBestTrainingJob"] == ended["BestTrainingJob"]


def test_a_job_is_the_overall_best_of_parents_without_any(bench: Bench) -> None:
    begin(bench, request({"FAIL": "AlgorithmError: crash"}))
    assert finish(bench)["HyperParameterTuningJobStatus"] == "Failed"
    bench.call("CreateHyperParameterTuningJob", **child())
    ended = finish(bench, "c")
    assert ended["OverallBestTrainingJob"] == ended["BestTrainingJob"]


def test_what_a_parent_tried_outside_of_the_ranges_teaches_nothing(bench: Bench) -> None:
    begin(bench, request())
    finish(bench)
    moved = child("TransferLearning")
    ranges = moved["HyperParameterTuningJobConfig"]["ParameterRanges"]
    ranges["ContinuousParameterRanges"] = [{"Name": "lr", "MinValue": "2", "MaxValue": "3"}]
    bench.call("CreateHyperParameterTuningJob", **moved)
    ended = finish(bench, "c")
    assert ended["HyperParameterTuningJobStatus"] == "Completed"
    assert "OverallBestTrainingJob" not in ended


def test_parents_that_cannot_be_used_are_refused(bench: Bench) -> None:
    def refusal(request: dict[str, Any]) -> str:
        with pytest.raises(ApiError) as raised:
            bench.call("CreateHyperParameterTuningJob", **request)
        return str(raised.value)

    assert "Parent hyperparameter tuning job t does not exist" in refusal(child())
    begin(bench, request({"SECONDS": "30"}))
    assert "Parent hyperparameter tuning job t has not ended" in refusal(child())
    bench.call("StopHyperParameterTuningJob", HyperParameterTuningJobName="t")
    finish(bench)
    objective = {"Type": "Minimize", "MetricName": "score"}
    other = child(HyperParameterTuningJobObjective=objective)
    assert "differ in the objective metric" in refusal(other)
    more = child()
    more["TrainingJobDefinition"]["StaticHyperParameters"] = {"more": "1"}
    assert "differ in the number of static and tunable" in refusal(more)
    typed = child()
    typed["HyperParameterTuningJobConfig"]["ParameterRanges"] = {
        "CategoricalParameterRanges": [
            *({"Name": name, "Values": ["1", "2"]} for name in ("lr", "batch", "arch"))
        ]
    }
    assert "differ in the type of the hyperparameter lr" in refusal(typed)
    grid = child(Strategy="Grid", ResourceLimits={"MaxParallelTrainingJobs": 1})
    grid["HyperParameterTuningJobConfig"]["ParameterRanges"].pop("ContinuousParameterRanges")
    assert "WarmStartConfig goes with the strategies Bayesian and Random" in refusal(grid)
