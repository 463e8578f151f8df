"""CloudWatch Logs: the operations on groups and their tags."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.aws.dispatch import Response, operation
from sagemaker_emulator.aws.tags import check_keys, merged
from sagemaker_emulator.services.logs.common import (
    exists,
    files,
    folder_of,
    group_arn,
    invalid,
    name_in,
    page,
    refused_if_gone,
)
from sagemaker_emulator.services.logs.filters import METRIC, filters_of
from sagemaker_emulator.services.logs.log_files import (
    about_group,
    group_folders,
    group_name,
    stream_files,
)

if TYPE_CHECKING:
    from types_boto3_logs import type_defs as types

_INVALID = "InvalidParameterException"
_STANDARD = "STANDARD"


@operation("CreateLogGroup", "logs", honours=("logGroupName", "kmsKeyId", "tags", "logGroupClass"))
def create_log_group(context: Context, request: types.CreateLogGroupRequestTypeDef) -> Response:
    """Make an empty group; its key and class are kept and shown."""
    check_keys(request.get("tags", {}), _INVALID)
    noted = {key: request[key] for key in ("kmsKeyId", "tags", "logGroupClass") if key in request}
    if not files(context).create_group(request["logGroupName"], **noted):
        raise exists("log group")
    return {}


@operation("DeleteLogGroup", "logs", honours=("logGroupName",))
def delete_log_group(context: Context, request: types.DeleteLogGroupRequestTypeDef) -> Response:
    """Delete a group with its streams."""
    with refused_if_gone():
        files(context).delete_group(request["logGroupName"])
    files(context).watcher.delete(request["logGroupName"])
    return {}


@operation(
    "DescribeLogGroups",
    "logs",
    honours=(
        *("logGroupNamePrefix", "logGroupNamePattern", "logGroupClass", "logGroupIdentifiers"),
        *("nextToken", "limit"),
    ),
)
def describe_groups(context: Context, request: types.DescribeLogGroupsRequestTypeDef) -> Response:
    """Groups by the beginning or a part of their name, by their class, or those that are named."""
    prefix, part = request.get("logGroupNamePrefix", ""), request.get("logGroupNamePattern", "")
    if prefix and part:
        raise invalid(
            "LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters."
        )
    named = {name_in(context, each) for each in request.get("logGroupIdentifiers", [])}
    if named and (prefix or part or "logGroupClass" in request):
        raise invalid("logGroupIdentifiers cannot be combined with another filter.")
    found = []
    for folder in group_folders(context.state / "logs"):
        with contextlib.suppress(FileNotFoundError):  # deleted meanwhile
            name = group_name(folder)
            of_class = request.get("logGroupClass") in (None, _class_of(folder))
            is_named = not named or name in named
            if name.startswith(prefix) and part in name and is_named and of_class:
                found.append({"logGroupName": name, "folder": folder})
    shown, token = page("DescribeLogGroups", request, found, "logGroupName")
    groups = []
    for each in shown:
        with contextlib.suppress(FileNotFoundError):
            groups.append(_summary(context, each))
    return {"logGroups": groups, "nextToken": token}


@operation("ListTagsForResource", "logs", honours=("resourceArn",))
def list_tags(context: Context, request: types.ListTagsForResourceRequestTypeDef) -> Response:
    """The tags of a group, by its ARN."""
    return {"tags": _tags(context, name_in(context, request["resourceArn"]))}


@operation("ListTagsLogGroup", "logs", honours=("logGroupName",))
def list_tags_of_group(context: Context, request: types.ListTagsLogGroupRequestTypeDef) -> Response:
    """The tags of a group, by its name."""
    return {"tags": _tags(context, request["logGroupName"])}


@operation("TagLogGroup", "logs", honours=("logGroupName", "tags"))
def tag_group(context: Context, request: types.TagLogGroupRequestTypeDef) -> Response:
    """Add tags to a group, by its name."""
    arn = group_arn(context, request["logGroupName"])
    return tag_resource(context, {"resourceArn": arn, "tags": request["tags"]})


@operation("UntagLogGroup", "logs", honours=("logGroupName", "tags"))
def untag_group(context: Context, request: types.UntagLogGroupRequestTypeDef) -> Response:
    """Remove tags from a group, by its name and their keys."""
    arn = group_arn(context, request["logGroupName"])
    return untag_resource(context, {"resourceArn": arn, "tagKeys": request["tags"]})


@operation("TagResource", "logs", honours=("resourceArn", "tags"))
def tag_resource(context: Context, request: types.TagResourceRequestTypeDef) -> Response:
    """Add tags to a group, or replace them by their keys."""
    check_keys(request["tags"], _INVALID)

    def add(about: dict[str, Any]) -> dict[str, Any]:
        return {"tags": merged(about.get("tags", {}), request["tags"], _INVALID, "A log group")}

    with refused_if_gone():
        files(context).change_group(name_in(context, request["resourceArn"]), add)
    return {}


@operation("UntagResource", "logs", honours=("resourceArn", "tagKeys"))
def untag_resource(context: Context, request: types.UntagResourceRequestTypeDef) -> Response:
    """Remove tags from a group by their keys."""

    def remove(about: dict[str, Any]) -> dict[str, Any]:
        tags = about.get("tags", {})
        return {"tags": {k: v for k, v in tags.items() if k not in request["tagKeys"]}}

    with refused_if_gone():
        files(context).change_group(name_in(context, request["resourceArn"]), remove)
    return {}


def _tags(context: Context, group: str) -> dict[str, str]:
    with refused_if_gone():
        return dict(about_group(folder_of(context, group)).get("tags", {}))


def _class_of(folder: Path) -> str:
    return str(about_group(folder).get("logGroupClass", _STANDARD))


def _summary(context: Context, group: Mapping[str, Any]) -> types.LogGroupTypeDef:
    folder: Path = group["folder"]
    about, arn = about_group(folder), group_arn(context, group["logGroupName"])
    summary: types.LogGroupTypeDef = {
        "logGroupName": group["logGroupName"],
        "creationTime": int(about["created"] * 1000),
        "metricFilterCount": len(filters_of(context, METRIC, group["logGroupName"])),
        "arn": f"{arn}:*",
        "logGroupArn": arn,
        "logGroupClass": about.get("logGroupClass", _STANDARD),
        "storedBytes": sum(path.stat().st_size for path in stream_files(folder)),
    }
    if about.get("retentionInDays"):
        summary["retentionInDays"] = about["retentionInDays"]
    return {**summary, "kmsKeyId": about["kmsKeyId"]} if about.get("kmsKeyId") else summary
