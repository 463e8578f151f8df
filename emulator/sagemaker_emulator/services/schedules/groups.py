"""EventBridge Scheduler: the operations on groups of schedules, and their tags."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.aws.dispatch import Response, operation
from sagemaker_emulator.aws.pages import cut, scope_of
from sagemaker_emulator.aws.tags import as_list, by_key, check_keys, merged
from sagemaker_emulator.errors import ApiError, invalid
from sagemaker_emulator.services.schedules.schedule import DEFAULT_GROUP, SCHEDULE
from sagemaker_emulator.storage.store import Document

GROUP = "schedule-group"
_INVALID = "ValidationException"


@operation("CreateScheduleGroup", "scheduler", honours=("Name", "Tags", "ClientToken"))
def create_group(context: Context, request: Mapping[str, Any]) -> Response:
    """Make a group of schedules."""
    name, token = request["Name"], request.get("ClientToken")
    tags = by_key(request.get("Tags", []))
    check_keys(tags, _INVALID)
    group = _group(context, name, time.time()) | {"Tags": tags, "ClientToken": token}
    if name == DEFAULT_GROUP or not context.store.create(GROUP, name, group):
        earlier = get(context, name)
        if not token or (token, tags) != (earlier.get("ClientToken"), earlier["Tags"]):
            message = f"Schedule group {name} already exists."
            raise ApiError("ConflictException", message, 409)
    return {"ScheduleGroupArn": group["Arn"]}


@operation("GetScheduleGroup", "scheduler", honours=("Name",))
def get_group(context: Context, request: Mapping[str, Any]) -> Response:
    """A group of schedules."""
    return get(context, request["Name"])


@operation("DeleteScheduleGroup", "scheduler", honours=("Name", "ClientToken"))
def delete_group(context: Context, request: Mapping[str, Any]) -> Response:
    """Forget a group with its schedules."""
    name = request["Name"]
    if name == DEFAULT_GROUP:
        raise invalid("The default schedule group cannot be deleted.")
    with context.store.transaction():
        get(context, name)
        for schedule in context.store.list(SCHEDULE, f"{name}/"):
            context.store.delete(SCHEDULE, f"{name}/{schedule['Name']}")
        context.store.delete(GROUP, name)
    return {}


@operation("ListScheduleGroups", "scheduler", honours=("NamePrefix", "NextToken", "MaxResults"))
def list_groups(context: Context, request: Mapping[str, Any]) -> Response:
    """The groups by name."""
    kept = context.store.list(GROUP)
    if all(each["Name"] != DEFAULT_GROUP for each in kept):
        kept.append(_group(context, DEFAULT_GROUP, 0))
    prefix = request.get("NamePrefix", "")
    page, token = cut(
        sorted((each for each in kept if each["Name"].startswith(prefix)), key=_name),
        request.get("NextToken"),
        request.get("MaxResults", 100),
        scope=scope_of("ListScheduleGroups", request),
        place=lambda group: (None, _name(group)),
    )
    return {"ScheduleGroups": page, "NextToken": token}


@operation("ListTagsForResource", "scheduler", honours=("ResourceArn",))
def list_tags(context: Context, request: Mapping[str, Any]) -> Response:
    """The tags of a group."""
    return {"Tags": as_list(_of_arn(context, request["ResourceArn"])["Tags"])}


@operation("TagResource", "scheduler", honours=("ResourceArn", "Tags"))
def tag_resource(context: Context, request: Mapping[str, Any]) -> Response:
    """Add tags to a group, or replace them by their keys."""
    added = by_key(request["Tags"])
    check_keys(added, _INVALID)
    with context.store.transaction():
        group = _of_arn(context, request["ResourceArn"])
        _keep_tags(context, group, merged(group["Tags"], added, _INVALID, "A schedule group"))
    return {}


@operation("UntagResource", "scheduler", honours=("ResourceArn", "TagKeys"))
def untag_resource(context: Context, request: Mapping[str, Any]) -> Response:
    """Remove tags from a group by their keys."""
    with context.store.transaction():
        group = _of_arn(context, request["ResourceArn"])
        tags = {k: v for k, v in group["Tags"].items() if k not in request["TagKeys"]}
        _keep_tags(context, group, tags)
    return {}


def get(context: Context, name: str) -> Document:
    """A group by name; the default one is always there.

    Raises:
        ApiError: There is no such group.
    """
    group = context.store.get(GROUP, name)
    if group is None and name == DEFAULT_GROUP:
        return _group(context, name, 0)
    if group is None:
        message = f"Schedule group {name} does not exist."
        raise ApiError("ResourceNotFoundException", message, 404)
    return group


def _group(context: Context, name: str, when: float) -> Document:
    return {
        "Name": name,
        "Arn": context.arn("schedule-group", name, "scheduler"),
        "State": "ACTIVE",
        "CreationDate": when,
        "LastModificationDate": when,
        "Tags": {},
    }


def _name(group: Document) -> str:
    return str(group["Name"])


def _of_arn(context: Context, arn: str) -> Document:
    """The group of an ARN.

    Raises:
        ApiError: There is none; only groups have tags.
    """
    group = get(context, arn.rpartition("/")[2])
    if group["Arn"] != arn:
        raise ApiError("ResourceNotFoundException", f"{arn} does not exist.", 404)
    return group


def _keep_tags(context: Context, group: Document, tags: dict[str, str]) -> None:
    changed = group | {"Tags": tags, "LastModificationDate": time.time()}
    context.store.put(GROUP, group["Name"], changed)
