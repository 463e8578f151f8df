"""Lambda: the operations on event source mappings, by which queues call functions."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sagemaker_emulator.aws import json_text
from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.aws.dispatch import Response, operation
from sagemaker_emulator.aws.tags import check_keys
from sagemaker_emulator.errors import ApiError
from sagemaker_emulator.services import aws_calls, targets
from sagemaker_emulator.services.events import patterns
from sagemaker_emulator.services.functions.configuration import with_defaults
from sagemaker_emulator.services.functions.function import (
    function_arn,
    get,
    get_version,
    invalid_value,
    missing,
    named,
)
from sagemaker_emulator.services.functions.pages import page
from sagemaker_emulator.services.queues import addresses
from sagemaker_emulator.storage.store import Document

if TYPE_CHECKING:
    from types_boto3_lambda import type_defs as types

MAPPING = "event-source-mapping"
# Without a batching window, and with one.
_MOST_AT_ONCE, _MOST_IN_WINDOW = 10, 10_000
_SETTINGS = (
    *("BatchSize", "MaximumBatchingWindowInSeconds", "FunctionResponseTypes"),
    "FilterCriteria",
)
# A mapping has one batch under way at a time here: never more than any maximum.
_KEPT = ("ScalingConfig",)


@operation(
    "CreateEventSourceMapping",
    "lambda",
    honours=("EventSourceArn", "FunctionName", "Enabled", "Tags", *_SETTINGS),
    keeps=_KEPT,
)
def create_mapping(
    context: Context, request: types.CreateEventSourceMappingRequestTypeDef
) -> Response:
    """Have a function called with the messages of a queue."""
    source = request.get("EventSourceArn", "")
    if targets.kind_of(source) != "sqs":
        raise invalid_value(
            f"EventSourceArn {source!r}: only SQS queues have event source mappings here"
        )
    check_keys(request.get("Tags", {}), "InvalidParameterValueException")
    function = _function_arn(context, request)
    settings = _settings(request, {})
    _check_queue(context, source, function)
    for other in context.store.list(MAPPING):
        if (other["EventSourceArn"], other["FunctionArn"]) == (source, function):
            message = (
                f'An event source mapping with SQS arn (" {source} ") and function (" {function} ")'
                " already exists. Please update or delete the existing mapping with UUID "
                f"{other['UUID']}"
            )
            raise ApiError("ResourceConflictException", message, 409)
    identity = str(uuid.uuid4())
    mapping = _changed(
        {
            "UUID": identity,
            "EventSourceMappingArn": (
                f"arn:aws:lambda:{context.region}:{context.account}:event-source-mapping:{identity}"
            ),
            "EventSourceArn": source,
            "FunctionArn": function,
            "BatchSize": 10,
            "MaximumBatchingWindowInSeconds": 0,
            "FunctionResponseTypes": [],
            **settings,
            "State": "Enabled" if request.get("Enabled", True) else "Disabled",
            "Tags": request.get("Tags", {}),
        }
    )
    context.store.put(MAPPING, identity, mapping)
    context.source_mappings.begin(identity)
    return mapping | {"State": "Creating"}


@operation("GetEventSourceMapping", "lambda", honours=("UUID",))
def get_mapping(context: Context, request: types.GetEventSourceMappingRequestTypeDef) -> Response:
    """A mapping."""
    return _get(context, request["UUID"])


@operation(
    "ListEventSourceMappings",
    "lambda",
    honours=("EventSourceArn", "FunctionName", "Marker", "MaxItems"),
)
def list_mappings(
    context: Context, request: types.ListEventSourceMappingsRequestTypeDef
) -> Response:
    """The mappings of a queue, of a function, or all."""
    found = context.store.list(MAPPING)
    if source := request.get("EventSourceArn"):
        found = [each for each in found if each["EventSourceArn"] == source]
    if request.get("FunctionName"):
        function = _function_arn(context, request)
        found = [each for each in found if each["FunctionArn"] == function]
    shown, marker = page(
        "ListEventSourceMappings", request, found, lambda each: (None, each["UUID"]), most=100
    )
    return {"EventSourceMappings": shown, "NextMarker": marker}


@operation(
    "UpdateEventSourceMapping",
    "lambda",
    honours=("UUID", "FunctionName", "Enabled", *_SETTINGS),
    keeps=_KEPT,
)
def update_mapping(
    context: Context, request: types.UpdateEventSourceMappingRequestTypeDef
) -> Response:
    """Change the members in the request; the batch under way is that of before."""
    identity = request["UUID"]
    mapping = _get(context, identity)
    changes = _settings(request, mapping)
    if request.get("FunctionName"):
        changes["FunctionArn"] = _function_arn(context, request)
        _check_queue(context, mapping["EventSourceArn"], changes["FunctionArn"])
    if "Enabled" in request:
        changes["State"] = "Enabled" if request["Enabled"] else "Disabled"
    with context.store.transaction():
        _get(context, identity)  # it may have been deleted meanwhile
        mapping = context.store.update(MAPPING, identity, **_changed(changes))
    context.source_mappings.begin(identity)
    return mapping | {"State": "Updating"}


@operation("DeleteEventSourceMapping", "lambda", honours=("UUID",))
def delete_mapping(
    context: Context, request: types.DeleteEventSourceMappingRequestTypeDef
) -> Response:
    """Call the function no more with the queue's messages."""
    with context.store.transaction():
        mapping = _get(context, request["UUID"])
        context.store.delete(MAPPING, mapping["UUID"])
    return mapping | {"State": "Deleting"}


def get_by_arn(context: Context, arn: str) -> Document:
    """The mapping of an ARN.

    Raises:
        ApiError: There is none.
    """
    mapping = _get(context, arn.rpartition(":")[2])
    if mapping["EventSourceMappingArn"] != arn:
        raise missing("The resource you requested does not exist.")
    return mapping


def _get(context: Context, identity: str) -> Document:
    mapping = context.store.get(MAPPING, identity)
    if mapping is None:
        raise missing("The resource you requested does not exist.")
    return mapping


def _changed(fields: Document) -> Document:
    return {"StateTransitionReason": "USER_INITIATED", **fields, "LastModified": time.time()}


def _function_arn(context: Context, request: Mapping[str, Any]) -> str:
    """The ARN of the function that a request names, as mappings have it.

    Raises:
        ApiError: There is no such function.
    """
    name = named(context, request)
    get_version(context, name)
    return function_arn(context, name.function, name.qualifier)


def _settings(request: Mapping[str, Any], mapping: Document) -> Document:
    """How the messages of a queue become batches, as a request changes it.

    Raises:
        ApiError: Lambda refuses it.
    """
    settings: Document = {
        key: request[key] for key in (*_SETTINGS, *_KEPT) if request.get(key) is not None
    }
    merged = {**mapping, **settings}
    size = merged.get("BatchSize", 10)
    window = merged.get("MaximumBatchingWindowInSeconds", 0)
    if size > _MOST_IN_WINDOW or (size > _MOST_AT_ONCE and not window):
        raise invalid_value(
            f"BatchSize {size}: a queue's batches have at most {_MOST_AT_ONCE} messages, and "
            f"{_MOST_IN_WINDOW} where MaximumBatchingWindowInSeconds is greater than 0."
        )
    for each in merged.get("FilterCriteria", {}).get("Filters", []):
        try:
            patterns.parse(each.get("Pattern", "{}"))
        except ApiError as problem:
            raise invalid_value(f"Invalid filter pattern definition: {problem.message}") from None
    return settings


def _check_queue(context: Context, source: str, function: str) -> None:
    """Refuse a queue that is not there, or whose messages come again while they are processed.

    Raises:
        ApiError: `InvalidParameterValueException`, as Lambda.
    """
    try:
        url = addresses.url_of(context, source)
        found = aws_calls.call(
            context, "sqs", "GetQueueAttributes", QueueUrl=url, AttributeNames=["All"]
        )
    except ApiError as problem:
        raise invalid_value(
            f"Error occurred while ReceiveMessage. SQS Error Code: {problem.code}. "
            f"SQS Error Message: {problem.message}"
        ) from None
    visibility = int(found["Attributes"]["VisibilityTimeout"])
    timeout = with_defaults(get(context, function))["Timeout"]
    if visibility < timeout:
        raise invalid_value(
            f"Queue visibility timeout: {visibility} seconds is less than Function timeout: "
            f"{timeout} seconds"
        )


def filters_of(mapping: Document) -> list[patterns.Pattern]:
    """The patterns of which a message must match one; none where all messages are for it."""
    return [
        patterns.parse(each["Pattern"])
        for each in mapping.get("FilterCriteria", {}).get("Filters", [])
    ]


def matches(filters: list[patterns.Pattern], record: Document) -> bool:
    """Whether a message is for a mapping: its body is compared as JSON where it is JSON."""
    try:
        body = json_text.loads(record["body"])
    except ValueError:
        body = record["body"]
    compared = {**record, "body": body}
    return not filters or any(patterns.matches(each, compared) for each in filters)
