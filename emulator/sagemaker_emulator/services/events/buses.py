"""EventBridge: the operations on event buses, and their resource policies."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sagemaker_emulator.aws import json_text
from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.aws.dispatch import Response, operation
from sagemaker_emulator.aws.tags import by_key, check_keys
from sagemaker_emulator.errors import ApiError, invalid
from sagemaker_emulator.services.events.pages import page
from sagemaker_emulator.services.events.rule import (
    BUS,
    DEFAULT,
    bus_arn,
    bus_in,
    no_bus,
    rules_of,
)
from sagemaker_emulator.storage.store import Document

if TYPE_CHECKING:
    from types_boto3_events import type_defs as types


@operation("CreateEventBus", "events", honours=("Name", "Description", "Tags"))
def create_bus(context: Context, request: types.CreateEventBusRequestTypeDef) -> Response:
    """Make a bus of its own rules."""
    name = request["Name"]
    if "/" in name:
        raise invalid("Event bus name must not contain '/'.")
    tags = by_key(request.get("Tags", []))
    check_keys(tags, "ValidationException")
    about = {"Description": request.get("Description"), "Tags": tags}
    with context.store.transaction():
        if name == DEFAULT or context.store.get(BUS, name) is not None:
            message = f"Event bus {name} already exists."
            raise ApiError("ResourceAlreadyExistsException", message)
        bus = _made(context, name, about)
    return {"EventBusArn": bus["Arn"], "Description": bus["Description"]}


@operation("DescribeEventBus", "events", honours=("Name",))
def describe_bus(context: Context, request: types.DescribeEventBusRequestTypeDef) -> Response:
    """A bus by name or ARN; the default one without."""
    return _shown(_get(context, request, "Name"))


@operation("ListEventBuses", "events", honours=("NamePrefix", "NextToken", "Limit"))
def list_buses(context: Context, request: types.ListEventBusesRequestTypeDef) -> Response:
    """Buses by the beginning of their name."""
    prefix = request.get("NamePrefix", "")
    buses = [bus for bus in context.store.list(BUS, prefix) if bus["Name"] != DEFAULT]
    if DEFAULT.startswith(prefix):
        buses.append(_get(context, {}, "Name"))
    return page("ListEventBuses", request, "EventBuses", [_shown(bus) for bus in buses], "Name")


@operation("UpdateEventBus", "events", honours=("Name", "Description"))
def update_bus(context: Context, request: types.UpdateEventBusRequestTypeDef) -> Response:
    """Change a bus's description."""
    with context.store.transaction():
        bus = _get(context, request, "Name")
        changes = {key: value for key, value in request.items() if key == "Description"}
        bus |= {**changes, "LastModifiedTime": time.time()}
        context.store.put(BUS, bus["Name"], bus)
    return _shown(bus)


@operation("DeleteEventBus", "events", honours=("Name",))
def delete_bus(context: Context, request: types.DeleteEventBusRequestTypeDef) -> Response:
    """Delete a bus that has no rules; one that is not there is not an error."""
    name = request["Name"].rpartition(":event-bus/")[2]
    if name == DEFAULT:
        raise invalid("Cannot delete event bus default.")
    with context.store.transaction():
        if rules := rules_of(context, name):
            names = ", ".join(sorted(str(rule["Name"]) for rule in rules)[:5])
            raise invalid(
                f"Event bus {name} can't be deleted since it has rules: {names}. Delete them first."
            )
        context.store.delete(BUS, name)
    return {}


@operation(
    "PutPermission",
    "events",
    honours=("EventBusName", "Action", "Principal", "StatementId", "Policy", "Condition"),
)
def put_permission(context: Context, request: types.PutPermissionRequestTypeDef) -> Response:
    """Add or replace a statement of a bus's policy, or the whole policy."""
    with context.store.transaction():
        bus = _get(context, request)
        if request.get("Policy"):
            bus["Statements"] = _statements(request["Policy"])
        else:
            statement = _statement(bus, request)
            others = [each for each in bus["Statements"] if each.get("Sid") != statement["Sid"]]
            bus["Statements"] = [*others, statement]
        context.store.put(BUS, bus["Name"], bus)
    return {}


@operation(
    "RemovePermission", "events", honours=("EventBusName", "StatementId", "RemoveAllPermissions")
)
def remove_permission(context: Context, request: types.RemovePermissionRequestTypeDef) -> Response:
    """Remove a statement of a bus's policy, or all of it."""
    with context.store.transaction():
        bus = _get(context, request)
        if request.get("RemoveAllPermissions"):
            kept = []
        elif not bus["Statements"]:
            message = "EventBus does not have a policy."
            raise ApiError("ResourceNotFoundException", message)
        else:
            sid = request.get("StatementId")
            kept = [each for each in bus["Statements"] if each.get("Sid") != sid]
            if len(kept) == len(bus["Statements"]):
                message = "Statement with the provided id does not exist."
                raise ApiError("ResourceNotFoundException", message)
        context.store.put(BUS, bus["Name"], bus | {"Statements": kept})
    return {}


def _get(context: Context, request: Mapping[str, Any], member: str = "EventBusName") -> Document:
    """The document of the bus that a request names; the default one is made when first asked for.

    Raises:
        ApiError: There is no such bus.
    """
    name = bus_in(context, request, member)
    bus = context.store.get(BUS, name)
    if bus is None and name != DEFAULT:  # deleted meanwhile
        raise no_bus(name)
    return bus or _made(context, name, {})


def _made(context: Context, name: str, about: Document) -> Document:
    """A new bus, kept unless another request was faster; then that one's."""
    now = time.time()
    bus: Document = {
        "Name": name,
        "Arn": bus_arn(context, name),
        "CreationTime": now,
        "LastModifiedTime": now,
        "Tags": {},
        "Statements": [],
        **about,
    }
    return bus if context.store.create(BUS, name, bus) else context.store.get(BUS, name) or bus


def _shown(bus: Document) -> Document:
    if not bus["Statements"]:
        return bus
    return bus | {"Policy": json.dumps({"Version": "2012-10-17", "Statement": bus["Statements"]})}


def _statement(bus: Document, request: types.PutPermissionRequestTypeDef) -> Document:
    """The statement that the members of a request make.

    Raises:
        ApiError: One is missing, or is none that a bus's policy has.
    """
    if request.get("Action", "events:PutEvents") != "events:PutEvents":
        raise invalid("Provided value in parameter 'action' is not supported.")
    principal, sid = request.get("Principal", ""), request.get("StatementId")
    if not sid:
        raise invalid("Parameter StatementId must be specified.")
    if principal != "*" and not re.fullmatch(r"\d{12}", principal):
        raise invalid("Provided value in parameter 'principal' must be 12 digits or '*'.")
    statement: Document = {
        "Sid": sid,
        "Effect": "Allow",
        "Principal": "*" if principal == "*" else {"AWS": f"arn:aws:iam::{principal}:root"},
        "Action": "events:PutEvents",
        "Resource": bus["Arn"],
    }
    if condition := request.get("Condition"):
        statement["Condition"] = {condition["Type"]: {condition["Key"]: condition["Value"]}}
    return statement


def _statements(policy: str) -> list[Document]:
    """The statements of a policy.

    Raises:
        ApiError: It is none.
    """
    try:
        document = json_text.loads(policy)
        statements = document["Statement"]
    except (ValueError, TypeError, KeyError):
        raise invalid("This policy contains invalid Json") from None
    return [statements] if isinstance(statements, dict) else list(statements)
