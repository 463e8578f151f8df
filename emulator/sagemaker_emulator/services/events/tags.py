"""EventBridge: the tags of rules and of buses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.aws.dispatch import Response, operation
from sagemaker_emulator.aws.tags import as_list, by_key, check_keys, merged
from sagemaker_emulator.errors import ApiError
from sagemaker_emulator.services.events.rule import (
    BUS,
    DEFAULT,
    RULE,
    key_of,
    no_bus,
    rule_arn,
)
from sagemaker_emulator.storage.store import Document

if TYPE_CHECKING:
    from types_boto3_events import type_defs as types

_INVALID = "ValidationException"


@operation("ListTagsForResource", "events", honours=("ResourceARN",))
def list_tags(context: Context, request: types.ListTagsForResourceRequestTypeDef) -> Response:
    """The tags of a rule or bus, in the order of their keys."""
    return {"Tags": as_list(_resource(context, request["ResourceARN"])[2].get("Tags", {}))}


@operation("TagResource", "events", honours=("ResourceARN", "Tags"))
def tag_resource(context: Context, request: types.TagResourceRequestTypeDef) -> Response:
    """Add tags to a rule or bus, or replace them by their keys."""
    added = by_key(request["Tags"])
    check_keys(added, _INVALID)
    with context.store.transaction():
        kind, key, document = _resource(context, request["ResourceARN"])
        tags = merged(document.get("Tags", {}), added, _INVALID, "A rule or event bus")
        context.store.update(kind, key, Tags=tags)
    return {}


@operation("UntagResource", "events", honours=("ResourceARN", "TagKeys"))
def untag_resource(context: Context, request: types.UntagResourceRequestTypeDef) -> Response:
    """Remove tags from a rule or bus by their keys."""
    with context.store.transaction():
        kind, key, document = _resource(context, request["ResourceARN"])
        tags = {k: v for k, v in document.get("Tags", {}).items() if k not in request["TagKeys"]}
        context.store.update(kind, key, Tags=tags)
    return {}


def _resource(context: Context, arn: str) -> tuple[str, str, Document]:
    """The kind, the key in the store and the document of what an ARN names.

    Raises:
        ApiError: There is none; the default bus has no tags here.
    """
    if ":event-bus/" in arn:
        name = arn.rpartition(":event-bus/")[2]
        found = context.store.get(BUS, name)
        if found is None or name == DEFAULT or found["Arn"] != arn:
            raise no_bus(name)
        return BUS, name, found
    bus, _, name = arn.rpartition("rule/")[2].rpartition("/")
    bus = bus or DEFAULT
    rule = context.store.get(RULE, key_of(bus, name))
    if rule is None or rule_arn(context, bus, name) != arn.replace("/default/", "/"):
        message = f"Rule {name} does not exist on EventBus {bus}."
        raise ApiError("ResourceNotFoundException", message)
    return RULE, key_of(bus, name), rule
