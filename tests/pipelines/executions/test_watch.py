"""Watching an execution for hours: what the network loses for a moment ends nothing."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from botocore.stub import Stubber

from pipelines.executions import watch
from pipelines.executions.execution import Execution, Step

PIPELINE = "arn:aws:sagemaker:us-east-1:123456789012:pipeline/tally"
ARN = f"{PIPELINE}/execution/8x2kq0wzv1ab"


@pytest.fixture
def client() -> Any:
    who = {"aws_access_key_id": "x", "aws_secret_access_key": "x"}
    return boto3.client("sagemaker", region_name="us-east-1", **who)


@pytest.fixture
def stubber(client: Any) -> Iterator[Stubber]:
    with Stubber(client) as stubber:
        yield stubber


def answer(stubber: Stubber, status: str) -> None:
    """What a look asks for, of an execution without steps."""
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
    stubber.add_response("list_pipeline_execution_steps", {"PipelineExecutionSteps": []})
    stubber.add_response(
        "describe_pipeline_definition_for_execution", {"PipelineDefinition": '{"Steps": []}'}
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
        if len(asked) == 2:  # the first look has been answered
            raise EndpointConnectionError(endpoint_url="https://example.test")

    client.meta.events.register_first("before-call.sagemaker.DescribePipelineExecution", fail)


@pytest.mark.parametrize("fault", [throttled, out_of_order, cut_off])
def test_a_moment_without_an_answer_is_waited_out(
    client: Any, stubber: Stubber, fault: Callable[[Any, Stubber], None]
) -> None:
    answer(stubber, "Executing")
    fault(client, stubber)
    answer(stubber, "Succeeded")
    seen = [look.execution.status for look in watch.looks(client, None, ARN)]
    assert seen == ["Executing", "Succeeded"]
    stubber.assert_no_pending_responses()


def test_a_silence_without_end_is_said(
    client: Any, stubber: Stubber, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "PATIENCE_SECONDS", 0.0)
    answer(stubber, "Executing")
    throttled(client, stubber)
    with pytest.raises(ClientError, match="ThrottlingException"):
        list(watch.looks(client, None, ARN))


def test_what_does_not_pass_is_said_at_once(client: Any, stubber: Stubber) -> None:
    answer(stubber, "Executing")
    stubber.add_client_error(
        "describe_pipeline_execution", "ExpiredTokenException", http_status_code=403
    )
    with pytest.raises(ClientError, match="ExpiredTokenException"):
        list(watch.looks(client, None, ARN))


def test_the_first_look_is_answered_or_fails(client: Any, stubber: Stubber) -> None:
    throttled(client, stubber)
    with pytest.raises(ClientError, match="ThrottlingException"):
        list(watch.looks(client, None, ARN))


def test_the_last_words_of_a_function_are_those_of_its_own_call(aws: Any) -> None:
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
    metadata = {"Lambda": {"Arn": arn}}
    step = Step("Deploy", "Lambda", "Failed", begun, ended, metadata=metadata)
    execution = Execution(ARN, "tally", "", "Failed", begun, ended, "", {}, (step,))
    (said,) = watch.last_words(None, logs, execution)
    assert (said.place, said.lines) == (group, ("call 58",))
