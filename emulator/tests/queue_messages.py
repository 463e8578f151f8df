"""Queues of a context in the test's own process, and what they receive."""

import uuid
from typing import Any, NamedTuple

from waiting import wait_until

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.services import aws_calls


class Queue(NamedTuple):
    url: str
    arn: str


def queue_of(context: Context, name: str = "", **attributes: Any) -> Queue:
    """A new queue; in-process servers share one moto, so its name is one of its own."""
    name = name or f"queue-{uuid.uuid4().hex[:8]}"
    texts = {key: str(value) for key, value in attributes.items()}
    made = aws_calls.call(context, "sqs", "CreateQueue", QueueName=name, Attributes=texts)
    return Queue(made["QueueUrl"], f"arn:aws:sqs:us-east-1:123456789012:{name}")


def send(context: Context, queue: Queue, body: str, **more: Any) -> None:
    aws_calls.call(context, "sqs", "SendMessage", QueueUrl=queue.url, MessageBody=body, **more)


def receive(context: Context, queue: Queue, **more: Any) -> list[dict[str, Any]]:
    """Up to ten messages that are visible now, with their attributes."""
    found = aws_calls.call(
        context,
        "sqs",
        "ReceiveMessage",
        QueueUrl=queue.url,
        MaxNumberOfMessages=10,
        MessageAttributeNames=["All"],
        MessageSystemAttributeNames=["All"],
        **more,
    )
    messages: list[dict[str, Any]] = found.get("Messages", [])
    return messages


def received(context: Context, queue: Queue) -> dict[str, Any]:
    """The one message that a queue gets, as soon as it has it."""
    found: list[dict[str, Any]] = []

    def look() -> bool:
        found.extend(receive(context, queue))
        return bool(found)

    wait_until(look, 60)
    (message,) = found
    return message
