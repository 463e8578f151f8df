"""Tuning jobs over stand-in training jobs: budget, parallelism, failures, the best trial."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pipeline_bench import TOKEN, Bench, open_bench
from pipeline_steps import ROLE, training
from waiting import wait_until

from sagemaker_emulator.errors import ApiError
from sagemaker_emulator.sagemaker.tuning.early_stopping import should_stop
from sagemaker_emulator.sagemaker.tuning.search import Search
from sagemaker_emulator.storage import disk


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    opened = open_bench(tmp_path, monkeypatch)
    yield opened
    opened.stop_services()


RANGES: dict[str, Any] = {
    "ContinuousParameterRanges": [{"Name": "lr", "MinValue": "0.1", "MaxValue": "0.9"}],
    "CategoricalParameterRanges": [{"Name": "batch", "Values": ["32", "64"]}],
}
ARCH = {"Name": "arch", "Values": ["a"]}


def request(environment: dict[str, str] | None = None, **config: Any) -> dict[str, Any]:
    limits = {"MaxNumberOfTrainingJobs": 4, "MaxParallelTrainingJobs": 2}
    return {
        "HyperParameterTuningJobConfig": {
            "Strategy": "Bayesian",
            "ResourceLimits": limits,
            "HyperParameterTuningJobObjective": {"Type": "Maximize", "MetricName": "score"},
            "ParameterRanges": RANGES,
            "RandomSeed": 1,
            **config,
        },
        "TrainingJobDefinition": {
            "AlgorithmSpecification": {
                "TrainingImage": "plain",
                "TrainingInputMode": "File",
                "MetricDefinitions": [{"Name": "score", "Regex": "score=([0-9.]+)"}],
            },
            "RoleArn": ROLE,
            "StaticHyperParameters": {"arch": "small"},
            "OutputDataConfig": {"S3OutputPath": "s3://bucket/models"},
            "ResourceConfig": {
                "InstanceType": "ml.m5.large",
                "InstanceCount": 1,
                "VolumeSizeInGB": 1,
            },
            "StoppingCondition": {"MaxRuntimeInSeconds": 60},
            "CheckpointConfig": {"S3Uri": "s3://bucket/checkpoints/"},
            "Environment": environment or {},
        },
    }


def begin(bench: Bench, request: dict[str, Any]) -> None:
    bench.call("CreateHyperParameterTuningJob", HyperParameterTuningJobName="t", **request)


def describe(bench: Bench, name: str = "t") -> dict[str, Any]:
    return bench.call("DescribeHyperParameterTuningJob", HyperParameterTuningJobName=name)


def value_of(trial: dict[str, Any]) -> float:
    return float(trial["FinalHyperParameterTuningJobObjectiveMetric"]["Value"])


def finish(bench: Bench, name: str = "t") -> dict[str, Any]:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        described = describe(bench, name)
        if described["HyperParameterTuningJobStatus"] not in ("InProgress", "Stopping"):
            return described
        time.sleep(0.02)
    raise AssertionError(described)


def trials(bench: Bench, **more: Any) -> list[dict[str, Any]]:
    answer = bench.call(
        "ListTrainingJobsForHyperParameterTuningJob", HyperParameterTuningJobName="t", **more
    )
    return list(answer["TrainingJobSummaries"])


def test_the_best_trial_is_found(bench: Bench) -> None:
    begin(bench, request({"SECONDS": "0.05"}))
    ended = finish(bench)
    assert ended["HyperParameterTuningJobStatus"] == "Completed"
    assert ended["TrainingJobStatusCounters"]["Completed"] == 4
    assert ended["ObjectiveStatusCounters"] == {"Succeeded": 4, "Pending": 0, "Failed": 0}
    assert bench.jobs.most_running == 2
    ranked = trials(bench, SortBy="FinalObjectiveMetricValue", SortOrder="Descending")
    assert ranked[0] == ended["BestTrainingJob"]
    values = [trial["FinalHyperParameterTuningJobObjectiveMetric"]["Value"] for trial in ranked]
    assert values == sorted(values, reverse=True)
    job = bench.jobs.created[0]
    assert job["HyperParameters"]["arch"] == "small"
    assert job["HyperParameters"]["_tuning_objective_metric"] == "score"
    assert job["CheckpointConfig"]["S3Uri"] == f"s3://bucket/checkpoints/{job['TrainingJobName']}"
    assert set(ended["BestTrainingJob"]["TunedHyperParameters"]) == {"lr", "batch"}
    listed = bench.call("ListHyperParameterTuningJobs", StatusEquals="Completed")
    assert listed["HyperParameterTuningJobSummaries"][0]["Strategy"] == "Bayesian"


def test_a_failed_trial_counts_and_does_not_end_the_tuning(bench: Bench) -> None:
    environment = {"FAIL": "AlgorithmError: crash", "FAIL_TIMES": "1"}
    begin(bench, request(environment))
    ended = finish(bench)
    assert ended["HyperParameterTuningJobStatus"] == "Completed"
    assert ended["TrainingJobStatusCounters"]["NonRetryableError"] == 1
    assert ended["TrainingJobStatusCounters"]["Completed"] == 3
    assert ended["ObjectiveStatusCounters"] == {"Succeeded": 3, "Pending": 0, "Failed": 1}
    assert trials(bench, StatusEquals="Failed")[0]["FailureReason"] == "AlgorithmError: crash"


def test_tuning_whose_trials_all_fail_has_the_reason(bench: Bench) -> None:
    limits = {"MaxNumberOfTrainingJobs": 20, "MaxParallelTrainingJobs": 1}
    begin(bench, request({"FAIL": "AlgorithmError: it crashed"}, ResourceLimits=limits))
    ended = finish(bench)
    assert ended["HyperParameterTuningJobStatus"] == "Failed"
    assert "No training job succeeded after 5 attempts" in ended["FailureReason"]
    assert "AlgorithmError: it crashed" in ended["FailureReason"]
    assert len(trials(bench, MaxResults=100)) == 5


def test_a_metric_that_no_trial_reports_is_named(bench: Bench) -> None:
    begin(bench, request({"SILENT": "1"}))
    ended = finish(bench)
    assert ended["HyperParameterTuningJobStatus"] == "Failed"
    assert "No training job reported the objective metric score" in ended["FailureReason"]


def test_stopping_stops_the_trials(bench: Bench) -> None:
    begin(bench, request({"SECONDS": "30"}))
    bench.context.store.wait(0.1)
    bench.call("StopHyperParameterTuningJob", HyperParameterTuningJobName="t")
    ended = finish(bench)
    assert ended["HyperParameterTuningJobStatus"] == "Stopped"
    assert ended["TrainingJobStatusCounters"]["Stopped"] == len(trials(bench))


def test_a_target_ends_the_tuning_early(bench: Bench) -> None:
    limits = {"MaxNumberOfTrainingJobs": 20, "MaxParallelTrainingJobs": 1}
    criteria = {"TargetObjectiveMetricValue": -1.0}
    begin(bench, request(ResourceLimits=limits, TuningJobCompletionCriteria=criteria))
    assert finish(bench)["HyperParameterTuningJobStatus"] == "Completed"
    assert len(trials(bench)) == 1


def test_smallest_objective_is_best_where_it_is_minimized(bench: Bench) -> None:
    ranges = {"CategoricalParameterRanges": [{"Name": "lr", "Values": ["0.4", "0.1", "0.8"]}]}
    limits = {"MaxParallelTrainingJobs": 1}
    objective = {"Type": "Minimize", "MetricName": "score"}
    given: dict[str, Any] = {"ParameterRanges": ranges, "ResourceLimits": limits}
    begin(bench, request(Strategy="Grid", HyperParameterTuningJobObjective=objective, **given))
    assert finish(bench)["BestTrainingJob"]["TunedHyperParameters"] == {"lr": "0.1"}


def test_tuning_continues_after_a_restart(bench: Bench) -> None:
    limits = {"MaxNumberOfTrainingJobs": 4, "MaxParallelTrainingJobs": 1}
    begin(bench, request({"SECONDS": "0.2"}, ResourceLimits=limits))
    while describe(bench)["TrainingJobStatusCounters"]["Completed"] < 2:
        time.sleep(0.01)
    bench.restart()
    ended = finish(bench)
    assert ended["TrainingJobStatusCounters"]["Completed"] == 4
    assert len({trial["TrainingJobName"] for trial in trials(bench)}) == 4


def test_grid_tries_every_combination(bench: Bench) -> None:
    ranges = {"CategoricalParameterRanges": [{"Name": "lr", "Values": ["0.1", "0.4", "0.9"]}]}
    limits = {"MaxParallelTrainingJobs": 3}
    begin(bench, request(Strategy="Grid", ParameterRanges=ranges, ResourceLimits=limits))
    assert finish(bench)["BestTrainingJob"]["TunedHyperParameters"] == {"lr": "0.4"}
    assert len(trials(bench)) == 3


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"Strategy": "Hyperband"}, "Strategy Hyperband is not supported"),
        (
            {
                "HyperParameterTuningJobObjective": {
                    "Type": "Minimize",
                    "MetricName": "loss",
                }
            },
            "The objective metric loss has no regular expression",
        ),
        ({"ParameterRanges": {}}, "ParameterRanges is empty"),
        (
            {"ResourceLimits": {"MaxParallelTrainingJobs": 1}},
            "MaxNumberOfTrainingJobs is missing",
        ),
        (
            {
                "ParameterRanges": {
                    "CategoricalParameterRanges": [{"Name": "arch", "Values": ["a"]}]
                }
            },
            "arch is in StaticHyperParameters and in ParameterRanges",
        ),
        ({"Strategy": "Grid"}, "categorical ranges only; lr is not"),
    ],
    ids=["strategy", "metric", "ranges", "limits", "static", "grid"],
)
def test_unsupported_tuning_is_refused(bench: Bench, changes: Any, message: str) -> None:
    with pytest.raises(ApiError) as raised:
        begin(bench, request(**changes))
    assert raised.value.code == "ValidationException"
    assert message in str(raised.value)


def test_invalid_trial_definition_is_refused_before_the_first_trial(bench: Bench) -> None:
    spot = request()
    spot["TrainingJobDefinition"]["EnableManagedSpotTraining"] = True
    with pytest.raises(ApiError, match="TrainingJobDefinition: Invalid MaxWaitTimeInSeconds"):
        begin(bench, spot)


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
    # One job is worse than the parent's best, and with the parent alone it would be the best.
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


def test_taken_name_is_refused(bench: Bench) -> None:
    begin(bench, request())
    with pytest.raises(ApiError) as raised:
        begin(bench, request())
    assert raised.value.code == "ResourceInUse"


@pytest.mark.parametrize(
    ("current", "maximize", "stop"),
    [
        ([0.1], True, True),
        ([0.3], True, False),
        ([0.1], False, False),
        ([], True, False),
        ([0.1, 0.2, 0.3, 0.1], True, False),
    ],
)
def test_the_median_rule(current: list[float], maximize: bool, stop: bool) -> None:
    earlier = [[0.2, 0.4], [0.2, 0.3, 0.5], [0.3, 0.5]]
    assert should_stop(current, earlier, maximize) is stop
    assert not should_stop(current, earlier[:2], maximize)


def test_a_pipeline_trains_with_the_best_hyperparameters(bench: Bench) -> None:
    def tuned(name: str) -> dict[str, str]:
        return {"Get": f"Steps.Tune.BestTrainingJob.TunedHyperParameters['{name}']"}

    bench.create(
        {"Name": "Tune", "Type": "Tuning", "Arguments": request()},
        training("Train", {"lr": tuned("lr"), "batch": tuned("batch")}),
    )
    arn, status = bench.run()
    steps = bench.steps(arn)
    assert status == "Succeeded"
    job = steps["Tune"]["Metadata"]["TuningJob"]["Arn"].rsplit("/", 1)[-1]
    assert job.startswith(f"{arn.rsplit('/', 1)[-1]}-Tune-")
    described = bench.call("DescribeHyperParameterTuningJob", HyperParameterTuningJobName=job)
    best = described["BestTrainingJob"]["TunedHyperParameters"]
    assert bench.jobs.created[-1]["HyperParameters"] == best


def test_stopping_a_pipeline_stops_its_tuning(bench: Bench) -> None:
    bench.create({"Name": "Tune", "Type": "Tuning", "Arguments": request({"SECONDS": "30"})})
    arn = bench.start()
    bench.until(arn, "Tune", "Executing")
    bench.call("StopPipelineExecution", PipelineExecutionArn=arn, ClientRequestToken=TOKEN)
    assert bench.finish(arn) == "Stopped"
    assert bench.jobs.running == 0


def test_full_disk_only_delays_a_tuning_job(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    update, full = bench.context.store.update, [False]
    monkeypatch.setattr(disk, "RETRY_SECONDS", 0.05)

    def store_update(kind: str, name: str, **changes: Any) -> dict[str, Any]:
        if full[0] and kind == "hyper-parameter-tuning-job":
            raise sqlite3.OperationalError("database or disk is full")
        return update(kind, name, **changes)

    monkeypatch.setattr(bench.context.store, "update", store_update)
    begin(bench, request({"SECONDS": "0.1"}))
    full[0] = True
    wait_until(lambda: "tuning job t cannot be written" in caplog.text)
    full[0] = False
    assert finish(bench)["HyperParameterTuningJobStatus"] == "Completed"


def test_algorithm_that_is_not_run_is_refused_before_its_objective(bench: Bench) -> None:
    wanted = request()
    specification = wanted["TrainingJobDefinition"]["AlgorithmSpecification"]
    specification["TrainingImage"] = "382416733822.dkr.ecr.us-east-1.amazonaws.com/kmeans:1"
    del specification["MetricDefinitions"]
    with pytest.raises(ApiError, match="AWS's built-in algorithm kmeans is not run"):
        begin(bench, wanted)


def test_tuning_job_without_a_definition_is_refused(bench: Bench) -> None:
    wanted = request()
    del wanted["TrainingJobDefinition"]
    with pytest.raises(ApiError, match="Give either TrainingJobDefinition or"):
        begin(bench, wanted)
