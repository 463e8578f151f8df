from __future__ import annotations

import time
from typing import Any

import pytest
from pipeline_bench import Bench
from pipeline_steps import ROLE, get, json_get, output_uri, processing, training

from sagemaker_emulator.sagemaker.pipelines.run.records import StepProgress, update_execution


def test_job_has_a_made_name_and_evaluated_arguments(bench: Bench) -> None:
    threshold = {"Name": "Threshold", "Type": "Float", "DefaultValue": 0.5}
    hyperparameters = {"rate": get("Parameters.Threshold"), "data": output_uri("Prepare")}
    bench.create(processing("Prepare"), training("Train", hyperparameters), parameters=[threshold])
    arn, _ = bench.run()
    execution_id = arn.rsplit("/", 1)[-1]
    request = bench.jobs.created[1]
    assert request["TrainingJobName"].startswith(f"pipelines-{execution_id}-Train-")
    assert request["HyperParameters"] == {
        "rate": "0.5",
        "data": f"s3://bucket/{execution_id}/Prepare",
    }
    job = bench.steps(arn)["Train"]["Metadata"]["TrainingJob"]["Arn"]
    assert job.endswith(request["TrainingJobName"])


def test_failed_job_fails_its_step_with_the_reason_of_the_job(bench: Bench) -> None:
    bench.create(processing("A", {"FAIL": "AlgorithmError: it crashed"}))
    arn, _ = bench.run()
    assert bench.steps(arn)["A"]["FailureReason"] == "ClientError: AlgorithmError: it crashed"


def test_refused_request_fails_the_step_with_the_error(bench: Bench) -> None:
    bench.create(processing("A", {"REFUSE": "ValidationException"}))
    arn, status = bench.run()
    assert status == "Failed"
    assert bench.steps(arn)["A"]["FailureReason"] == (
        "ClientError: Failed to invoke sagemaker:CreateProcessingJob. Error Details: "
        "ValidationException: refused by the test"
    )


def test_missing_property_file_fails_the_step_that_reads_it(bench: Bench) -> None:
    bench.create(processing("Evaluate"), processing("A", {"X": json_get("Evaluate", "accuracy")}))
    arn, _ = bench.run()
    uri = f"s3://bucket/{arn.rsplit('/', 1)[-1]}/Evaluate/report.json"
    reason = bench.steps(arn)["A"]["FailureReason"]
    assert f"{uri} cannot be read: there is no such object" in reason


POLICY = {"ExceptionType": ["SageMaker.CAPACITY_ERROR"], "IntervalSeconds": 0, "MaxAttempts": 3}


@pytest.mark.parametrize(
    ("environment", "status", "attempts"),
    [
        ({"FAIL": "CapacityError: none", "FAIL_TIMES": "2"}, "Succeeded", 3),
        ({"FAIL": "CapacityError: none"}, "Failed", 4),
        ({"FAIL": "AlgorithmError: crash", "FAIL_TIMES": "1"}, "Failed", 1),
    ],
    ids=["recovers", "gives up", "other error"],
)
def test_step_is_attempted_as_its_policy_says(
    bench: Bench, environment: dict[str, Any], status: str, attempts: int
) -> None:
    bench.create(processing("A", environment, RetryPolicies=[POLICY]))
    arn, ended = bench.run()
    assert (ended, bench.steps(arn)["A"]["AttemptCount"]) == (status, attempts)


def test_job_that_ended_because_the_emulator_stopped_runs_again(bench: Bench) -> None:
    reason = "InternalServerError: the emulator stopped while the job ran"
    bench.create(processing("A", {"HOLD": "1", "FAIL": reason, "FAIL_TIMES": "1"}))
    arn = bench.start()
    bench.until(arn, "A", "Executing")
    bench.stop_services()
    bench.jobs.released.set()
    name, deadline = bench.jobs.created[0]["ProcessingJobName"], time.monotonic() + 10
    while (bench.context.store.get("bench", name) or {})["ProcessingJobStatus"] == "InProgress":
        assert time.monotonic() < deadline
        time.sleep(0.01)
    bench.start_services()
    assert bench.finish(arn) == "Succeeded"
    assert len(bench.jobs.created) == 2


def test_resource_that_an_interrupted_step_had_created_is_kept(bench: Bench) -> None:
    arguments = {"ExecutionRoleArn": ROLE, "PrimaryContainer": {"Image": "plain"}}
    bench.create({"Name": "Create", "Type": "Model", "Arguments": arguments})
    arn, _ = bench.run()
    before = bench.steps(arn)["Create"]["Metadata"]
    # As after a kill between the creation of the model and the end of its step.
    StepProgress(bench.context.store, arn, "Create").update(StepStatus="Executing")
    update_execution(bench.context.store, arn, PipelineExecutionStatus="Executing")
    bench.restart()
    assert bench.finish(arn) == "Succeeded"
    assert bench.steps(arn)["Create"]["Metadata"] == before
