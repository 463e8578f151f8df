"""CloudFormation: change sets, which say what a template would change before it does."""

from __future__ import annotations

import time
import uuid

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.aws.dispatch import Response, operation
from sagemaker_emulator.errors import ApiError
from sagemaker_emulator.services.stacks import stack as stacks
from sagemaker_emulator.services.stacks.change import Change, set_status
from sagemaker_emulator.services.stacks.descriptions import shown
from sagemaker_emulator.services.stacks.functions import Scope
from sagemaker_emulator.services.stacks.kinds import known
from sagemaker_emulator.services.stacks.operations import (
    CLOUDFORMATION,
    REVIEWED,
    SET,
    Request,
    begin_update,
    differs,
    prepared,
)
from sagemaker_emulator.services.stacks.template import parse, refused
from sagemaker_emulator.storage.store import Document

_KIND = "change-set"
_NAMED = ("ChangeSetName", "StackName")
# `aws cloudformation deploy` looks for these words.
_UNCHANGED = (
    "The submitted information didn't contain changes. "
    "Submit different information to create a change set."
)


@operation(
    "CreateChangeSet",
    CLOUDFORMATION,
    honours=(*SET, "ChangeSetName", "ChangeSetType", "Description", "UsePreviousTemplate"),
    keeps=("ClientToken", "RoleARN"),
)
def create_change_set(context: Context, request: Request) -> Response:
    """Say what a template would change of a stack, or of one that it would make."""
    new = request.get("ChangeSetType", "UPDATE") == "CREATE"
    with context.store.transaction():
        stack = _reviewed(context, request) if new else stacks.of(context, request["StackName"])
        before = None if new else stack
        made = prepared(context, stack, request, before)
        arn = context.arn("changeSet", f"{request['ChangeSetName']}/{uuid.uuid4()}", CLOUDFORMATION)
        changed = new or differs(context, stack, made)
        change_set = {
            "ChangeSetId": arn,
            "ChangeSetName": request["ChangeSetName"],
            "StackId": stack["StackId"],
            "StackName": stack["StackName"],
            "Description": request.get("Description"),
            "CreationTime": time.time(),
            "Type": "CREATE" if new else "UPDATE",
            "Status": "CREATE_COMPLETE" if changed else "FAILED",
            "StatusReason": None if changed else _UNCHANGED,
            "ExecutionStatus": "AVAILABLE" if changed else "UNAVAILABLE",
            "Made": made,
            "Changes": _changes(context, stack, made) if changed else [],
        }
        context.store.put(_KIND, arn, change_set)
    return {"Id": arn, "StackId": stack["StackId"]}


def _reviewed(context: Context, request: Request) -> Document:
    """The stack that a change set would make: new, or one in review."""
    name = request["StackName"]
    for one in stacks.living(context):
        if one["StackName"] == name:
            if one["StackStatus"] != REVIEWED:
                raise refused(
                    f"Stack [{name}] already exists and cannot be created again with the changeSet "
                    f"[{request['ChangeSetName']}]."
                )
            return one
    stack = stacks.new(context, name, dict(request))
    stack |= prepared(context, stack, request, None)
    stack |= {"StackStatus": REVIEWED, "StackStatusReason": "User Initiated"}
    context.store.put(stacks.STACK, stack["StackId"], stack)
    set_status(context, stack, REVIEWED, "User Initiated")
    return stack


def _changes(context: Context, stack: Document, made: Document) -> list[Document]:
    """What executing a change set would do, as far as it can be told before."""
    template = parse(made["Template"])
    scope = stacks.scope(context, stack, template, made["Parameters"])
    names = stacks.check(template, scope)
    changes = []
    for name in names:
        declared = template["Resources"][name]
        before = stack["Resources"].get(name)
        change: Document = {"LogicalResourceId": name, "ResourceType": declared["Type"]}
        if before is None:
            changes.append({**change, "Action": "Add"})
            continue
        change["PhysicalResourceId"] = before["Id"]
        properties = _resolved(scope, declared.get("Properties") or {})
        if properties is not None:
            properties = stacks.with_stack_tags(properties, declared["Type"], made["Tags"])
            if properties == before["Properties"] and declared["Type"] == before["Type"]:
                continue
        changes.append({**change, "Action": "Modify", **_replacement(declared, properties, before)})
    for name in reversed(list(stack["Resources"])):
        if name not in names:
            one = stack["Resources"][name]
            changes.append(
                {
                    "Action": "Remove",
                    "LogicalResourceId": name,
                    "PhysicalResourceId": one["Id"],
                    "ResourceType": one["Type"],
                }
            )
    return [{"Type": "Resource", "ResourceChange": change} for change in changes]


def _resolved(scope: Scope, properties: Document) -> Document | None:
    """Properties with their functions resolved; None if they refer to what is yet to be made."""
    try:
        resolved: Document = scope.resolve(properties)
    except ApiError:
        return None
    return resolved


def _replacement(declared: Document, properties: Document | None, before: Document) -> Document:
    kind = known()[declared["Type"]]
    if declared["Type"] != before["Type"]:
        return {"Replacement": "True", "Scope": ["Properties"]}
    if properties is None:
        return {"Replacement": "Conditional", "Scope": ["Properties"]}
    replaces = kind.needs_replacement(properties, before["Properties"])
    changed = sorted(
        key
        for key in {*properties, *before["Properties"]}
        if properties.get(key) != before["Properties"].get(key)
    )
    return {
        "Replacement": str(replaces),
        "Scope": ["Tags"] if changed == ["Tags"] else ["Properties"],
        "Details": [
            {
                "Target": {"Attribute": "Properties", "Name": key},
                "ChangeSource": "DirectModification",
            }
            for key in changed
        ],
    }


def _find(context: Context, request: Request) -> Document:
    name = request["ChangeSetName"]
    if name.startswith("arn:"):
        found = context.store.get(_KIND, name)
    else:
        stack = stacks.of(context, request.get("StackName", ""))
        found = next(
            (one for one in _of_stack(context, stack) if one["ChangeSetName"] == name), None
        )
    if found is None:
        raise ApiError("ChangeSetNotFound", f"ChangeSet [{name}] does not exist", 404)
    return found


def _of_stack(context: Context, stack: Document) -> list[Document]:
    return [one for one in context.store.list(_KIND) if one["StackId"] == stack["StackId"]][::-1]


@operation("DescribeChangeSet", CLOUDFORMATION, honours=_NAMED)
def describe_change_set(context: Context, request: Request) -> Response:
    """What a change set would do."""
    found = _find(context, request)
    parameters = shown({**stacks.of(context, found["StackId"]), **found["Made"]})["Parameters"]
    return {
        **found,
        "Parameters": parameters,
        "Tags": found["Made"]["Tags"],
        "Capabilities": found["Made"]["Capabilities"],
    }


@operation("ListChangeSets", CLOUDFORMATION, honours=("StackName",))
def list_change_sets(context: Context, request: Request) -> Response:
    """The change sets of a stack, the latest first."""
    return {"Summaries": _of_stack(context, stacks.of(context, request["StackName"]))}


@operation("DeleteChangeSet", CLOUDFORMATION, honours=_NAMED)
def delete_change_set(context: Context, request: Request) -> Response:
    """Forget a change set."""
    context.store.delete(_KIND, _find(context, request)["ChangeSetId"])
    return {}


@operation(
    "ExecuteChangeSet",
    CLOUDFORMATION,
    honours=(*_NAMED, "DisableRollback"),
    keeps=("ClientRequestToken",),
)
def execute_change_set(context: Context, request: Request) -> Response:
    """Do what a change set says, after the response; the stack's other change sets are gone."""
    with context.store.transaction():
        found = _find(context, request)
        stack = stacks.of(context, found["StackId"])
        if found["ExecutionStatus"] != "AVAILABLE":
            raise ApiError(
                "InvalidChangeSetStatus",
                f"ChangeSet [{found['ChangeSetId']}] cannot be executed in its current status of "
                f"[{found['Status']}]",
            )
        for other in _of_stack(context, stack):
            context.store.delete(_KIND, other["ChangeSetId"])
        disable = bool(request.get("DisableRollback"))
        context.store.update(stacks.STACK, stack["StackId"], DisableRollback=disable)
        new = found["Type"] == "CREATE"
        if new:
            context.store.update(stacks.STACK, stack["StackId"], **found["Made"])
            set_status(context, stack, "CREATE_IN_PROGRESS", "User Initiated")
        else:
            begin_update(context, stack, found["Made"])
    context.stacks.begin(stack["StackId"], Change.create if new else Change.update)
    return {}
