"""One stack: its document, its template's scope, its events, and the order of its resources."""

from __future__ import annotations

import graphlib
import json
import time
import uuid
from collections.abc import Iterable
from typing import Any

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.services.stacks import template as templates
from sagemaker_emulator.services.stacks.functions import Scope, referred
from sagemaker_emulator.services.stacks.kinds import known
from sagemaker_emulator.services.stacks.template import Template, refused
from sagemaker_emulator.storage.store import Document

STACK, EVENT = "stack", "stack-event"
STACK_TYPE = "AWS::CloudFormation::Stack"


def of(context: Context, name: str) -> Document:
    """The stack of a name, or of an id, which also finds a deleted one.

    Raises:
        ApiError: There is none.
    """
    if name.startswith("arn:"):
        found = context.store.get(STACK, name)
    else:
        alive = [one for one in living(context) if one["StackName"] == name]
        found = alive[-1] if alive else None
    if found is None:
        raise refused(f"Stack with id {name} does not exist")
    return found


def living(context: Context) -> list[Document]:
    """All stacks that are not deleted, the oldest first."""
    return [one for one in context.store.list(STACK) if one["StackStatus"] != "DELETE_COMPLETE"]


def new(context: Context, name: str, request: Document) -> Document:
    """The document of a stack that does not exist yet."""
    arn = context.arn("stack", f"{name}/{uuid.uuid4()}", "cloudformation")
    return {
        "StackId": arn,
        "StackName": name,
        "CreationTime": time.time(),
        "DisableRollback": bool(request.get("DisableRollback")),
        "OnFailure": request.get("OnFailure", "ROLLBACK"),
        "EnableTerminationProtection": bool(request.get("EnableTerminationProtection")),
        "RoleARN": request.get("RoleARN"),
        "Resources": {},
        "Journal": [],
        "Outputs": [],
    }


def scope(context: Context, stack: Document, template: Template, given: Document) -> Scope:
    """What the functions of a template refer to, for a stack as it is now.

    Args:
        context: The server.
        stack: The stack; what it has made is in the scope.
        template: The template.
        given: The parameters' texts.

    Raises:
        ApiError: A parameter is unknown, missing or not allowed.
    """
    pseudo = {
        "AWS::AccountId": context.account,
        "AWS::Region": context.region,
        "AWS::StackId": stack["StackId"],
        "AWS::StackName": stack["StackName"],
        "AWS::URLSuffix": "amazonaws.com",
        "AWS::Partition": "aws",
        "AWS::NotificationARNs": [],
    }
    made = stack["Resources"]
    return Scope(
        template,
        {**templates.parameters(template, given), **pseudo},
        ids={name: one["Id"] for name, one in made.items() if one.get("Id")},
        attributes={name: one["Attributes"] for name, one in made.items()},
        exported=lambda name: _exported(context, name),
        zones=tuple(f"{context.region}{zone}" for zone in "abc"),
    )


def _exported(context: Context, name: str) -> str:
    for stack in living(context):
        for output in stack["Outputs"]:
            if output.get("ExportName") == name:
                return str(output["OutputValue"])
    raise refused(f"No export named {name} found.")


def order(template: Template, within: Scope) -> list[str]:
    """The resources whose conditions hold, each after those that it refers to.

    Raises:
        ApiError: They refer to each other in a circle, or to what there is not.
    """
    resources = {
        name: one
        for name, one in template["Resources"].items()
        if "Condition" not in one or within.holds(one["Condition"])
    }
    needs: dict[str, set[str]] = {}
    for name, one in resources.items():
        explicit = one.get("DependsOn", [])
        after = {explicit} if isinstance(explicit, str) else set(explicit)
        if strange := sorted(after - template["Resources"].keys()):
            raise refused(
                f"Template format error: Unresolved resource dependencies {strange} in the "
                "Resources block of the template"
            )
        used = set(referred(_chosen(one.get("Properties"), within)))
        strange = sorted(used - template["Resources"].keys() - within.values.keys() - {_NO_VALUE})
        if strange or (strange := sorted((used & template["Resources"].keys()) - resources.keys())):
            raise refused(
                f"Template format error: Unresolved resource dependencies [{', '.join(strange)}] "
                "in the Resources block of the template"
            )
        needs[name] = (used | after) & resources.keys()
    try:
        return list(graphlib.TopologicalSorter(needs).static_order())
    except graphlib.CycleError as problem:
        circle = ", ".join(sorted(set(problem.args[1])))
        raise refused(f"Circular dependency between resources: [{circle}]") from None


_NO_VALUE = "AWS::NoValue"


def _chosen(value: Any, within: Scope) -> Any:
    """A value without the branches of Fn::If that are not taken."""
    if isinstance(value, list):
        return [_chosen(each, within) for each in value]
    if not isinstance(value, dict):
        return value
    choice = value.get("Fn::If")
    if isinstance(choice, list) and len(value) == 1 and len(choice) == 3:
        return _chosen(choice[1 if within.holds(choice[0]) else 2], within)
    return {key: _chosen(each, within) for key, each in value.items()}


def check(template: Template, within: Scope) -> list[str]:
    """Check all that can be told before anything is made, and return the order of resources.

    Raises:
        ApiError: What is wrong.
    """
    names = order(template, within)
    for name in names:
        one = template["Resources"][name]
        known()[one["Type"]].check(name, one.get("Properties") or {})
    for name, output in (template.get("Outputs") or {}).items():
        if not isinstance(output, dict) or "Value" not in output:
            raise refused(f"Template format error: Output {name} is malformed.")
    return names


def outputs(template: Template, within: Scope) -> list[Document]:
    """The outputs whose conditions hold.

    Raises:
        ApiError: One refers to what there is not.
    """
    made = []
    for name, output in (template.get("Outputs") or {}).items():
        if "Condition" in output and not within.holds(output["Condition"]):
            continue
        one = {"OutputKey": name, "OutputValue": str(within.resolve(output["Value"]))}
        if "Description" in output:
            one["Description"] = output["Description"]
        if "Export" in output:
            one["ExportName"] = str(within.resolve(output["Export"]["Name"]))
        made.append(one)
    return made


def record(
    context: Context, stack: Document, logical: str, kind: str, status: str, about: Document
) -> None:
    """Add an event: a resource of a stack, or the stack itself, has another status.

    Args:
        context: The server.
        stack: The stack.
        logical: The resource's name in the template.
        kind: Its type.
        status: Its new status.
        about: Its `Id`, and perhaps `Reason` and `Properties`.
    """
    event = {
        "EventId": str(uuid.uuid4()),
        "StackId": stack["StackId"],
        "StackName": stack["StackName"],
        "LogicalResourceId": logical,
        "PhysicalResourceId": about.get("Id") or "",
        "ResourceType": kind,
        "Timestamp": time.time(),
        "ResourceStatus": status,
        "ResourceStatusReason": about.get("Reason") or None,
        "ResourceProperties": json.dumps(about["Properties"]) if "Properties" in about else None,
    }
    context.store.put(EVENT, f"{stack['StackId']} {time.time_ns():020}", event)


def with_stack_tags(properties: Document, kind: str, tags: Iterable[Document]) -> Document:
    """A resource's properties with the stack's tags, where its kind has tags; its own win."""
    if "Tags" not in known()[kind].properties:
        return properties
    own = properties.get("Tags") or []
    if isinstance(own, dict):
        return {**properties, "Tags": {**{tag["Key"]: tag["Value"] for tag in tags}, **own}}
    keys = {tag["Key"] for tag in own}
    merged = [*(tag for tag in tags if tag["Key"] not in keys), *own]
    return {**properties, "Tags": merged} if merged else properties
