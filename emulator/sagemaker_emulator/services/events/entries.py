"""EventBridge: the operations that send events, or try them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sagemaker_emulator.aws import json_text
from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.aws.dispatch import Response, operation
from sagemaker_emulator.errors import ApiError, invalid
from sagemaker_emulator.services.events import patterns
from sagemaker_emulator.services.events.rule import bus_in

if TYPE_CHECKING:
    from types_boto3_events import type_defs as types

_MAX_ENTRIES = 262_144  # bytes of all events of a request
_LATEST_TIME = 253_402_300_799  # the last second of the year 9999
# Of an event to test, https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_TestEventPattern.html
_OF_EVENT = {"id", "account", "source", "time", "region", "detail-type"}


@operation("TestEventPattern", "events", honours=("EventPattern", "Event"))
def test_event_pattern(context: Context, request: types.TestEventPatternRequestTypeDef) -> Response:
    """Whether an event would match a pattern."""
    pattern = patterns.parse(request["EventPattern"])
    try:
        event = json_text.loads(request["Event"])
    except ValueError:
        event = None
    if not isinstance(event, dict) or not event.keys() >= _OF_EVENT:
        raise invalid("Parameter Event is not valid.")
    return {"Result": patterns.matches(pattern, event)}


@operation(
    "PutEvents",
    "events",
    honours=(
        *("Entries.Time", "Entries.Source", "Entries.Resources", "Entries.DetailType"),
        *("Entries.Detail", "Entries.EventBusName"),
    ),
)
def put_events(context: Context, request: types.PutEventsRequestTypeDef) -> Response:
    """Send custom events; each has a result of its own."""
    if sum(map(_size, request["Entries"])) > _MAX_ENTRIES:
        raise invalid("Total size of the entries in the request is over the limit.")
    entries: list[types.PutEventsResultEntryTypeDef] = []
    for entry in request["Entries"]:
        try:
            detail = _detail(entry)
            bus = bus_in(context, entry)
        except ApiError as problem:
            entries.append({"ErrorCode": problem.code, "ErrorMessage": problem.message})
            continue
        identity = context.events.emit(
            entry["DetailType"],
            detail,
            entry.get("Resources", []),
            entry["Source"],
            entry.get("Time"),  # type: ignore[arg-type]  # seconds since the epoch by now
            bus=bus,
        )
        entries.append({"EventId": identity})
    failed = sum("ErrorCode" in entry for entry in entries)
    return {"FailedEntryCount": failed, "Entries": entries}


def _detail(entry: types.PutEventsRequestEntryTypeDef) -> dict[str, Any]:
    """The detail of an event to send.

    Raises:
        ApiError: The error of its entry.
    """
    members: Mapping[str, Any] = entry
    for member in ("Source", "DetailType", "Detail"):
        if not members.get(member):
            reason = f"Reason: {member} is a required argument."
            raise ApiError("InvalidArgument", f"Parameter {member} is not valid. {reason}")
    if not 0 <= members.get("Time", 0) <= _LATEST_TIME:
        raise ApiError("InvalidArgument", "Parameter Time is not valid.")
    if entry["Source"].startswith("aws."):
        message = "Not authorized for the source."
        raise ApiError("NotAuthorizedForSourceException", message)
    try:
        detail = json_text.loads(entry["Detail"])
    except ValueError:
        detail = None
    if not isinstance(detail, dict):
        raise ApiError("MalformedDetail", "Detail is malformed.")
    return detail


def _size(entry: types.PutEventsRequestEntryTypeDef) -> int:
    """As AWS counts it: a Time has 14 bytes, all else its text."""
    texts = (entry.get(member, "") for member in ("Source", "DetailType", "Detail"))
    return 14 * ("Time" in entry) + sum(
        len(str(text).encode(errors="replace")) for text in (*texts, *entry.get("Resources", []))
    )
