"""CloudFormation: the operations that make, change and delete stacks."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.aws.dispatch import Response, operation
from sagemaker_emulator.services.stacks import stack as stacks
from sagemaker_emulator.services.stacks import template as templates
from sagemaker_emulator.services.stacks.change import Change, set_status
from sagemaker_emulator.services.stacks.template import Template, refused
from sagemaker_emulator.storage.store import Document

CLOUDFORMATION = "cloudformation"
TEMPLATE = ("TemplateBody", "TemplateURL")
SET = (*TEMPLATE, "StackName", "Parameters", "Capabilities", "Tags")
REVIEWED = "REVIEW_IN_PROGRESS"  # it has a change set, and nothing else yet
UPDATABLE = ("CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE")
Request = Mapping[str, Any]


def template_of(request: Request) -> str:
    """The text of a request's template; "" where it has none.

    Raises:
        ApiError: It has two, or there is no object at its address.
    """
    if "TemplateURL" not in request:
        return str(request.get("TemplateBody", ""))
    if "TemplateBody" in request:
        raise refused("Either Template URL or Template Body must be specified.")
    import boto3

    parts = urlsplit(request["TemplateURL"])
    host, path = parts.hostname or "", unquote(parts.path).lstrip("/")
    bucket, dot, _ = host.partition(".s3")
    if not dot:
        bucket, _, path = path.partition("/")
    try:
        found = boto3.client("s3").get_object(Bucket=bucket, Key=path)
    except Exception as problem:
        raise refused(f"S3 error: {problem}") from None
    return found["Body"].read().decode()


def given_parameters(request: Request, before: Document | None) -> dict[str, str]:
    """The parameters of a request, with those that are to stay as they are.

    Raises:
        ApiError: One is to stay, and has no earlier value.
    """
    given = {}
    earlier = before["Parameters"] if before else {}
    for one in request.get("Parameters", []):
        name = one["ParameterKey"]
        if one.get("UsePreviousValue"):
            if before is None:
                raise refused(f"Invalid input for parameter key {name}. No previous value.")
            if name in earlier:
                given[name] = earlier[name]
        else:
            given[name] = one.get("ParameterValue", "")
    return given


@operation(
    "CreateStack",
    CLOUDFORMATION,
    honours=(*SET, "OnFailure", "DisableRollback", "EnableTerminationProtection"),
    keeps=("ClientRequestToken", "RoleARN"),
)
def create_stack(context: Context, request: Request) -> Response:
    """Make a stack; its resources are made after the response."""
    with context.store.transaction():
        name = request["StackName"]
        if any(one["StackName"] == name for one in stacks.living(context)):
            raise _already(name)
        stack = stacks.new(context, name, dict(request))
        stack |= prepared(context, stack, request, None)
        stack |= {"StackStatus": "CREATE_IN_PROGRESS", "StackStatusReason": ""}
        context.store.put(stacks.STACK, stack["StackId"], stack)
        set_status(context, stack, "CREATE_IN_PROGRESS", "User Initiated")
    context.stacks.begin(stack["StackId"], Change.create)
    return {"StackId": stack["StackId"]}


def _already(name: str) -> Exception:
    from sagemaker_emulator.errors import ApiError

    return ApiError("AlreadyExistsException", f"Stack [{name}] already exists")


def prepared(
    context: Context, stack: Document, request: Request, before: Document | None
) -> Document:
    """What a checked request makes of a stack: its template, parameters, tags and capabilities.

    Raises:
        ApiError: What is wrong with the request.
    """
    keep = before is not None and request.get("UsePreviousTemplate")
    text = before["Template"] if keep and before else template_of(request)
    if not text:
        raise refused("Either Template URL or Template Body must be specified.")
    template = templates.parse(text)
    given = given_parameters(request, before)
    templates.check_capabilities(template, request.get("Capabilities", []))
    stacks.check(template, stacks.scope(context, stack, template, given))
    tags = request.get("Tags", before["Tags"] if before else [])
    return {
        "Template": text,
        "Parameters": given,
        "Tags": tags,
        "Capabilities": request.get("Capabilities", []),
        "Description": template.get("Description"),
    }


@operation(
    "UpdateStack",
    CLOUDFORMATION,
    honours=(*SET, "UsePreviousTemplate"),
    keeps=("ClientRequestToken", "RoleARN"),
)
def update_stack(context: Context, request: Request) -> Response:
    """Change a stack; its resources are changed after the response."""
    with context.store.transaction():
        stack = stacks.of(context, request["StackName"])
        _require_updatable(stack)
        made = prepared(context, stack, request, stack)
        if not differs(context, stack, made):
            raise refused("No updates are to be performed.")
        begin_update(context, stack, made)
    context.stacks.begin(stack["StackId"], Change.update)
    return {"StackId": stack["StackId"]}


def _require_updatable(stack: Document) -> None:
    if stack["StackStatus"] not in UPDATABLE:
        raise refused(
            f"Stack:{stack['StackId']} is in {stack['StackStatus']} state and can not be updated."
        )


def differs(context: Context, stack: Document, made: Document) -> bool:
    """Whether a prepared request changes anything of a stack."""

    def content(document: Document) -> Any:
        template: Template = templates.parse(document["Template"])
        scope = stacks.scope(context, stack, template, document["Parameters"])
        parts = {key: template.get(key) for key in ("Resources", "Outputs", "Conditions")}
        return parts, scope.values, document["Tags"]

    return bool(content(stack) != content(made))


def begin_update(context: Context, stack: Document, made: Document) -> None:
    """Note the update of a stack, with what a rollback returns to."""
    kept = ("Template", "Parameters", "Tags", "Capabilities", "Description", "Outputs")
    context.store.update(
        stacks.STACK,
        stack["StackId"],
        **made,
        Previous={key: stack.get(key) for key in kept},
        Journal=[],
        LastUpdatedTime=time.time(),
    )
    set_status(context, stack, "UPDATE_IN_PROGRESS", "User Initiated")


@operation(
    "DeleteStack",
    CLOUDFORMATION,
    honours=("StackName", "RetainResources"),
    keeps=("ClientRequestToken", "RoleARN"),
)
def delete_stack(context: Context, request: Request) -> Response:
    """Delete a stack with its resources, after the response; one that is not there is no error."""
    with context.store.transaction():
        alive = {one["StackName"]: one for one in stacks.living(context)}
        alive |= {one["StackId"]: one for one in alive.values()}
        stack = alive.get(request["StackName"])
        if stack is None:
            return {}
        if stack["EnableTerminationProtection"]:
            raise refused(
                f"Stack [{stack['StackName']}] cannot be deleted while TerminationProtection is "
                "enabled"
            )
        if stack["StackStatus"] == "DELETE_IN_PROGRESS":
            return {}
        if stack["StackStatus"].endswith("_IN_PROGRESS") and stack["StackStatus"] != REVIEWED:
            raise refused(
                f"Stack [{stack['StackName']}] is in {stack['StackStatus']} state: wait until it "
                "ends."
            )
        if importers := _importers(context, stack):
            raise refused(f"Export of {stack['StackName']} is in use by {', '.join(importers)}")
        kept = request.get("RetainResources", [])
        context.store.update(stacks.STACK, stack["StackId"], Retained=kept)
        set_status(context, stack, "DELETE_IN_PROGRESS", "User Initiated")
    context.stacks.begin(stack["StackId"], Change.delete)
    return {}


def _importers(context: Context, stack: Document) -> list[str]:
    exported = {one.get("ExportName") for one in stack["Outputs"]}
    return [
        one["StackName"] for one in stacks.living(context) if exported & set(one.get("Imports", []))
    ]


@operation(
    "UpdateTerminationProtection",
    CLOUDFORMATION,
    honours=("StackName", "EnableTerminationProtection"),
)
def protect(context: Context, request: Request) -> Response:
    """Protect a stack from deletion, or no longer."""
    stack = stacks.of(context, request["StackName"])
    context.store.update(
        stacks.STACK,
        stack["StackId"],
        EnableTerminationProtection=request["EnableTerminationProtection"],
    )
    return {"StackId": stack["StackId"]}
