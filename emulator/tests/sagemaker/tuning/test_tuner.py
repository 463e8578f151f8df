"""Tuning jobs over stand-in training jobs: budget, parallelism, failures, the best trial."""

from __future__ import annotations

import sqlite3
import time
from typing import Any

import pytest
from pipeline_bench import TOKEN, Bench
from pipeline_steps import training
from tuning_jobs import begin, describe, finish, request, trials
from waiting import wait_until

from sagemaker_emulator.errors import ApiError
from sagemaker_emulator.sagemaker.tuning.early_stopping import should_stop
from sagemaker_emulator.storage import disk


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
