"""Queues that call functions: batches, what of them stays in the queue, and dead letters."""

import json
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from emulator_process import Emulator
from function_archive import function_request
from local_context import local_context
from processes import runs
from queue_messages import Queue, queue_of, receive, received, send
from waiting import wait_until

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.errors import ApiError
from sagemaker_emulator.services import aws_calls
from sagemaker_emulator.services.events import patterns
from sagemaker_emulator.services.functions.source_mappings import matches

# Writes each batch to a file of its own; fails, or reports, the messages that ask for it.
SOURCE = """
import json, os, uuid
def handler(event, context):
    file = os.path.join(os.environ["PLACE"], uuid.uuid4().hex)
    with open(file + ".new", "w") as opened:
        json.dump(event, opened)
    os.rename(file + ".new", file + ".json")
    bodies = [each["body"] for each in event["Records"]]
    if "fail" in bodies:
        raise ValueError("as asked")
    reported = [r["messageId"] for r in event["Records"] if r["body"] == "report"]
    return {"batchItemFailures": [{"itemIdentifier": each} for each in reported]}
"""


@pytest.fixture
def context(tmp_path: Path) -> Iterator[Context]:
    made = local_context(tmp_path / "state")
    aws_calls.call(made, "lambda", "CreateFunction", **request(tmp_path))
    yield made
    made.source_mappings.stop()
    made.functions.stop()
    made.containers.close()


def request(place: Path, name: str = "f", **more: Any) -> Any:
    variables = {"Variables": {"PLACE": str(place)}}
    return function_request(name, SOURCE, Environment=variables, **{"Timeout": 30, **more})


def map_to(context: Context, queue: Queue, **more: Any) -> str:
    made = aws_calls.call(
        context,
        "lambda",
        "CreateEventSourceMapping",
        EventSourceArn=queue.arn,
        FunctionName="f",
        **more,
    )
    return str(made["UUID"])


def batches(place: Path) -> list[dict[str, Any]]:
    return [json.loads(file.read_text()) for file in place.glob("*.json")]


def bodies(place: Path) -> list[str]:
    return sorted(each["body"] for batch in batches(place) for each in batch["Records"])


def count(context: Context, queue: Queue) -> int:
    """The messages that a queue has, visible or not."""
    found = aws_calls.call(
        context, "sqs", "GetQueueAttributes", QueueUrl=queue.url, AttributeNames=["All"]
    )["Attributes"]
    kinds = ("", "NotVisible", "Delayed")
    return sum(int(found[f"ApproximateNumberOfMessages{kind}"]) for kind in kinds)


def test_a_message_calls_the_function_and_is_deleted(context: Context, tmp_path: Path) -> None:
    queue = queue_of(context)
    map_to(context, queue)
    attribute = {"why": {"StringValue": "a test", "DataType": "String"}}
    send(context, queue, '{"n": 1}', MessageAttributes=attribute)
    wait_until(lambda: batches(tmp_path), 60)
    ((record,),) = (batch["Records"] for batch in batches(tmp_path))
    assert record["body"] == '{"n": 1}'
    assert record["eventSource"] == "aws:sqs"
    assert record["eventSourceARN"] == queue.arn
    assert record["attributes"]["ApproximateReceiveCount"] == "1"
    assert record["messageAttributes"]["why"] == {
        "stringValue": "a test",
        "stringListValues": [],
        "binaryListValues": [],
        "dataType": "String",
    }
    wait_until(lambda: count(context, queue) == 0, 60)


def test_batches_have_as_many_messages_as_asked_for(context: Context, tmp_path: Path) -> None:
    queue = queue_of(context)
    for number in range(5):
        send(context, queue, str(number))
    map_to(context, queue, BatchSize=2)
    wait_until(lambda: len(bodies(tmp_path)) == 5, 60)
    assert sorted(len(each["Records"]) for each in batches(tmp_path)) == [1, 2, 2]


def test_a_failed_batch_goes_to_the_dead_letter_queue(context: Context, tmp_path: Path) -> None:
    dead = queue_of(context)
    policy = json.dumps({"deadLetterTargetArn": dead.arn, "maxReceiveCount": 2})
    queue = queue_of(context, VisibilityTimeout=30, RedrivePolicy=policy)
    identity = map_to(context, queue)
    # Shorter than the function may take: the mapping was made before, as a change on AWS is, too.
    aws_calls.call(
        context,
        "sqs",
        "SetQueueAttributes",
        QueueUrl=queue.url,
        Attributes={"VisibilityTimeout": "1"},
    )
    send(context, queue, "fail")
    assert received(context, dead)["Body"] == "fail"
    assert len(batches(tmp_path)) == 2
    shown = aws_calls.call(context, "lambda", "GetEventSourceMapping", UUID=identity)
    assert shown["LastProcessingResult"] == "PROBLEM: Function call failed"


def test_only_reported_messages_stay_in_the_queue(context: Context, tmp_path: Path) -> None:
    queue = queue_of(context)
    for body in ("good", "report"):
        send(context, queue, body)
    map_to(context, queue, FunctionResponseTypes=["ReportBatchItemFailures"])
    wait_until(lambda: len(bodies(tmp_path)) == 2, 60)
    wait_until(lambda: count(context, queue) == 1, 60)


def test_messages_that_no_filter_matches_are_deleted(context: Context, tmp_path: Path) -> None:
    queue = queue_of(context)
    pattern = json.dumps({"body": {"n": [{"numeric": [">", 1]}]}})
    map_to(context, queue, FilterCriteria={"Filters": [{"Pattern": pattern}]})
    for number in range(3):
        send(context, queue, json.dumps({"n": number}))
    wait_until(lambda: count(context, queue) == 0, 60)
    assert bodies(tmp_path) == ['{"n": 2}']


def test_a_disabled_mapping_takes_no_messages_until_it_is_enabled(
    context: Context, tmp_path: Path
) -> None:
    queue = queue_of(context)
    identity = map_to(context, queue, Enabled=False)
    send(context, queue, "waits")
    assert [each["Body"] for each in receive(context, queue, VisibilityTimeout=0)] == ["waits"]
    aws_calls.call(context, "lambda", "UpdateEventSourceMapping", UUID=identity, Enabled=True)
    wait_until(lambda: bodies(tmp_path) == ["waits"], 60)
    deleted = aws_calls.call(context, "lambda", "DeleteEventSourceMapping", UUID=identity)
    assert deleted["State"] == "Deleting"
    with pytest.raises(ApiError, match="does not exist"):
        aws_calls.call(context, "lambda", "GetEventSourceMapping", UUID=identity)


def test_mappings_that_lambda_refuses(context: Context) -> None:
    queue = queue_of(context, VisibilityTimeout=29)
    with pytest.raises(ApiError, match="29 seconds is less than Function timeout: 30"):
        map_to(context, queue)
    with pytest.raises(ApiError, match=r"SQS Error Code: .*NonExistentQueue"):
        map_to(context, Queue("", queue.arn + "-none"))
    with pytest.raises(ApiError, match="only SQS queues"):
        map_to(context, Queue("", "arn:aws:kinesis:us-east-1:123456789012:stream/s"))
    queue = queue_of(context)
    with pytest.raises(ApiError, match="MaximumBatchingWindowInSeconds"):
        map_to(context, queue, BatchSize=11)
    map_to(context, queue)
    with pytest.raises(ApiError, match="already exists"):
        map_to(context, queue)


def test_mappings_and_messages_outlive_a_killed_server(
    own_emulator: Callable[..., Emulator], tmp_path: Path
) -> None:
    emulator, place = own_emulator(), tmp_path / "batches"
    place.mkdir()
    assert emulator.up().returncode == 0
    functions, sqs = emulator.client("lambda"), emulator.client("sqs")
    functions.create_function(**request(place))
    url = sqs.create_queue(QueueName="q")["QueueUrl"]
    arn = "arn:aws:sqs:us-east-1:123456789012:q"
    identity = functions.create_event_source_mapping(EventSourceArn=arn, FunctionName="f")["UUID"]
    sqs.send_message(QueueUrl=url, MessageBody="before", DelaySeconds=0)
    wait_until(lambda: bodies(place) == ["before"], 60)
    functions.update_event_source_mapping(UUID=identity, Enabled=False)
    sqs.send_message(QueueUrl=url, MessageBody=(body := uuid.uuid4().hex))
    pid = emulator.about["pid"]
    emulator.kill()
    wait_until(lambda: not runs(pid), 30)
    assert emulator.up().returncode == 0
    functions.update_event_source_mapping(UUID=identity, Enabled=True)
    wait_until(lambda: body in bodies(place), 60)
    assert bodies(place) == sorted(["before", body])  # what was deleted does not come again


def test_message_that_is_nested_too_deep_is_a_text() -> None:
    record = {"body": "[" * 100_000}
    assert matches([], record)
    assert not matches([patterns.parse('{"body": {"a": ["b"]}}')], record)
