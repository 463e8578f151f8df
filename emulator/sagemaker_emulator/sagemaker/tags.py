"""Tags of every SageMaker resource, kept by ARN."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.aws.dispatch import Response, operation
from sagemaker_emulator.aws.members import paths
from sagemaker_emulator.aws.pages import PAGED, cut, scope_of
from sagemaker_emulator.aws.tags import check_keys
from sagemaker_emulator.errors import ApiError, invalid

if TYPE_CHECKING:
    from types_boto3_sagemaker import type_defs as types

_LIMIT = 50


def add(
    context: Context, arn: str, tags: Sequence[types.TagTypeDef] | None
) -> list[types.TagTypeDef]:
    """Merge tags into a resource's, and return all; a key that is there gets the new value.

    Raises:
        ApiError: The resource would have more than 50, or a key is AWS's or there twice.
    """
    if not tags:
        return get(context, arn)
    check_keys((tag["Key"] for tag in tags), "ValidationException")
    keys = {tag["Key"].lower() for tag in tags}
    if len(keys) < len(tags):
        raise invalid("Duplicate tag keys found. Please note that Tag keys are case insensitive.")
    with context.store.transaction():
        merged = {tag["Key"]: tag["Value"] for tag in [*get(context, arn), *tags]}
        if len(merged) > _LIMIT:
            raise ApiError("ResourceLimitExceeded", f"{arn} would have more than {_LIMIT} tags")
        result: list[types.TagTypeDef] = [{"Key": k, "Value": v} for k, v in merged.items()]
        context.store.put("tags", arn, {"Arn": arn, "Tags": result})
    return result


def get(context: Context, arn: str) -> list[types.TagTypeDef]:
    """The tags of a resource."""
    tags: list[types.TagTypeDef] = (context.store.get("tags", arn) or {"Tags": []})["Tags"]
    return tags


@operation("AddTags", honours=paths("ResourceArn Tags"))
def add_tags(context: Context, request: types.AddTagsInputTypeDef) -> Response:
    """Tag a resource."""
    with context.store.transaction():
        return {"Tags": add(context, _checked_arn(context, request), request["Tags"])}


@operation("ListTags", honours=paths(PAGED + "ResourceArn"))
def list_tags(context: Context, request: types.ListTagsInputTypeDef) -> Response:
    """The tags of a resource, by key."""
    kept = sorted(get(context, _checked_arn(context, request)), key=lambda tag: tag["Key"])
    shown, token = cut(
        kept,
        request.get("NextToken"),
        request.get("MaxResults", _LIMIT),
        scope=scope_of("ListTags", request),
        place=lambda tag: (None, tag["Key"]),
    )
    return {"Tags": shown, "NextToken": token}


@operation("DeleteTags", honours=paths("ResourceArn TagKeys"))
def delete_tags(context: Context, request: types.DeleteTagsInputTypeDef) -> Response:
    """Remove tags by key; a key that is not there is not an error."""
    with context.store.transaction():
        arn = _checked_arn(context, request)
        kept = [tag for tag in get(context, arn) if tag["Key"] not in request["TagKeys"]]
        context.store.put("tags", arn, {"Arn": arn, "Tags": kept})
    return {}


def _checked_arn(context: Context, request: Mapping[str, Any]) -> str:
    """The ResourceArn of a request, if it is a resource of this account that exists."""
    arn = str(request["ResourceArn"])
    prefix = f"arn:aws:sagemaker:{context.region}:{context.account}:"
    if not arn.startswith(prefix):
        raise invalid(f"{arn} is not a SageMaker resource of this account; it must begin {prefix}")
    # A kind of document is named as its ARNs are; an execution's ARN extends its pipeline's.
    kind, _, name = arn.removeprefix(prefix).partition("/")
    name = name.partition("/execution/")[0]
    if context.store.get(kind, name) is None:
        raise invalid(f"{arn} does not exist, so it has no tags")
    return arn
