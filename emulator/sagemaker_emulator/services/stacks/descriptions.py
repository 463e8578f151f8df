"""CloudFormation: the operations that read stacks and templates."""

from __future__ import annotations

from sagemaker_emulator.aws import pages
from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.aws.dispatch import Response, operation
from sagemaker_emulator.services.stacks import stack as stacks
from sagemaker_emulator.services.stacks import template as templates
from sagemaker_emulator.services.stacks.operations import (
    CLOUDFORMATION,
    TEMPLATE,
    Request,
    template_of,
)
from sagemaker_emulator.services.stacks.template import refused
from sagemaker_emulator.storage.store import Document

_PAGE = 100


@operation("DescribeStacks", CLOUDFORMATION, honours=("StackName", "NextToken"))
def describe_stacks(context: Context, request: Request) -> Response:
    """One stack, or all that are not deleted."""
    if "StackName" in request:
        return {"Stacks": [shown(stacks.of(context, request["StackName"]))]}
    alive = [shown(one) for one in reversed(stacks.living(context))]
    return _page("DescribeStacks", request, "Stacks", alive)


def shown(stack: Document) -> Document:
    """A stack as DescribeStacks shows it."""
    parameters = [
        {"ParameterKey": key, "ParameterValue": value}
        for key, value in _all_parameters(stack).items()
    ]
    reason = stack.get("StackStatusReason") or None
    return {**stack, "Parameters": parameters, "StackStatusReason": reason}


def _all_parameters(stack: Document) -> dict[str, str]:
    template = templates.parse(stack["Template"])
    declared = template.get("Parameters") or {}
    given = stack["Parameters"]
    return {
        name: "****" if about.get("NoEcho") else str(given.get(name, about.get("Default", "")))
        for name, about in declared.items()
    }


def _page(name: str, request: Request, member: str, items: list[Document]) -> Response:
    scope = pages.scope_of(name, request)
    listed, token = pages.cut(items, request.get("NextToken"), _PAGE, scope=scope)
    return {member: listed, "NextToken": token}


@operation("ListStacks", CLOUDFORMATION, honours=("StackStatusFilter", "NextToken"))
def list_stacks(context: Context, request: Request) -> Response:
    """All stacks, also deleted ones, the latest first."""
    wanted = request.get("StackStatusFilter")
    found = [
        {**one, "TemplateDescription": one.get("Description")}
        for one in reversed(context.store.list(stacks.STACK))
        if not wanted or one["StackStatus"] in wanted
    ]
    return _page("ListStacks", request, "StackSummaries", found)


@operation("DescribeStackEvents", CLOUDFORMATION, honours=("StackName", "NextToken"))
def describe_events(context: Context, request: Request) -> Response:
    """What happened to a stack and its resources, the latest first."""
    stack = stacks.of(context, request["StackName"])
    events = context.store.list(stacks.EVENT, f"{stack['StackId']} ")
    return _page("DescribeStackEvents", request, "StackEvents", events[::-1])


def _resources(stack: Document) -> list[Document]:
    return [
        {
            "StackId": stack["StackId"],
            "StackName": stack["StackName"],
            "LogicalResourceId": name,
            "PhysicalResourceId": one["Id"],
            "ResourceType": one["Type"],
            "ResourceStatus": one.get("Status", "CREATE_COMPLETE"),
            "ResourceStatusReason": one.get("Reason") or None,
            "Timestamp": one.get("Time", stack["CreationTime"]),
            "LastUpdatedTimestamp": one.get("Time", stack["CreationTime"]),
        }
        for name, one in stack["Resources"].items()
    ]


@operation("DescribeStackResources", CLOUDFORMATION, honours=("StackName", "LogicalResourceId"))
def describe_resources(context: Context, request: Request) -> Response:
    """The resources of a stack, or the one of a name."""
    found = _resources(stacks.of(context, request.get("StackName", "")))
    wanted = request.get("LogicalResourceId")
    return {"StackResources": [one for one in found if wanted in (None, one["LogicalResourceId"])]}


@operation("ListStackResources", CLOUDFORMATION, honours=("StackName", "NextToken"))
def list_resources(context: Context, request: Request) -> Response:
    """The resources of a stack."""
    found = _resources(stacks.of(context, request["StackName"]))
    return _page("ListStackResources", request, "StackResourceSummaries", found)


@operation("DescribeStackResource", CLOUDFORMATION, honours=("StackName", "LogicalResourceId"))
def describe_resource(context: Context, request: Request) -> Response:
    """One resource of a stack."""
    stack, name = stacks.of(context, request["StackName"]), request["LogicalResourceId"]
    for one in _resources(stack):
        if one["LogicalResourceId"] == name:
            return {"StackResourceDetail": one}
    raise refused(f"Resource {name} does not exist for stack {stack['StackName']}")


@operation("GetTemplate", CLOUDFORMATION, honours=("StackName", "TemplateStage"))
def get_template(context: Context, request: Request) -> Response:
    """A stack's template, as it came."""
    text = stacks.of(context, request["StackName"])["Template"]
    return {"TemplateBody": text, "StagesAvailable": ["Original", "Processed"]}


def _summary(context: Context, request: Request) -> Document:
    text = template_of(request)
    if not text and "StackName" in request:
        text = stacks.of(context, request["StackName"])["Template"]
    template = templates.parse(text)
    needed = templates.capabilities(template)
    return {
        "Parameters": [
            {
                "ParameterKey": name,
                "ParameterType": about.get("Type"),
                "DefaultValue": str(about["Default"]) if "Default" in about else None,
                "NoEcho": bool(about.get("NoEcho")),
                "Description": about.get("Description"),
                "ParameterConstraints": {"AllowedValues": about.get("AllowedValues", [])},
            }
            for name, about in (template.get("Parameters") or {}).items()
        ],
        "Description": template.get("Description"),
        "Capabilities": needed,
        "CapabilitiesReason": "The template makes identities of IAM." if needed else None,
        "ResourceTypes": sorted({one["Type"] for one in template["Resources"].values()}),
        "Version": template.get("AWSTemplateFormatVersion"),
    }


@operation("GetTemplateSummary", CLOUDFORMATION, honours=(*TEMPLATE, "StackName"))
def get_template_summary(context: Context, request: Request) -> Response:
    """What a template declares."""
    return _summary(context, request)


@operation("ValidateTemplate", CLOUDFORMATION, honours=TEMPLATE)
def validate_template(context: Context, request: Request) -> Response:
    """Whether a template has the form of one, and what it declares."""
    return _summary(context, request)


@operation("ListExports", CLOUDFORMATION, honours=("NextToken",))
def list_exports(context: Context, request: Request) -> Response:
    """What stacks export."""
    found = [
        {
            "ExportingStackId": stack["StackId"],
            "Name": output["ExportName"],
            "Value": output["OutputValue"],
        }
        for stack in stacks.living(context)
        for output in stack["Outputs"]
        if "ExportName" in output
    ]
    return _page("ListExports", request, "Exports", found)
