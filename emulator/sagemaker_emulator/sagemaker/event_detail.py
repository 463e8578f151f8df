"""The detail of SageMaker's events: a description, with times in milliseconds and tags.

https://docs.aws.amazon.com/sagemaker/latest/dg/automating-sagemaker-with-eventbridge.html
"""

from collections.abc import Collection, Mapping
from typing import Any

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.sagemaker import tags
from sagemaker_emulator.storage.store import Document


def detail_of(context: Context, document: Document, own: Collection[str], arn: str) -> Document:
    """The detail of an event about a resource.

    Args:
        context: the server.
        document: the resource's.
        own: its members that are not SageMaker's.
        arn: the resource's.
    """
    kept = {
        key: value for key, value in document.items() if key not in own and value not in (None, "")
    }
    detail: Document = _in_milliseconds(kept)
    return detail | {"Tags": {tag["Key"]: tag["Value"] for tag in tags.get(context, arn)}}


def _in_milliseconds(value: Any) -> Any:
    """A value whose times, at any depth, are in milliseconds in place of seconds."""
    if isinstance(value, list):
        return [_in_milliseconds(item) for item in value]
    if not isinstance(value, Mapping):
        return value
    return {
        key: round(item * 1000)
        if key.endswith("Time") and isinstance(item, float)
        else _in_milliseconds(item)
        for key, item in value.items()
    }
