"""Messages of a dead-letter queue, moved back."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from emulator_process import Emulator
from local_context import local_context
from queue_messages import Queue, queue_of, receive, send
from waiting import wait_until

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.errors import ApiError
from sagemaker_emulator.services import aws_calls


@pytest.fixture
def context(tmp_path: Path) -> Iterator[Context]:
    made = local_context(tmp_path / "state")
    yield made
    made.containers.close()


def source_of(context: Context, dead: Queue) -> Queue:
    policy = json.dumps({"deadLetterTargetArn": dead.arn, "maxReceiveCount": 1})
    return queue_of(context, RedrivePolicy=policy)


def start(context: Context, dead: Queue, **more: Any) -> str:
    request = {"SourceArn": dead.arn, **more}
    return str(aws_calls.call(context, "sqs", "StartMessageMoveTask", **request)["TaskHandle"])


def last_task(context: Context, dead: Queue) -> dict[str, Any]:
    listed = aws_calls.call(context, "sqs", "ListMessageMoveTasks", SourceArn=dead.arn)
    (task,) = listed["Results"]
    found: dict[str, Any] = task
    return found


def test_messages_return_to_the_queue_that_they_came_from(context: Context) -> None:
    dead = queue_of(context)
    queue = source_of(context, dead)
    attribute = {"why": {"DataType": "String", "StringValue": "x"}}
    for number in range(12):
        send(context, dead, str(number), MessageAttributes=attribute)
    start(context, dead)
    wait_until(lambda: last_task(context, dead)["Status"] == "COMPLETED", 60)
    assert last_task(context, dead)["ApproximateNumberOfMessagesMoved"] == 12
    messages = receive(context, queue) + receive(context, queue)
    assert sorted(int(each["Body"]) for each in messages) == list(range(12))
    assert messages[0]["MessageAttributes"]["why"]["StringValue"] == "x"
    assert messages[0]["Attributes"]["ApproximateReceiveCount"] == "1"
    assert receive(context, dead) == []


def test_messages_go_to_another_queue_where_asked(context: Context) -> None:
    dead, other = queue_of(context), queue_of(context)
    queue = source_of(context, dead)
    send(context, dead, "x")
    start(context, dead, DestinationArn=other.arn)
    wait_until(lambda: receive(context, other), 60)
    assert receive(context, queue) == []


def test_a_task_is_cancelled(context: Context) -> None:
    dead = queue_of(context)
    source_of(context, dead)
    for number in range(15):
        send(context, dead, str(number))
    handle = start(context, dead, MaxNumberOfMessagesPerSecond=1)
    with pytest.raises(ApiError, match="already a task running"):
        start(context, dead)
    aws_calls.call(context, "sqs", "CancelMessageMoveTask", TaskHandle=handle)
    assert last_task(context, dead)["Status"] == "CANCELLED"
    with pytest.raises(ApiError, match="Task does not exist"):
        aws_calls.call(context, "sqs", "CancelMessageMoveTask", TaskHandle=handle)


def test_a_queue_of_no_dead_letters_is_refused(context: Context) -> None:
    queue = queue_of(context)
    with pytest.raises(ApiError, match="must be configured as a Dead Letter Queue"):
        start(context, queue)


@pytest.mark.parametrize("speed", [0, 501])
def test_a_speed_beyond_the_limits_is_refused(context: Context, speed: int) -> None:
    dead = queue_of(context)
    source_of(context, dead)
    with pytest.raises(ApiError, match=f"Value {speed} .* Must be between 1 and 500"):
        start(context, dead, MaxNumberOfMessagesPerSecond=speed)


def test_a_move_over_http(emulator: Emulator, name: str) -> None:
    sqs = emulator.client("sqs")
    dead = sqs.create_queue(QueueName=f"{name}-dead")["QueueUrl"]
    arn = f"arn:aws:sqs:us-east-1:123456789012:{name}-dead"
    policy = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 1})
    url = sqs.create_queue(QueueName=name, Attributes={"RedrivePolicy": policy})["QueueUrl"]
    sqs.send_message(QueueUrl=dead, MessageBody="x")
    assert sqs.start_message_move_task(SourceArn=arn)["TaskHandle"]
    found = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=20)
    assert [each["Body"] for each in found["Messages"]] == ["x"]
