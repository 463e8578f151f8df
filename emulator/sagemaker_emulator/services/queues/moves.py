"""SQS's message move tasks, which moto has not: a dead-letter queue's messages, sent back."""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections.abc import Mapping
from typing import Any

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.aws.dispatch import Response, operation
from sagemaker_emulator.errors import ApiError
from sagemaker_emulator.services import aws_calls
from sagemaker_emulator.services.queues import addresses
from sagemaker_emulator.storage.store import Document

_KIND = "message-move-task"
_MOST_SHOWN = 10
_MOST_A_SECOND = 500  # SQS's own
_MOST_AT_ONCE = 10
_log = logging.getLogger("emulator.queues")


@operation(
    "StartMessageMoveTask",
    "sqs",
    honours=("SourceArn", "DestinationArn", "MaxNumberOfMessagesPerSecond"),
)
def start_move(context: Context, request: Mapping[str, Any]) -> Response:
    """Begin to move the messages of a dead-letter queue, to where they came from by default."""
    source = request["SourceArn"]
    speed = request.get("MaxNumberOfMessagesPerSecond", _MOST_A_SECOND)
    if not 1 <= speed <= _MOST_A_SECOND:
        raise _invalid(
            f"Value {speed} for parameter MaxNumberOfMessagesPerSecond is invalid. "
            f"Reason: Must be between 1 and {_MOST_A_SECOND}, if provided."
        )
    url = _url(context, source)
    listed = aws_calls.call(context, "sqs", "ListDeadLetterSourceQueues", QueueUrl=url)
    origins = listed.get("queueUrls", [])
    if not origins:
        raise _invalid("Source queue must be configured as a Dead Letter Queue.")
    destination = request.get("DestinationArn")
    to = _url(context, destination) if destination else origins[0]
    if not destination and len(origins) > 1:
        raise _invalid(
            f"{source} is the dead-letter queue of {len(origins)} queues, and the emulator does "
            "not keep from which of them a message came: give a DestinationArn."
        )
    count = aws_calls.call(
        context,
        "sqs",
        "GetQueueAttributes",
        QueueUrl=url,
        AttributeNames=["ApproximateNumberOfMessages"],
    )["Attributes"]["ApproximateNumberOfMessages"]
    with context.store.transaction():
        if any(each["Status"] == "RUNNING" for each in _tasks(context, source)):
            raise ApiError(
                "AWS.SimpleQueueService.UnsupportedOperation",
                "There is already a task running. Only one active task is allowed for a source "
                "queue arn at a given time.",
            )
        handle = uuid.uuid4().hex
        task: Document = {
            "TaskHandle": handle,
            "SourceArn": source,
            "MaxNumberOfMessagesPerSecond": speed,
            "Status": "RUNNING",
            "ApproximateNumberOfMessagesMoved": 0,
            "ApproximateNumberOfMessagesToMove": int(count),
            "StartedTimestamp": round(time.time() * 1000),
            "To": to,
        }
        if destination:
            task["DestinationArn"] = destination
        context.store.put(_KIND, f"{source}/{handle}", task)
    threading.Thread(target=_move, args=(context, f"{source}/{handle}"), daemon=True).start()
    return {"TaskHandle": handle}


@operation("ListMessageMoveTasks", "sqs", honours=("SourceArn", "MaxResults"))
def list_moves(context: Context, request: Mapping[str, Any]) -> Response:
    """The latest tasks of a queue, the newest first."""
    most = request.get("MaxResults", 1)
    if not 1 <= most <= _MOST_SHOWN:
        raise _invalid(f"Value {most} for parameter MaxResults is invalid. Reason: 1 to 10.")
    _url(context, request["SourceArn"])
    tasks = _tasks(context, request["SourceArn"])[::-1][:most]
    for task in tasks:
        if task["Status"] != "RUNNING":
            del task["TaskHandle"]
    return {"Results": tasks}


@operation("CancelMessageMoveTask", "sqs", honours=("TaskHandle",))
def cancel_move(context: Context, request: Mapping[str, Any]) -> Response:
    """End a task that runs; what it has moved stays moved."""
    with context.store.transaction():
        for name, task in context.store.items(_KIND):
            if task["TaskHandle"] == request["TaskHandle"] and task["Status"] == "RUNNING":
                context.store.update(_KIND, name, Status="CANCELLED")
                moved = task["ApproximateNumberOfMessagesMoved"]
                return {"ApproximateNumberOfMessagesMoved": moved}
    raise ApiError("ResourceNotFoundException", "Task does not exist.", 404)


def resume(context: Context) -> None:
    """Continue the tasks that the previous server left running."""
    for name, task in context.store.items(_KIND):
        if task["Status"] == "RUNNING":
            threading.Thread(target=_move, args=(context, name), daemon=True).start()


def _move(context: Context, name: str) -> None:
    """Move the messages that were there when the task began, one after the other."""
    store = context.store
    while not context.stopping():
        task = store.get(_KIND, name)
        if task is None or task["Status"] != "RUNNING":
            return
        left = task["ApproximateNumberOfMessagesToMove"] - task["ApproximateNumberOfMessagesMoved"]
        try:
            moved = _move_some(context, task, min(_MOST_AT_ONCE, left)) if left > 0 else 0
        except ApiError as problem:
            _log.error("the messages of %s are not moved: %s", task["SourceArn"], problem)
            _change(context, name, Status="FAILED", FailureReason=problem.code)
            return
        if not moved:
            _change(context, name, Status="COMPLETED")
            return
        total = task["ApproximateNumberOfMessagesMoved"] + moved
        _change(context, name, ApproximateNumberOfMessagesMoved=total)
        time.sleep(moved / task["MaxNumberOfMessagesPerSecond"])


def _move_some(context: Context, task: Document, most: int) -> int:
    """Move at most so many messages, and return how many there were."""
    source = _url(context, task["SourceArn"])
    found = aws_calls.call(
        context,
        "sqs",
        "ReceiveMessage",
        QueueUrl=source,
        MaxNumberOfMessages=most,
        MessageAttributeNames=["All"],
        MessageSystemAttributeNames=["All"],
    ).get("Messages", [])
    for message in found:
        about: dict[str, Any] = {"MessageAttributes": message.get("MessageAttributes", {})}
        own = message.get("Attributes", {})
        if "MessageGroupId" in own:
            about["MessageGroupId"] = own["MessageGroupId"]
            about["MessageDeduplicationId"] = uuid.uuid4().hex
        body = message["Body"]
        aws_calls.call(
            context, "sqs", "SendMessage", QueueUrl=task["To"], MessageBody=body, **about
        )
        handle = message["ReceiptHandle"]
        aws_calls.call(context, "sqs", "DeleteMessage", QueueUrl=source, ReceiptHandle=handle)
    return len(found)


def _change(context: Context, name: str, **changes: Any) -> None:
    """Change a task that still runs: one that was cancelled stays so."""
    with context.store.transaction():
        task: Mapping[str, Any] = context.store.get(_KIND, name) or {}
        if task.get("Status") == "RUNNING":
            context.store.update(_KIND, name, **changes)


def _tasks(context: Context, source: str) -> list[Document]:
    return context.store.list(_KIND, f"{source}/")


def _url(context: Context, arn: str) -> str:
    """The address of the queue of an ARN.

    Raises:
        ApiError: There is no such queue.
    """
    try:
        return addresses.url_of(context, arn)
    except (ValueError, ApiError):
        message = f"The resource that you specified for the queue {arn} doesn't exist."
        raise ApiError("ResourceNotFoundException", message, 404) from None


def _invalid(message: str) -> ApiError:
    return ApiError("InvalidParameterValue", message)
