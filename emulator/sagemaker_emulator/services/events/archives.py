"""EventBridge: archives, which keep the events of a bus that match a pattern.

An event of a replay is not kept again, as on AWS. The rule that AWS makes for an archive,
`Events-Archive-NAME`, is not among the rules here.
"""

from __future__ import annotations

import json
import logging
import time
import uuid
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.aws.dispatch import Response, operation
from sagemaker_emulator.errors import ApiError, invalid
from sagemaker_emulator.services.events import patterns
from sagemaker_emulator.services.events.pages import page
from sagemaker_emulator.services.events.rule import bus_arn, bus_in
from sagemaker_emulator.storage.store import Document

if TYPE_CHECKING:
    from types_boto3_events import type_defs as types

ARCHIVE, _EVENT = "event-archive", "archived-event"
_SETTINGS = ("Description", "EventPattern", "RetentionDays")
_LISTED = ("ArchiveName", "EventSourceArn", "State", "RetentionDays", "CreationTime")
_DAY = 24 * 60 * 60
_log = logging.getLogger("emulator.events")


@operation("CreateArchive", "events", honours=("ArchiveName", "EventSourceArn", *_SETTINGS))
def create_archive(context: Context, request: types.CreateArchiveRequestTypeDef) -> Response:
    """Begin to keep the events of a bus, for RetentionDays or, with 0, for ever."""
    name, source = request["ArchiveName"], request["EventSourceArn"]
    bus = bus_in(context, {"EventBusName": source})
    if request.get("EventPattern"):
        patterns.parse(request["EventPattern"])
    archive: Document = {
        "RetentionDays": 0,
        **{key: value for key, value in request.items() if key in _SETTINGS},
        "ArchiveName": name,
        "ArchiveArn": context.arn("archive", name, "events"),
        "EventSourceArn": bus_arn(context, bus),
        "State": "ENABLED",
        "CreationTime": time.time(),
    }
    if not context.store.create(ARCHIVE, name, archive):
        message = f"Archive {name} already exists."
        raise ApiError("ResourceAlreadyExistsException", message)
    return archive


@operation("DescribeArchive", "events", honours=("ArchiveName",))
def describe_archive(context: Context, request: types.DescribeArchiveRequestTypeDef) -> Response:
    """An archive, with how many events it has."""
    return _counted(context, _get(context, request["ArchiveName"]))


@operation("UpdateArchive", "events", honours=("ArchiveName", *_SETTINGS))
def update_archive(context: Context, request: types.UpdateArchiveRequestTypeDef) -> Response:
    """Change which events an archive keeps from now on, and for how long it keeps any."""
    name = request["ArchiveName"]
    if request.get("EventPattern"):
        patterns.parse(request["EventPattern"])
    changes = {key: value for key, value in request.items() if key in _SETTINGS}
    with context.store.transaction():
        _get(context, name)
        return context.store.update(ARCHIVE, name, **changes)


@operation("DeleteArchive", "events", honours=("ArchiveName",))
def delete_archive(context: Context, request: types.DeleteArchiveRequestTypeDef) -> Response:
    """Delete an archive with its events."""
    name = request["ArchiveName"]
    with context.store.transaction():
        _get(context, name)
        context.store.delete(ARCHIVE, name)
        for kept in context.store.list(_EVENT, f"{name}:"):
            context.store.delete(_EVENT, kept["Key"])
    return {}


@operation(
    "ListArchives",
    "events",
    honours=("NamePrefix", "EventSourceArn", "State", "NextToken", "Limit"),
)
def list_archives(context: Context, request: types.ListArchivesRequestTypeDef) -> Response:
    """Archives by name."""
    found = filtered("ListArchives", request, context.store.list(ARCHIVE), "ArchiveName")
    shown = [
        {key: each[key] for key in (*_LISTED, "EventCount", "SizeBytes")}
        for each in (_counted(context, archive) for archive in found)
    ]
    return page("ListArchives", request, "Archives", shown, "ArchiveName")


def filtered(
    name: str, request: Mapping[str, Any], items: list[Document], title: str
) -> list[Document]:
    """The archives or replays that a request's one filter keeps.

    Raises:
        ApiError: It has two.
    """
    filters = [key for key in ("State", "EventSourceArn", "NamePrefix") if request.get(key)]
    if len(filters) > 1:
        raise invalid(
            f"At most one filter is allowed for {name}. Use either : State, EventSourceArn, or "
            "NamePrefix."
        )
    return [
        each
        for each in items
        if each[title].startswith(request.get("NamePrefix", ""))
        and request.get("State") in (None, each["State"])
        and request.get("EventSourceArn") in (None, each["EventSourceArn"])
    ]


def keep(context: Context, bus: str, event: Document) -> None:
    """Keep an event that was sent to a bus in those of its archives that it matches."""
    for archive in context.store.list(ARCHIVE):
        if archive["EventSourceArn"] == bus_arn(context, bus) and _matches(archive, event):
            key = f"{archive['ArchiveName']}:{uuid.uuid4()}"
            context.store.put(_EVENT, key, {"Key": key, "Event": event, "Kept": time.time()})


def events_of(context: Context, archive: Document) -> list[Document]:
    """The events of an archive, in the order in which they came; expired ones are deleted."""
    oldest = time.time() - archive["RetentionDays"] * _DAY if archive["RetentionDays"] else 0
    kept = []
    for each in context.store.list(_EVENT, f"{archive['ArchiveName']}:"):
        if each["Kept"] < oldest:
            context.store.delete(_EVENT, each["Key"])
        else:
            kept.append(each["Event"])
    return kept


def _matches(archive: Document, event: Document) -> bool:
    """Whether an archive keeps an event; one whose pattern cannot be compared keeps none."""
    if not archive.get("EventPattern"):
        return True
    try:
        return patterns.matches(patterns.parse(archive["EventPattern"]), event)
    except Exception:  # an archive must not keep an event from the rules
        _log.exception("archive %s: its pattern cannot be compared", archive["ArchiveName"])
        return False


def _get(context: Context, name: str) -> Document:
    archive = context.store.get(ARCHIVE, name)
    if archive is None:
        raise ApiError("ResourceNotFoundException", f"Archive {name} does not exist.")
    return archive


def _counted(context: Context, archive: Document) -> Document:
    events = events_of(context, archive)
    size = sum(len(json.dumps(event).encode(errors="replace")) for event in events)
    return archive | {"EventCount": len(events), "SizeBytes": size}
