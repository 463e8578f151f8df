"""Watching an execution for hours: what the network loses for a moment ends nothing."""

import json
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from botocore.stub import Stubber

from pipelines.executions import watch
from pipelines.executions.execution import Execution, Step

PIPELINE = "arn:aws:sagemaker:us-east-1:123456789012:pipeline/tally"
# What a test needs no answers of.
NO_LOGS: Any = None
NO_CLIENT: Any = None
ARN = f"{PIPELINE}/execution/8x2kq0wzv1ab"


@pytest.fixture
def client() -> Any:
    return boto3.client("sagemaker", "us-east-1", aws_access_key_id="x", aws_secret_access_key="x")


@pytest.fixture
def stubber(client: Any) -> Iterator[Stubber]:
    with Stubber(client) as stubber:
        yield stubber


def answer(
    stubber: Stubber,
    status: str,
    steps: Sequence[dict[str, Any]] = (),
    definition: str = '{"Steps": []}',
) -> None:
    """The responses that a snapshot needs."""
    now = datetime.now(UTC)
    stubber.add_response(
        "describe_pipeline_execution",
        {
            "PipelineArn": PIPELINE,
            "PipelineExecutionStatus": status,
            "CreationTime": now,
            "LastModifiedTime": now,
        },
    )
    stubber.add_response("list_pipeline_execution_steps", {"PipelineExecutionSteps": steps})
    stubber.add_response(
        "describe_pipeline_definition_for_execution", {"PipelineDefinition": definition}
    )
    stubber.add_response("list_pipeline_parameters_for_execution", {"PipelineParameters": []})


def throttled(client: Any, stubber: Stubber) -> None:
    stubber.add_client_error(
        "describe_pipeline_execution", "ThrottlingException", http_status_code=400
    )


def out_of_order(client: Any, stubber: Stubber) -> None:
    stubber.add_client_error("describe_pipeline_execution", "InternalFailure", http_status_code=500)


def cut_off(client: Any, stubber: Stubber) -> None:
    asked = []

    def fail(**_: Any) -> None:
        asked.append(1)
        if len(asked) == 2:  # the first request has been answered
            raise EndpointConnectionError(endpoint_url="https://example.test")

    client.meta.events.register_first("before-call.sagemaker.DescribePipelineExecution", fail)


@pytest.mark.parametrize("fault", [throttled, out_of_order, cut_off])
def test_a_failed_look_is_tried_again(
    client: Any, stubber: Stubber, fault: Callable[[Any, Stubber], None]
) -> None:
    answer(stubber, "Executing")
    fault(client, stubber)
    answer(stubber, "Succeeded")
    seen = [snapshot.execution.status for snapshot in watch.snapshots(client, NO_LOGS, ARN)]
    assert seen == ["Executing", "Succeeded"]
    stubber.assert_no_pending_responses()


def test_failures_that_last_end_the_watching(
    client: Any, stubber: Stubber, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "PATIENCE_SECONDS", 0.0)
    answer(stubber, "Executing")
    throttled(client, stubber)
    with pytest.raises(ClientError, match="ThrottlingException"):
        list(watch.snapshots(client, NO_LOGS, ARN))


def test_an_error_that_does_not_pass_is_raised_at_once(client: Any, stubber: Stubber) -> None:
    answer(stubber, "Executing")
    stubber.add_client_error(
        "describe_pipeline_execution", "ExpiredTokenException", http_status_code=403
    )
    with pytest.raises(ClientError, match="ExpiredTokenException"):
        list(watch.snapshots(client, NO_LOGS, ARN))


def test_the_first_look_is_not_tried_again(client: Any, stubber: Stubber) -> None:
    throttled(client, stubber)
    with pytest.raises(ClientError, match="ThrottlingException"):
        list(watch.snapshots(client, NO_LOGS, ARN))


def test_the_log_ending_of_a_function_is_that_of_its_own_call(aws: Any) -> None:
    logs = aws.session.client("logs")
    group = "/aws/lambda/tally-promote"
    logs.create_log_group(logGroupName=group)
    now = datetime.now(UTC).replace(microsecond=0)
    for call in range(60):  # more streams than a page shows, one for each call; the last is later
        logs.create_log_stream(logGroupName=group, logStreamName=f"2026/11/{call:02}")
        when = int((now + timedelta(minutes=call - 58)).timestamp() * 1000)
        event = {"timestamp": when, "message": f"call {call}"}
        logs.put_log_events(
            logGroupName=group, logStreamName=f"2026/11/{call:02}", logEvents=[event]
        )
    arn = f"arn:aws:lambda:us-east-1:123456789012:function:{group.rpartition('/')[2]}"
    begun, ended = now - timedelta(seconds=2), now + timedelta(seconds=2)
    metadata: Any = {"Lambda": {"Arn": arn}}
    step = Step("Deploy", "Lambda", "Failed", begun, ended, metadata=metadata)
    execution = Execution(ARN, "tally", "", "Failed", begun, ended, "", {}, (step,))
    (ending,) = watch.log_endings(NO_CLIENT, logs, execution)
    assert (ending.log, ending.lines) == (group, ("call 58",))


@pytest.mark.parametrize(
    ("status", "approval", "detail"),
    [
        ("left for approval", "PendingManualApproval", "left for approval"),
        ("left for approval", "Approved", "Approved since; at first left for approval"),
        ("left for approval", "Rejected", "Rejected since; at first left for approval"),
        ("endpoint created", "Approved", "endpoint created"),
        ("endpoint created", "Rejected", "Rejected since; at first endpoint created"),
    ],
)
def test_a_decision_after_the_execution_stands_before_what_promoting_did(
    client: Any, stubber: Stubber, status: str, approval: str, detail: str
) -> None:
    package = "arn:aws:sagemaker:us-east-1:123456789012:model-package/tally/3"
    now = datetime.now(UTC)
    outputs = {"Lambda": {"OutputParameters": [{"Name": "status", "Value": status}]}}
    steps = [
        {"StepName": "Register", "StepStatus": "Succeeded",
         "Metadata": {"RegisterModel": {"Arn": package}}},
        {"StepName": "Deploy", "StepStatus": "Succeeded", "Metadata": outputs},
    ]  # fmt: skip
    definition = {"Steps": [{"Name": "Register", "Type": "RegisterModel"},
                            {"Name": "Deploy", "Type": "Lambda"}]}  # fmt: skip
    answer(stubber, "Succeeded", steps, json.dumps(definition))
    described = {
        "ModelPackageName": "3", "ModelPackageArn": package, "CreationTime": now,
        "ModelPackageStatus": "Completed", "ModelApprovalStatus": approval,
        "ModelPackageStatusDetails": {"ValidationStatuses": []},
    }  # fmt: skip
    stubber.add_response("describe_model_package", described)
    snapshot = watch.snapshot(client, NO_LOGS, ARN)
    assert snapshot.details == {"Register": "model version 3", "Deploy": detail}
