"""Application Auto Scaling: the tags of scalable targets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.aws.dispatch import Response, operation
from sagemaker_emulator.aws.tags import check_keys, merged
from sagemaker_emulator.errors import ApiError
from sagemaker_emulator.services.scaling.records import SERVICE, TARGET
from sagemaker_emulator.storage.store import Document


def check(tags: Mapping[str, str]) -> None:
    """Check the tags that a target is to have.

    Raises:
        ApiError: they are too many, or one of them is AWS's own.
    """
    check_keys(tags, "ValidationException")
    merged({}, tags, "TooManyTagsException", "A scalable target")


@operation("ListTagsForResource", SERVICE, honours=("ResourceARN",))
def list_tags(context: Context, request: Mapping[str, Any]) -> Response:
    """The tags of a target."""
    return {"Tags": _target(context, request).get("Tags", {})}


@operation("TagResource", SERVICE, honours=("ResourceARN", "Tags"))
def tag_resource(context: Context, request: Mapping[str, Any]) -> Response:
    """Add tags to a target, or replace them by their keys."""
    with context.store.transaction():
        target = _target(context, request)
        tags = {**target.get("Tags", {}), **request["Tags"]}
        check(tags)
        context.store.update(TARGET, target["ResourceId"], Tags=tags)
    return {}


@operation("UntagResource", SERVICE, honours=("ResourceARN", "TagKeys"))
def untag_resource(context: Context, request: Mapping[str, Any]) -> Response:
    """Remove tags from a target by their keys."""
    with context.store.transaction():
        target = _target(context, request)
        left = {k: v for k, v in target.get("Tags", {}).items() if k not in request["TagKeys"]}
        context.store.update(TARGET, target["ResourceId"], Tags=left)
    return {}


def _target(context: Context, request: Mapping[str, Any]) -> Document:
    """The target of an ARN.

    Raises:
        ApiError: there is none.
    """
    for target in context.store.list(TARGET):
        if target["ScalableTargetARN"] == request["ResourceARN"]:
            return target
    raise ApiError(
        "ResourceNotFoundException", f"There is no scalable target {request['ResourceARN']}."
    )
