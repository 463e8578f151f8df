"""EventBridge: the tags of rules."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.aws.dispatch import Response, operation
from sagemaker_emulator.aws.tags import as_list, by_key, check_keys, merged
from sagemaker_emulator.errors import ApiError
from sagemaker_emulator.services.events.bus import RULE
from sagemaker_emulator.storage.store import Document

if TYPE_CHECKING:
    from types_boto3_events import type_defs as types

_INVALID = "ValidationException"


@operation("ListTagsForResource", "events", honours=("ResourceARN",))
def list_tags(context: Context, request: types.ListTagsForResourceRequestTypeDef) -> Response:
    """The tags of a rule, in the order of their keys."""
    return {"Tags": as_list(_rule(context, request["ResourceARN"]).get("Tags", {}))}


@operation("TagResource", "events", honours=("ResourceARN", "Tags"))
def tag_resource(context: Context, request: types.TagResourceRequestTypeDef) -> Response:
    """Add tags to a rule, or replace them by their keys."""
    added = by_key(request["Tags"])
    check_keys(added, _INVALID)
    with context.store.transaction():
        rule = _rule(context, request["ResourceARN"])
        tags = merged(rule.get("Tags", {}), added, _INVALID, "A rule")
        context.store.update(RULE, rule["Name"], Tags=tags)
    return {}


@operation("UntagResource", "events", honours=("ResourceARN", "TagKeys"))
def untag_resource(context: Context, request: types.UntagResourceRequestTypeDef) -> Response:
    """Remove tags from a rule by their keys."""
    with context.store.transaction():
        rule = _rule(context, request["ResourceARN"])
        tags = {k: v for k, v in rule.get("Tags", {}).items() if k not in request["TagKeys"]}
        context.store.update(RULE, rule["Name"], Tags=tags)
    return {}


def _rule(context: Context, arn: str) -> Document:
    name = arn.rpartition("rule/")[2].removeprefix("default/")
    rule = context.store.get(RULE, name)
    if rule is None or context.arn("rule", name, "events") != arn.replace("/default/", "/"):
        message = f"Rule {name} does not exist on EventBus default."
        raise ApiError("ResourceNotFoundException", message)
    return rule
