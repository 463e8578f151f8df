"""Lambda: the tags of functions and of event source mappings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.aws.dispatch import Response, operation
from sagemaker_emulator.aws.tags import check_keys, merged
from sagemaker_emulator.services.functions.function import (
    FUNCTION,
    get_version,
    invalid_value,
    named,
)
from sagemaker_emulator.services.functions.source_mappings import MAPPING, get_by_arn
from sagemaker_emulator.storage.store import Document

if TYPE_CHECKING:
    from types_boto3_lambda import type_defs as types

_INVALID = "InvalidParameterValueException"


@operation("ListTags", "lambda", honours=("Resource",))
def list_tags(context: Context, request: types.ListTagsRequestTypeDef) -> Response:
    """The tags of a function or mapping."""
    return {"Tags": _resource(context, request["Resource"])[2]["Tags"]}


@operation("TagResource", "lambda", honours=("Resource", "Tags"))
def tag_resource(context: Context, request: types.TagResourceRequestTypeDef) -> Response:
    """Add tags to a function or mapping, or replace them by their keys."""
    check_keys(request["Tags"], _INVALID)
    with context.store.transaction():
        kind, name, document = _resource(context, request["Resource"])
        tags = merged(document["Tags"], request["Tags"], _INVALID, "A function or mapping")
        context.store.update(kind, name, Tags=tags)
    return {}


@operation("UntagResource", "lambda", honours=("Resource", "TagKeys"))
def untag_resource(context: Context, request: types.UntagResourceRequestTypeDef) -> Response:
    """Remove tags from a function or mapping by their keys."""
    with context.store.transaction():
        kind, name, document = _resource(context, request["Resource"])
        tags = {k: v for k, v in document["Tags"].items() if k not in request["TagKeys"]}
        context.store.update(kind, name, Tags=tags)
    return {}


def _resource(context: Context, arn: str) -> tuple[str, str, Document]:
    """The kind, the name in the store and the document of what an ARN names.

    Raises:
        ApiError: There is none, or it is the ARN of a version or of something else.
    """
    if ":event-source-mapping:" in arn:
        mapping = get_by_arn(context, arn)
        return MAPPING, mapping["UUID"], mapping
    name = named(context, {"FunctionName": arn})
    if ":function:" not in arn or name.qualifier:
        raise invalid_value(
            f"Tags on {arn} are not supported: only functions and event source mappings have tags "
            "here."
        )
    function = get_version(context, name)
    return FUNCTION, function["FunctionName"], function
