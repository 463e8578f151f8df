"""Executions from start to end over stand-in jobs: order, branches, failures, retries, reuse."""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from engine_bench import (
    ROLE,
    TOKEN,
    Bench,
    BenchContext,
    condition,
    fail,
    lambda_step,
    open_bench,
    processing,
    training,
)

from sagemaker_emulator.errors import ApiError
from sagemaker_emulator.sagemaker.pipelines import execution_operations
from sagemaker_emulator.sagemaker.pipelines.run import callback_step, executions, status_events
from sagemaker_emulator.sagemaker.pipelines.run.records import CACHE


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    opened = open_bench(tmp_path, monkeypatch)
    yield opened
    execution_operations.stop(opened.context)


REPORT = {
    "Std:JsonGet": {
        "PropertyFile": {"Get": "Steps.Evaluate.PropertyFiles.Report"},
        "Path": "metrics.accuracy.value",
    }
}
THRESHOLD = {"Name": "Threshold", "Type": "Float", "DefaultValue": 0.5}
MAIN = (
    processing("Prepare"),
    training(
        "Train",
        {
            "rate": {"Get": "Parameters.Threshold"},
            "data": {"Get": ("Steps.Prepare.ProcessingOutputConfig.Outputs['out'].S3Output.S3Uri")},
        },
    ),
    processing(
        "Evaluate",
        {
            "WRITE": json.dumps({"metrics": {"accuracy": {"value": 0.7}}}),
            "MODEL": {"Get": "Steps.Train.ModelArtifacts.S3ModelArtifacts"},
        },
    ),
    condition(
        "Check",
        [
            {
                "Type": "GreaterThanOrEqualTo",
                "LeftValue": REPORT,
                "RightValue": {"Get": "Parameters.Threshold"},
            }
        ],
        [lambda_step("Deploy", "deploy", {"accuracy": REPORT}, ["status", "count"])],
        [
            fail(
                "TooLow",
                {
                    "Std:Join": {
                        "On": " ",
                        "Values": ["accuracy", REPORT, "<", {"Get": "Parameters.Threshold"}],
                    }
                },
            )
        ],
    ),
    lambda_step(
        "Tell",
        "tell",
        {"count": {"Get": "Steps.Deploy.OutputParameters['count']"}},
    ),
)


def test_an_execution_runs_to_its_end(bench: Bench) -> None:
    told: list[Any] = []
    bench.context.functions["deploy"] = lambda payload: {"status": "ok", "count": 2, **payload}
    bench.context.functions["tell"] = told.append
    bench.create(*MAIN, parameters=[THRESHOLD])
    arn, status = bench.run()
    steps = bench.steps(arn)
    assert status == "Succeeded"
    assert list(steps) == ["Prepare", "Train", "Evaluate", "Check", "Deploy", "Tell"]
    assert {step["StepStatus"] for step in steps.values()} == {"Succeeded"}
    assert told == [{"count": 2}]
    train = bench.jobs.created[1]
    execution_id = arn.rsplit("/", 1)[-1]
    assert train["TrainingJobName"].startswith(f"pipelines-{execution_id}-Train-")
    assert train["HyperParameters"] == {
        "rate": "0.5",
        "data": f"s3://bucket/{execution_id}/Prepare",
    }
    assert steps["Train"]["Metadata"]["TrainingJob"]["Arn"].endswith(train["TrainingJobName"])
    assert steps["Check"]["Metadata"] == {"Condition": {"Outcome": "True"}}
    assert steps["Deploy"]["Metadata"]["Lambda"]["OutputParameters"] == [
        {"Name": "status", "Value": "ok"},
        {"Name": "count", "Value": "2"},
    ]
    changes = [event for event in bench.context.events if "Execution Status" in event["type"]]
    assert [event["currentPipelineExecutionStatus"] for event in changes] == [
        "Executing",
        "Succeeded",
    ]
    values = bench.call("ListPipelineParametersForExecution", PipelineExecutionArn=arn)
    assert values["PipelineParameters"] == [{"Name": "Threshold", "Value": "0.5"}]


def test_a_fail_step_ends_the_execution_with_its_numbers(bench: Bench) -> None:
    bench.create(*MAIN, parameters=[THRESHOLD])
    arn, status = bench.run({"Threshold": "0.9"})
    steps = bench.steps(arn)
    assert status == "Failed"
    assert steps["Check"]["Metadata"] == {"Condition": {"Outcome": "False"}}
    assert steps["TooLow"]["FailureReason"] == "accuracy 0.7 < 0.9"
    assert steps["TooLow"]["Metadata"] == {"Fail": {"ErrorMessage": "accuracy 0.7 < 0.9"}}
    assert "Deploy" not in steps
    assert "Tell" not in steps
    described = bench.call("DescribePipelineExecution", PipelineExecutionArn=arn)
    assert described["FailureReason"] == "Step failure: One or multiple steps failed."


def test_a_failed_job_fails_its_step_with_the_jobs_reason_and_can_be_retried(bench: Bench) -> None:
    bench.create(
        processing("A"),
        processing("B", {"FAIL": "AlgorithmError: it crashed", "FAIL_TIMES": "1"}, DependsOn=["A"]),
        processing("C", DependsOn=["B"]),
        processing("D", {"SECONDS": "0.1"}, DependsOn=["A"]),
    )
    arn, status = bench.run()
    steps = bench.steps(arn)
    assert status == "Failed"
    assert steps["B"]["FailureReason"] == "ClientError: AlgorithmError: it crashed"
    assert steps["D"]["StepStatus"] == "Succeeded"
    assert "C" not in steps
    bench.call("RetryPipelineExecution", PipelineExecutionArn=arn, ClientRequestToken=TOKEN)
    assert bench.finish(arn) == "Succeeded"
    assert len(bench.jobs.created) == 5
    assert set(bench.steps(arn)) == {"A", "B", "C", "D"}
    with pytest.raises(ApiError, match=r"Only a Failed or Stopped .* is Succeeded"):
        bench.call(
            "RetryPipelineExecution", PipelineExecutionArn=arn, ClientRequestToken=TOKEN[::-1]
        )


def test_nested_branches(bench: Bench) -> None:
    def equal(left: Any, right: Any) -> list[dict[str, Any]]:
        return [{"Type": "Equals", "LeftValue": left, "RightValue": right}]

    inner = condition("Inner", equal("a", "b"), [fail("Never")], [processing("Leaf")])
    outcome = {"Get": "Steps.Inner.Outcome"}
    bench.create(
        condition("Outer", equal(1, 1), [inner], [fail("Neither")]),
        condition("After", equal(outcome, "False"), [processing("Last")]),
    )
    arn, status = bench.run()
    assert status == "Succeeded"
    assert set(bench.steps(arn)) == {"Outer", "Inner", "Leaf", "After", "Last"}


def test_parallel_steps_keep_to_the_limit(bench: Bench) -> None:
    bench.create(
        *(processing(name, {"SECONDS": "0.05"}) for name in "ABCDE"),
        ParallelismConfiguration={"MaxParallelExecutionSteps": 2},
    )
    assert bench.run()[1] == "Succeeded"
    assert bench.jobs.most_running == 2
    bench.jobs.most_running = 0
    bench.run(ParallelismConfiguration={"MaxParallelExecutionSteps": 5})
    assert bench.jobs.most_running > 2


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
def test_retry_policies(bench: Bench, environment: Any, status: str, attempts: int) -> None:
    bench.create(processing("A", environment, RetryPolicies=[POLICY]))
    arn, ended = bench.run()
    assert (ended, bench.steps(arn)["A"]["AttemptCount"]) == (status, attempts)


def test_an_error_of_the_service_is_named(bench: Bench) -> None:
    bench.create(processing("A", {"REFUSE": "ValidationException"}))
    arn, status = bench.run()
    assert status == "Failed"
    assert bench.steps(arn)["A"]["FailureReason"] == (
        "ClientError: Failed to invoke sagemaker:CreateProcessingJob. Error Details: "
        "ValidationException: refused by the test"
    )


def cached(name: str, environment: Any = None, **more: Any) -> dict[str, Any]:
    return processing(
        name, environment, CacheConfig={"Enabled": True, "ExpireAfter": "P1D"}, **more
    )


def test_cached_steps_are_not_run_again(bench: Bench) -> None:
    seed = {"Name": "Seed", "Type": "Integer", "DefaultValue": 1}
    bench.create(
        cached("A", {"SEED": {"Get": "Parameters.Seed"}}),
        cached(
            "B",
            {"INPUT": {"Get": "Steps.A.ProcessingOutputConfig.Outputs['out'].S3Output.S3Uri"}},
        ),
        parameters=[seed],
    )
    first, _ = bench.run()
    second, status = bench.run()
    assert status == "Succeeded"
    assert len(bench.jobs.created) == 2
    for step in bench.steps(second).values():
        assert step["CacheHitResult"] == {"SourcePipelineExecutionArn": first}
    assert bench.steps(first)["A"]["Metadata"] == bench.steps(second)["A"]["Metadata"]
    third, _ = bench.run({"Seed": "2"})
    assert "CacheHitResult" not in bench.steps(third)["A"]
    assert len(bench.jobs.created) == 4
    assert any(
        line.startswith("A: cache miss") and 'Environment.SEED: "1" became "2"' in line
        for line in bench.context.lines
    )


def test_a_cached_result_expires(bench: Bench) -> None:
    bench.create(cached("A"))
    bench.run()
    for kept in bench.context.store.list(CACHE):
        aged = {**kept, "Time": kept["Time"] - 86_401}  # P1D has 86,400 seconds
        bench.context.store.put(CACHE, kept["Name"], aged)
    arn, status = bench.run()
    assert status == "Succeeded"
    assert "CacheHitResult" not in bench.steps(arn)["A"]
    assert any("older than ExpireAfter allows" in line for line in bench.context.lines)


def test_stopping_ends_what_runs(bench: Bench) -> None:
    bench.create(processing("A", {"SECONDS": "30"}), processing("B", DependsOn=["A"]))
    arn = bench.start()
    bench.until(arn, "A", "Executing")
    bench.call("StopPipelineExecution", PipelineExecutionArn=arn, ClientRequestToken=TOKEN)
    assert bench.finish(arn) == "Stopped"
    assert {name: step["StepStatus"] for name, step in bench.steps(arn).items()} == {"A": "Stopped"}
    with pytest.raises(ApiError, match="is Stopped"):
        bench.call("StopPipelineExecution", PipelineExecutionArn=arn, ClientRequestToken=TOKEN)


def test_selected_steps_take_what_they_need_from_the_source(bench: Bench) -> None:
    bench.context.functions["deploy"] = lambda payload: {"status": "ok", "count": 2}
    bench.context.functions["tell"] = lambda payload: {}
    bench.create(*MAIN, parameters=[THRESHOLD])
    source, _ = bench.run()
    config = {
        "SourcePipelineExecutionArn": source,
        "SelectedSteps": [{"StepName": "Evaluate"}, {"StepName": "Check"}],
    }
    arn, status = bench.run({"Threshold": "0.6"}, SelectiveExecutionConfig=config)
    steps = bench.steps(arn)
    assert status == "Succeeded"
    assert set(steps) == {"Train", "Evaluate", "Check"}
    assert steps["Train"]["SelectiveExecutionResult"] == {"SourcePipelineExecutionArn": source}
    assert len(bench.jobs.created) == 4
    with pytest.raises(ApiError, match="Invalid SourcePipelineExecutionArn: null"):
        bench.run(SelectiveExecutionConfig={"SelectedSteps": [{"StepName": "Check"}]})


@pytest.mark.parametrize(
    ("step", "message"),
    [
        (lambda_step("L", "absent", {}), "ResourceNotFoundException: Function not found"),
        (lambda_step("L", "bad", {}), "failed: ValueError: broken"),
        (lambda_step("L", "empty", {}, ["status"]), "did not return status"),
        (
            processing("L", {"X": REPORT}),
            "s3://bucket/ID/Evaluate/report.json cannot be read: there is no such object",
        ),
    ],
    ids=["no function", "function fails", "missing output", "missing property file"],
)
def test_a_step_that_cannot_run_says_why(bench: Bench, step: Any, message: str) -> None:
    def broken(payload: Any) -> Any:
        raise ValueError("broken")

    bench.context.functions.update(bad=broken, empty=lambda payload: {})
    bench.create(processing("Evaluate"), step)
    arn, status = bench.run()
    assert status == "Failed"
    reason = bench.steps(arn)["L"]["FailureReason"]
    assert message.replace("ID", arn.rsplit("/", 1)[-1]) in reason


def test_executions_go_on_after_a_restart(bench: Bench) -> None:
    bench.create(
        processing("A"),
        processing("B", {"SECONDS": "2"}, DependsOn=["A"]),
        processing("C", DependsOn=["B"]),
    )
    arn = bench.start()
    bench.until(arn, "B", "Executing")
    bench.restart()
    assert bench.finish(arn) == "Succeeded"
    assert len(bench.jobs.created) == 3


def test_a_job_that_died_with_the_emulator_runs_again(bench: Bench) -> None:
    bench.create(processing("A", {"SECONDS": "2"}))
    arn = bench.start()
    bench.until(arn, "A", "Executing")
    execution_operations.stop(bench.context)
    name = bench.jobs.created[0]["ProcessingJobName"]
    # The stand-in outlives the engine; its own end must not come after the one written below.
    deadline = time.monotonic() + 10
    while (bench.context.store.get("bench", name) or {})["ProcessingJobStatus"] == "InProgress":
        assert time.monotonic() < deadline
        time.sleep(0.01)
    bench.context.store.update(
        "bench",
        name,
        ProcessingJobStatus="Failed",
        FailureReason="InternalServerError: the emulator stopped while the job ran",
    )
    execution_operations.start(bench.context)
    assert bench.finish(arn) == "Succeeded"
    assert len(bench.jobs.created) == 2


def test_operations_on_what_is_not_there(bench: Bench) -> None:
    with pytest.raises(ApiError) as raised:
        bench.start()
    assert raised.value.code == "ResourceNotFound"
    arn = "arn:aws:sagemaker:us-east-1:123456789012:pipeline/p/execution/abcdefghijkl"
    with pytest.raises(ApiError, match="does not exist"):
        bench.call("DescribePipelineExecution", PipelineExecutionArn=arn)
    bench.create(fail("A"))
    with pytest.raises(ApiError, match="Unknown pipeline parameter 'Nope'"):
        bench.start({"Nope": "1"})
    with pytest.raises(ApiError, match="No callback step has the token abcdefghij"):
        bench.call("SendPipelineExecutionStepSuccess", CallbackToken="abcdefghij")


def test_executions_share_a_definition_and_those_of_an_earlier_emulator_hold_theirs(
    bench: Bench,
) -> None:
    store = bench.context.store
    bench.create(fail("A"))
    first, second = bench.run()[0], bench.run()[0]
    bench.call(
        "UpdatePipeline",
        PipelineName="p",
        PipelineDefinition=json.dumps({"Version": "2020-12-01", "Steps": [fail("B")]}),
    )
    third, _ = bench.run()
    shared = store.list("pipeline-definition")
    assert len(shared) == 2
    assert not any("PipelineDefinition" in one for one in store.list("pipeline-execution"))

    earlier = store.get("pipeline-execution", second)
    assert earlier is not None
    assert earlier.pop("DefinitionName") == shared[0]["Name"]
    definition = shared[0]["PipelineDefinition"]
    store.put("pipeline-execution", second, {**earlier, "PipelineDefinition": definition})
    bench.call("RetryPipelineExecution", PipelineExecutionArn=second, ClientRequestToken=TOKEN)
    assert bench.finish(second) == "Failed"
    for arn, step in ((first, "A"), (second, "A"), (third, "B")):
        described = bench.call("DescribePipelineDefinitionForExecution", PipelineExecutionArn=arn)
        assert json.loads(described["PipelineDefinition"])["Steps"][0]["Name"] == step
    bench.call("DeletePipeline", PipelineName="p", ClientRequestToken=TOKEN)
    assert store.list("pipeline-definition") == []


def test_pipelines_are_created_updated_listed_and_deleted(bench: Bench) -> None:
    bench.create(fail("A"))
    bench.create(fail("A"))
    with pytest.raises(ApiError, match="already exists"):
        bench.call(
            "CreatePipeline",
            PipelineName="p",
            PipelineDefinition="{}",
            ClientRequestToken=TOKEN[::-1],
            RoleArn=ROLE,
        )
    with pytest.raises(ApiError, match="Unsupported pipeline definition Version"):
        bench.call("UpdatePipeline", PipelineName="p", PipelineDefinition="{}")
    definition = json.dumps({"Version": "2020-12-01", "Steps": [fail("B")]})
    folder = bench.context.state / "s3" / "bucket"
    folder.mkdir(parents=True)
    (folder / "definition.json").write_text(definition)
    bench.call(
        "UpdatePipeline",
        PipelineName="p",
        PipelineDefinitionS3Location={"Bucket": "bucket", "ObjectKey": "definition.json"},
    )
    described = bench.call("DescribePipeline", PipelineName="p")
    assert described["PipelineDefinition"] == definition
    assert bench.call("DescribePipeline", PipelineName="p", PipelineVersionId=2) == described
    for earlier in ({"PipelineVersionId": 1}, {"PipelineVersionAlias": "live"}):
        with pytest.raises(ApiError, match=r"only the latest version of a pipeline.*'p' is 2"):
            bench.start(**earlier)
    aliased = {"PipelineDefinition": definition, "PipelineVersionAliases": ["live"]}
    with pytest.raises(ApiError, match="and no aliases: the version of 'p' is 2"):
        bench.call("UpdatePipeline", PipelineName="p", **aliased)
    aliased |= {"RoleArn": ROLE, "ClientRequestToken": TOKEN}
    with pytest.raises(ApiError, match="PipelineVersionAliases: The emulator keeps"):
        bench.call("CreatePipeline", PipelineName="q", **aliased)
    with pytest.raises(ApiError, match="variable MLFLOW_EXPERIMENT_NAME"):
        bench.start(MlflowExperimentName="mine")
    arn, status = bench.run(ClientRequestToken=TOKEN)
    assert status == "Failed"
    assert bench.start(ClientRequestToken=TOKEN) == arn
    listed = bench.call("ListPipelineExecutions", PipelineName="p")["PipelineExecutionSummaries"]
    assert [(one["PipelineExecutionArn"], one["PipelineExecutionStatus"]) for one in listed] == [
        (arn, "Failed")
    ]
    assert bench.call("ListPipelines")["PipelineSummaries"][0]["PipelineName"] == "p"
    bench.call("DeletePipeline", PipelineName="p", ClientRequestToken=TOKEN)
    assert bench.call("ListPipelines")["PipelineSummaries"] == []
    with pytest.raises(ApiError, match="does not exist"):
        bench.call("DescribePipelineExecution", PipelineExecutionArn=arn)


def test_a_callback_killed_before_its_message_was_sent_sends_it_after_the_restart(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[str] = []
    killed = threading.Event()

    def send(run: Any, queue: str, token: str, status: str, arguments: Any) -> None:
        if not killed.is_set():
            killed.set()
            run.closing.wait(10)
            raise RuntimeError("the server was killed here")
        sent.append(token)

    monkeypatch.setattr(callback_step, "_send", send)
    queue = "https://sqs.us-east-1.amazonaws.com/123456789012/q"
    bench.create({"Name": "Ask", "Type": "Callback", "SqsQueueUrl": queue, "Arguments": {}})
    arn = bench.start()
    bench.until(arn, "Ask", "Executing")
    assert killed.wait(10)
    bench.restart()
    deadline = time.monotonic() + 10
    while not sent:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    bench.restart()  # what was sent is not sent again
    bench.call("SendPipelineExecutionStepSuccess", CallbackToken=sent[0], ClientRequestToken=TOKEN)
    assert bench.finish(arn) == "Succeeded"
    assert len(sent) == 1


def test_a_stop_between_the_reading_of_an_execution_and_its_start_is_obeyed(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Slow(executions.ExecutionThread):
        def __init__(self, context: Any, arn: str, closing: Any) -> None:
            super().__init__(context, arn, closing)
            stopped = {"PipelineExecutionArn": arn, "ClientRequestToken": TOKEN}
            bench.call("StopPipelineExecution", **stopped)

    monkeypatch.setattr(executions, "ExecutionThread", Slow)
    bench.create(processing("A", {"SECONDS": "30"}))
    assert bench.run()[1] == "Stopped"


def test_events_that_cannot_be_told_hold_up_no_execution(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def emit(context: Any, detail_type: str, detail: dict[str, Any], resources: Any) -> None:
        context.events.append({"type": detail_type, **detail})
        raise RuntimeError("as asked")

    def unreadable(record: dict[str, Any]) -> dict[str, Any]:
        raise sqlite3.OperationalError("disk I/O error")

    monkeypatch.setattr(BenchContext, "emit", emit)
    monkeypatch.setattr(status_events, "shown", unreadable)
    bench.create(processing("A"), processing("B", {"FAIL": "x", "FAIL_TIMES": "1"}))
    arn, status = bench.run()
    assert status == "Failed"
    bench.call("RetryPipelineExecution", PipelineExecutionArn=arn, ClientRequestToken=TOKEN)
    assert bench.finish(arn) == "Succeeded"
