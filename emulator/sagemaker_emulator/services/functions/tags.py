"""Lambda: the tags of functions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.aws.dispatch import Response, operation
from sagemaker_emulator.aws.tag_keys import check_keys
from sagemaker_emulator.services.functions.function import (
    FUNCTION,
    get_version,
    invalid_value,
    named,
)
from sagemaker_emulator.storage.store import Document

if TYPE_CHECKING:
    from types_boto3_lambda import type_defs as types

_MAX_TAGS = 50


@operation("ListTags", "lambda", honours=("Resource",))
def list_tags(context: Context, request: types.ListTagsRequestTypeDef) -> Response:
    """The tags of a function."""
    return {"Tags": _function(context, request["Resource"])["Tags"]}


@operation("TagResource", "lambda", honours=("Resource", "Tags"))
def tag_resource(context: Context, request: types.TagResourceRequestTypeDef) -> Response:
    """Add tags to a function, or replace them by their keys."""
    check_keys(request["Tags"], "InvalidParameterValueException")
    with context.store.transaction():
        function = _function(context, request["Resource"])
        tags = {**function["Tags"], **request["Tags"]}
        if len(tags) > _MAX_TAGS:
            raise invalid_value(f"A function has at most {_MAX_TAGS} tags.")
        context.store.update(FUNCTION, function["FunctionName"], Tags=tags)
    return {}


@operation("UntagResource", "lambda", honours=("Resource", "TagKeys"))
def untag_resource(context: Context, request: types.UntagResourceRequestTypeDef) -> Response:
    """Remove tags from a function by their keys."""
    with context.store.transaction():
        function = _function(context, request["Resource"])
        tags = {k: v for k, v in function["Tags"].items() if k not in request["TagKeys"]}
        context.store.update(FUNCTION, function["FunctionName"], Tags=tags)
    return {}


def _function(context: Context, arn: str) -> Document:
    """The function of an ARN.

    Raises:
        ApiError: There is none, or it is the ARN of a version or of something else.
    """
    name = named(context, {"FunctionName": arn})
    if ":function:" not in arn or name.qualifier:
        raise invalid_value(f"Tags on {arn} are not supported: only functions have tags here.")
    return get_version(context, name)
