"""Try approvals again that the promotion function could not carry out, from its queue."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.config import Config

from model_registry.errors import RegistryError
from pipelines.serving.package_group import version_number

if TYPE_CHECKING:
    import boto3
    from types_boto3_sqs import SQSClient
    from types_boto3_sqs.type_defs import MessageTypeDef

# The function waits for a busy endpoint for up to its own ten minutes.
READ_SECONDS = 630


@dataclass(frozen=True)
class Outcome:
    """What became of one message.

    Attributes:
        event: What it was about, in words.
        before: Why the function had failed.
        status: What it did now; "" if it failed again, and the message stays in the queue.
        failure: Why it failed now.
    """

    event: str
    before: str
    status: str
    failure: str = ""


def redrive(
    session: boto3.Session,
    queue: str,
    function: str,
    report: Callable[[Outcome], None],
) -> list[Outcome]:
    """Invoke the function with each event in the queue, and delete those that it carries out.

    A decision that a later one has overtaken changes nothing, so this is safe at any time.

    Args:
        session: The target's session.
        queue: The name of the queue.
        function: The name of the function.
        report: Called with each outcome.

    Raises:
        RegistryError: There is no such queue.
    """
    sqs = session.client("sqs")
    try:
        url = sqs.get_queue_url(QueueName=queue)["QueueUrl"]
    except sqs.exceptions.QueueDoesNotExist:
        raise RegistryError(
            f"There is no queue {queue}. `python pipeline.py setup` creates it."
        ) from None
    client = session.client(
        "lambda", config=Config(read_timeout=READ_SECONDS, retries={"total_max_attempts": 1})
    )
    outcomes, again = [], []
    for message in _messages(sqs, url):
        record: dict[str, Any] = json.loads(message["Body"])
        event = record["requestPayload"]
        answer = client.invoke(FunctionName=function, Payload=json.dumps(event).encode())
        result = json.loads(answer["Payload"].read())
        before = str((record.get("responsePayload") or {}).get("errorMessage", ""))
        if answer.get("FunctionError"):
            outcome = Outcome(_words(event), before, "", str(result.get("errorMessage", result)))
            again.append(message["ReceiptHandle"])
        else:
            outcome = Outcome(_words(event), before, str(result.get("status", "")))
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        report(outcome)
        outcomes.append(outcome)
    for handle in again:  # at the end, so that each is tried once; and the alarm sees it
        sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=handle, VisibilityTimeout=0)
    return outcomes


def _messages(client: SQSClient, url: str) -> Iterator[MessageTypeDef]:
    """The messages of a queue, each once."""
    while True:
        response = client.receive_message(
            QueueUrl=url,
            MaxNumberOfMessages=10,
            WaitTimeSeconds=1,
            VisibilityTimeout=READ_SECONDS * 10,  # the others wait for those before them
        )
        if not response.get("Messages"):
            return
        yield from response["Messages"]


def _words(event: dict[str, Any]) -> str:
    detail = event.get("detail", {})
    if arn := detail.get("ModelPackageArn"):
        return f"Approval of version {version_number(arn)} at {event.get('time', 'unknown time')}"
    return f"Change of endpoint {detail.get('EndpointName', 'unknown')}"
