"""CloudWatch: the tags of alarms."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.aws.dispatch import Response, operation
from sagemaker_emulator.aws.tags import as_list, by_key, check_keys, merged
from sagemaker_emulator.errors import ApiError
from sagemaker_emulator.services.alarms.alarms import KIND
from sagemaker_emulator.services.alarms.operations import arn_of
from sagemaker_emulator.storage.store import Document

if TYPE_CHECKING:
    from types_boto3_cloudwatch import type_defs as types

_INVALID = "InvalidParameterValue"


@operation("ListTagsForResource", "cloudwatch", honours=("ResourceARN",))
def list_tags(context: Context, request: types.ListTagsForResourceInputTypeDef) -> Response:
    """The tags of an alarm, in the order of their keys."""
    return {"Tags": as_list(_alarm(context, request["ResourceARN"])["Tags"])}


@operation("TagResource", "cloudwatch", honours=("ResourceARN", "Tags"))
def tag_resource(context: Context, request: types.TagResourceInputTypeDef) -> Response:
    """Add tags to an alarm, or replace them by their keys."""
    added = by_key(request["Tags"])
    check_keys(added, _INVALID)
    with context.store.transaction():
        alarm = _alarm(context, request["ResourceARN"])
        tags = merged(alarm["Tags"], added, _INVALID, "An alarm")
        context.store.update(KIND, alarm["AlarmName"], Tags=tags)
    return {}


@operation("UntagResource", "cloudwatch", honours=("ResourceARN", "TagKeys"))
def untag_resource(context: Context, request: types.UntagResourceInputTypeDef) -> Response:
    """Remove tags from an alarm by their keys."""
    with context.store.transaction():
        alarm = _alarm(context, request["ResourceARN"])
        tags = {k: v for k, v in alarm["Tags"].items() if k not in request["TagKeys"]}
        context.store.update(KIND, alarm["AlarmName"], Tags=tags)
    return {}


def _alarm(context: Context, arn: str) -> Document:
    name = arn.partition(":alarm:")[2]
    alarm = context.store.get(KIND, name)
    if alarm is None or arn_of(context, name) != arn:
        raise ApiError("ResourceNotFoundException", f"There is no alarm {arn}.", 404)
    return alarm
