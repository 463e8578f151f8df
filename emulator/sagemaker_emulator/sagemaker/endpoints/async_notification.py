"""The notification that a topic gets of an asynchronous invocation.

Its members, and the texts of failures in it, are written from memory: no reference that was at hand
shows them. `responseBody` is this emulator's own, as AWS documents no name for it.
"""

import base64
import time
from datetime import UTC, datetime

from sagemaker_emulator.storage.store import Document

MOST_INCLUDED = 128 * 1024  # bytes of a response; API reference, AsyncInferenceNotificationConfig


def notification(region: str, document: Document, more: Document, response: bytes) -> Document:
    """What a topic is told of a request that has ended.

    Args:
        region: the server's.
        document: the request, as `AsyncInvocations.begin` gets it.
        more: how it ended: `invocationStatus`, `responseParameters`, `failureReason`.
        response: what is included; nothing where it is empty or too long.
    """
    members = document["Members"]
    asked = {
        "accept": members.get("Accept"),
        "contentType": members.get("ContentType"),
        "customAttributes": members.get("CustomAttributes"),
        "endpointName": document["EndpointName"],
        "inputLocation": members.get("InputLocation"),
    }
    fits = 0 < len(response) <= MOST_INCLUDED
    return {
        "awsRegion": region,
        "eventTime": _written(time.time()),
        "receivedTime": _written(document["Received"]),
        "requestParameters": {key: value for key, value in asked.items() if value is not None},
        **more,
        "inferenceId": document["InferenceId"],
        "eventVersion": "1.0",
        "eventSource": "aws:sagemaker",
        "eventName": "InferenceResult",
        **({"responseBody": _included(response)} if fits else {}),
    }


def _written(seconds: float) -> str:
    moment = datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
    return moment.replace("+00:00", "Z")


def _included(content: bytes) -> dict[str, str]:
    """A response in a notification: as text where it is UTF-8, else in base64."""
    try:
        return {"content": content.decode(), "encoding": "UTF-8"}
    except UnicodeDecodeError:
        return {"content": base64.b64encode(content).decode(), "encoding": "BASE64"}
