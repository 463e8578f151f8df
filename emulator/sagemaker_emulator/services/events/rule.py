"""A rule as it is kept, and the bus that a request names.

A rule of the default bus has its name as key in the store, and one of another bus `BUS/NAME`: no
name has a slash.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.errors import ApiError
from sagemaker_emulator.storage.store import Document

RULE = "rule"
BUS = "event-bus"
DEFAULT = "default"


def key_of(bus: str, name: str) -> str:
    """The key of a rule in the store."""
    return name if bus == DEFAULT else f"{bus}/{name}"


def stored_key(rule: Mapping[str, Any]) -> str:
    """The key of a rule's document."""
    return key_of(rule.get("EventBusName", DEFAULT), rule["Name"])


def rule_arn(context: Context, bus: str, name: str) -> str:
    """The ARN of a rule; that of the default bus is not in it."""
    return context.arn("rule", key_of(bus, name), "events")


def rules_of(context: Context, bus: str, prefix: str = "") -> list[Document]:
    """The rules of a bus whose names begin so, in the order of their creation."""
    rules = context.store.list(RULE, key_of(bus, prefix))
    return [rule for rule in rules if rule.get("EventBusName", DEFAULT) == bus]


def bus_arn(context: Context, name: str) -> str:
    """The ARN of a bus."""
    return context.arn("event-bus", name, "events")


def bus_in(context: Context, request: Mapping[str, Any], member: str = "EventBusName") -> str:
    """The name of the bus that a request names by name or ARN; the default one without.

    Raises:
        ApiError: There is no such bus.
    """
    identifier = str(request.get(member) or DEFAULT)
    name = identifier
    if identifier.startswith("arn:"):
        name = identifier.rpartition(":event-bus/")[2]
        if bus_arn(context, name) != identifier:
            raise no_bus(identifier)
    if name != DEFAULT and context.store.get(BUS, name) is None:
        raise no_bus(name)
    return name


def no_bus(name: str) -> ApiError:
    """There is no such bus."""
    return ApiError("ResourceNotFoundException", f"Event bus {name} does not exist.")


def get_rule(context: Context, request: Mapping[str, Any], member: str = "Name") -> Document:
    """The rule that a request names by this member, on the bus that it names.

    Raises:
        ApiError: There is no such bus or rule.
    """
    bus = bus_in(context, request)
    rule = context.store.get(RULE, key_of(bus, request[member]))
    if rule is None:
        message = f"Rule {request[member]} does not exist on EventBus {bus}."
        raise ApiError("ResourceNotFoundException", message)
    return rule
