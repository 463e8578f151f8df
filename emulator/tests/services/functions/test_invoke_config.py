"""Asynchronous invocations: how often they are tried, and the records of how they ended."""

import json
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from emulator_process import Emulator
from function_archive import function_request
from local_context import local_context
from queue_messages import queue_of, received
from waiting import wait_until

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.errors import ApiError
from sagemaker_emulator.services import aws_calls
from sagemaker_emulator.services.functions import invoker

SOURCE = """
def handler(event, context):
    if event.get("fail"):
        raise ValueError("as asked")
    return {"seen": event}
"""
ARN = "arn:aws:lambda:us-east-1:123456789012:function:"


@pytest.fixture
def context(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Context]:
    monkeypatch.setattr(invoker, "RETRY_AFTER", (0, 0))
    made = local_context(tmp_path / "state")
    aws_calls.call(made, "lambda", "CreateFunction", **function_request("f", SOURCE))
    yield made
    made.functions.stop()
    made.deliveries.stop()
    made.containers.close()


def configure(context: Context, **settings: Any) -> dict[str, Any]:
    return aws_calls.call(
        context, "lambda", "PutFunctionEventInvokeConfig", FunctionName="f", **settings
    )


def destinations(**arns: str) -> dict[str, Any]:
    return {when: {"Destination": arn} for when, arn in arns.items()}


def tries(context: Context) -> int:
    return sum("REPORT" in line for line in context.logs.read("/aws/lambda/f", ""))


def test_a_failure_is_a_record_in_the_queue_of_the_destination(context: Context) -> None:
    queue = queue_of(context)
    configure(context, MaximumRetryAttempts=1, DestinationConfig=destinations(OnFailure=queue.arn))
    context.functions.invoke_later("f", {"fail": True}, "the-request")
    record = json.loads(received(context, queue)["Body"])
    assert tries(context) == 2
    assert record["requestContext"] == {
        "requestId": "the-request",
        "functionArn": f"{ARN}f:$LATEST",
        "condition": "RetriesExhausted",
        "approximateInvokeCount": 2,
    }
    assert record["requestPayload"] == {"fail": True}
    assert record["responseContext"] == {
        "statusCode": 200,
        "executedVersion": "$LATEST",
        "functionError": "Unhandled",
    }
    assert record["responsePayload"]["errorMessage"] == "as asked"


def test_a_success_is_a_record_with_what_the_function_returned(context: Context) -> None:
    queue = queue_of(context)
    configure(context, DestinationConfig=destinations(OnSuccess=queue.arn, OnFailure=queue.arn))
    context.functions.invoke_later("f", {"n": 1})
    record = json.loads(received(context, queue)["Body"])
    assert record["requestContext"]["condition"] == "Success"
    assert record["requestContext"]["approximateInvokeCount"] == 1
    assert record["responsePayload"] == {"seen": {"n": 1}}
    assert "functionError" not in record["responseContext"]


def test_no_retries_are_no_retries(context: Context) -> None:
    configure(context, MaximumRetryAttempts=0)
    context.functions.invoke_later("f", {"fail": True})
    wait_until(lambda: list(context.logs.read("/aws/lambda/f", "asynchronous")), 30)
    assert tries(context) == 1


def test_an_invocation_that_became_too_old_is_not_tried(context: Context) -> None:
    queue = queue_of(context)
    configure(
        context, MaximumEventAgeInSeconds=60, DestinationConfig=destinations(OnFailure=queue.arn)
    )
    old = {"Id": "old", "FunctionName": "f", "Payload": {"n": 1}, "Attempts": 0}
    context.store.put("invocation", "old", old | {"Accepted": time.time() - 61})
    context.functions.start()
    record = json.loads(received(context, queue)["Body"])
    assert record["requestContext"]["condition"] == "EventAgeExceeded"
    assert "responsePayload" not in record
    assert tries(context) == 0


def test_a_record_goes_to_another_function(context: Context, tmp_path: Path) -> None:
    file = tmp_path / "record"
    source = f"import json\ndef handler(event, context): json.dump(event, open({str(file)!r}, 'w'))"
    aws_calls.call(context, "lambda", "CreateFunction", **function_request("told", source))
    configure(context, DestinationConfig=destinations(OnSuccess=f"{ARN}told"))
    context.functions.invoke_later("f", {})
    wait_until(lambda: file.exists() and file.stat().st_size > 0, 30)
    wait_until(lambda: context.store.list("invocation") == [], 30)
    assert json.loads(file.read_text())["requestContext"]["condition"] == "Success"


def test_a_record_is_an_event_of_the_bus(context: Context) -> None:
    bus = "arn:aws:events:us-east-1:123456789012:event-bus/default"
    configure(context, DestinationConfig=destinations(OnSuccess=bus))
    seen: list[tuple[Any, ...]] = []
    emit = context.events.emit

    def listen(*event: Any, **more: Any) -> str:
        seen.append(event)
        return emit(*event, **more)

    context.events.emit = listen  # type: ignore[method-assign]
    context.functions.invoke_later("f", {"n": 7})
    wait_until(lambda: seen, 30)
    detail_type, detail, resources, source = seen[0]
    assert (detail_type, source) == ("Lambda Function Invocation Result - Success", "lambda")
    assert detail["requestPayload"] == {"n": 7}
    assert resources == [f"{ARN}f:$LATEST", bus]


def test_a_dead_letter_has_the_payload_and_the_reason(context: Context) -> None:
    queue = queue_of(context)
    aws_calls.call(
        context,
        "lambda",
        "UpdateFunctionConfiguration",
        FunctionName="f",
        DeadLetterConfig={"TargetArn": queue.arn},
    )
    configure(context, MaximumRetryAttempts=0)
    context.functions.invoke_later("f", {"fail": True}, "the-request")
    letter = received(context, queue)
    assert json.loads(letter["Body"]) == {"fail": True}
    reasons = {name: each["StringValue"] for name, each in letter["MessageAttributes"].items()}
    assert reasons["RequestID"] == "the-request"
    assert reasons["ErrorCode"] == "200"
    assert "as asked" in reasons["ErrorMessage"]


def test_put_replaces_and_update_merges(context: Context) -> None:
    configure(context, MaximumRetryAttempts=1, MaximumEventAgeInSeconds=90)
    update = {"FunctionName": "f", "MaximumRetryAttempts": 0}
    aws_calls.call(context, "lambda", "UpdateFunctionEventInvokeConfig", **update)
    shown = aws_calls.call(context, "lambda", "GetFunctionEventInvokeConfig", FunctionName="f")
    assert (shown["MaximumRetryAttempts"], shown["MaximumEventAgeInSeconds"]) == (0, 90)
    replaced = configure(context, MaximumRetryAttempts=2)
    assert "MaximumEventAgeInSeconds" not in replaced
    assert replaced["FunctionArn"] == f"{ARN}f:$LATEST"


def test_a_destination_that_nothing_is_delivered_to_is_refused(context: Context) -> None:
    with pytest.raises(ApiError, match="delivers no invocation records to arn:aws:s3"):
        configure(context, DestinationConfig=destinations(OnFailure="arn:aws:s3:::bucket"))
    with pytest.raises(ApiError, match="at least one of error handling or destination"):
        configure(context)


def test_options_over_http(emulator: Emulator, functions: Any, function: str) -> None:
    with pytest.raises(ClientError, match="doesn't have an EventInvokeConfig"):
        functions.get_function_event_invoke_config(FunctionName=function)
    functions.put_function_event_invoke_config(
        FunctionName=function, MaximumRetryAttempts=0, MaximumEventAgeInSeconds=60
    )
    listed = functions.list_function_event_invoke_configs(FunctionName=function)
    (shown,) = listed["FunctionEventInvokeConfigs"]
    assert (shown["MaximumRetryAttempts"], shown["MaximumEventAgeInSeconds"]) == (0, 60)
    assert shown["DestinationConfig"] == {"OnSuccess": {}, "OnFailure": {}}
    functions.delete_function_event_invoke_config(FunctionName=function)
    listed = functions.list_function_event_invoke_configs(FunctionName=function)
    assert listed["FunctionEventInvokeConfigs"] == []


def test_options_end_with_their_function(functions: Any) -> None:
    name = f"f-{uuid.uuid4().hex[:8]}"
    functions.create_function(**function_request(name))
    functions.put_function_event_invoke_config(FunctionName=name, MaximumRetryAttempts=0)
    functions.delete_function(FunctionName=name)
    functions.create_function(**function_request(name))
    with pytest.raises(ClientError, match="doesn't have an EventInvokeConfig"):
        functions.get_function_event_invoke_config(FunctionName=name)


def test_options_are_listed_in_pages_whatever_their_order(context: Context) -> None:
    aws_calls.call(context, "lambda", "PublishVersion", FunctionName="f")
    for version in ("1", "$LATEST"):  # made in another order than that of their names
        aws_calls.call(
            context,
            "lambda",
            "PutFunctionEventInvokeConfig",
            FunctionName="f",
            Qualifier=version,
            MaximumRetryAttempts=0,
        )
    listed: list[str] = []
    more: dict[str, str] = {}
    while len(listed) < 5:
        page = aws_calls.call(
            context,
            "lambda",
            "ListFunctionEventInvokeConfigs",
            FunctionName="f",
            MaxItems=1,
            **more,
        )
        listed += [each["FunctionArn"] for each in page["FunctionEventInvokeConfigs"]]
        if not page.get("NextMarker"):
            break
        more = {"Marker": page["NextMarker"]}
    assert sorted(listed) == [f"{ARN}f:$LATEST", f"{ARN}f:1"]
