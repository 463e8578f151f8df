"""Messages of queues, as the next server finds them."""

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from local_context import IMAGES, local_context
from queue_messages import Queue, queue_of, receive, send

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.services import aws_calls
from sagemaker_emulator.storage.store import Store


@pytest.fixture
def restarted(tmp_path: Path) -> Callable[[], Context]:
    """A function that gives the server of a state, or the next one of the same state."""
    made: list[Context] = []

    def make() -> Context:
        store = made[-1].store if made else Store(tmp_path / "state" / "emulator.db")
        made.append(local_context(tmp_path / "state", store, IMAGES))
        return made[-1]

    return make


def delete(context: Context, queue: Queue, message: dict[str, Any]) -> None:
    handle = message["ReceiptHandle"]
    aws_calls.call(context, "sqs", "DeleteMessage", QueueUrl=queue.url, ReceiptHandle=handle)


def bodies(context: Context, queue: Queue) -> list[str]:
    return [each["Body"] for each in receive(context, queue)]


def test_messages_are_as_they_were(restarted: Callable[[], Context]) -> None:
    context = restarted()
    queue = queue_of(context)
    data = {"data": {"DataType": "Binary", "BinaryValue": b"\xff\x00"}}
    send(context, queue, "first", MessageAttributes=data)
    send(context, queue, "second")
    before = receive(context, queue, VisibilityTimeout=0)
    context = restarted()
    first, second = receive(context, queue)
    assert (first["Body"], second["Body"]) == ("first", "second")
    assert first["MessageId"] == before[0]["MessageId"]
    assert first["MessageAttributes"]["data"]["BinaryValue"] == b"\xff\x00"
    assert first["Attributes"]["ApproximateReceiveCount"] == "2"
    assert first["Attributes"]["SentTimestamp"] == before[0]["Attributes"]["SentTimestamp"]


def test_what_was_received_stays_invisible(restarted: Callable[[], Context]) -> None:
    context = restarted()
    queue = queue_of(context, VisibilityTimeout=3600)
    send(context, queue, "taken")
    (message,) = receive(context, queue)
    context = restarted()
    assert receive(context, queue) == []
    delete(context, queue, message)  # its receipt is still good
    assert context.store.list("queue-message") == []


def test_what_was_received_again_and_deleted_does_not_return(
    restarted: Callable[[], Context],
) -> None:
    """A replay of the requests would meet it while it is invisible, and bring it back."""
    context = restarted()
    queue = queue_of(context, VisibilityTimeout=0)
    send(context, queue, "x")
    receive(context, queue, VisibilityTimeout=0)
    (message,) = receive(context, queue, VisibilityTimeout=0)
    delete(context, queue, message)
    assert bodies(restarted(), queue) == []


def test_a_dead_letter_stays_in_its_queue(restarted: Callable[[], Context]) -> None:
    context = restarted()
    dead = queue_of(context)
    policy = json.dumps({"deadLetterTargetArn": dead.arn, "maxReceiveCount": 1})
    queue = queue_of(context, VisibilityTimeout=0, RedrivePolicy=policy)
    send(context, queue, "x")
    assert bodies(context, queue) == ["x"]
    assert bodies(context, queue) == []  # it was moved
    context = restarted()
    assert bodies(context, queue) == []
    assert bodies(context, dead) == ["x"]


def test_a_deleted_or_purged_queue_leaves_no_messages(restarted: Callable[[], Context]) -> None:
    context = restarted()
    queues = queue_of(context), queue_of(context)
    for queue in queues:
        send(context, queue, "x")
    assert len(context.store.list("queue-message")) == 2
    aws_calls.call(context, "sqs", "DeleteQueue", QueueUrl=queues[0].url)
    aws_calls.call(context, "sqs", "PurgeQueue", QueueUrl=queues[1].url)
    assert context.store.list("queue-message") == []


def test_no_request_for_messages_is_kept(restarted: Callable[[], Context]) -> None:
    context = restarted()
    queue = queue_of(context)
    kept = len(context.store.list("moto"))
    for number in range(20):
        send(context, queue, str(number))
    for message in receive(context, queue):
        delete(context, queue, message)
    assert len(context.store.list("moto")) == kept
    assert len(context.store.list("queue-message")) == 10


def test_messages_of_a_state_that_kept_requests_are_taken_over(
    restarted: Callable[[], Context],
) -> None:
    context = restarted()
    queue = queue_of(context)
    body = json.dumps({"QueueUrl": queue.url, "MessageBody": "of 0.1"}).encode()
    headers = {
        "x-amz-target": "AmazonSQS.SendMessage",
        "content-type": "application/x-amz-json-1.0",
    }
    request = {"service": "sqs", "method": "POST", "path": "/", "headers": headers, "seed": 1}
    context.store.put("moto", "9", request | {"body": base64.b64encode(body).decode()})
    context = restarted()
    assert bodies(context, queue) == ["of 0.1"]
    assert all(name != "9" for name, _ in context.store.items("moto"))
    assert len(restarted().store.list("queue-message")) == 1
