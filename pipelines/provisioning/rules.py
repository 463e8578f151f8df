"""The EventBridge rules of the template, and their permission to invoke the function."""

import json
from typing import TYPE_CHECKING, Any

from pipelines.provisioning import template
from pipelines.provisioning.item import Item, State
from pipelines.settings.model import Settings

if TYPE_CHECKING:
    import boto3

# Their logical names in the template; those that invoke the promotion function.
PROMOTING = ("ModelApproved", "EndpointRests")


def rules(session: "boto3.Session", settings: Settings) -> list[Item]:
    """Create or update the rules."""
    return [_rule(session, settings, resource) for resource in PROMOTING]


def permissions(session: "boto3.Session", settings: Settings) -> list[Item]:
    """Permit the rules to invoke the function."""
    return [
        _permission(session, settings, template.properties(resource, settings)["Name"])
        for resource in PROMOTING
    ]


def _rule(session: "boto3.Session", settings: Settings, resource: str) -> Item:
    events, described = session.client("events"), template.properties(resource, settings)
    name, targets = described["Name"], described["Targets"]
    state: State = "created"
    try:
        current = json.loads(events.describe_rule(Name=name)["EventPattern"])
        found: Any = events.list_targets_by_rule(Rule=name)["Targets"]
        if current == described["EventPattern"] and all(
            any(_is_same(one, target) for one in found) for target in targets
        ):
            return Item("EventBridge rule", name, "exists")
        state = "updated"
    except events.exceptions.ResourceNotFoundException:
        pass
    events.put_rule(
        Name=name,
        EventPattern=json.dumps(described["EventPattern"]),
        State="ENABLED",
        Description=described["Description"],
    )
    events.put_targets(Rule=name, Targets=targets)
    return Item("EventBridge rule", name, state)


def _is_same(found: dict[str, Any], target: dict[str, Any]) -> bool:
    """Whether a target is there; CloudFormation may have given it another id."""
    return all(found.get(key) == value for key, value in target.items() if key != "Id")


def _permission(session: "boto3.Session", settings: Settings, rule: str) -> Item:
    client, name = session.client("lambda"), settings.function_name
    described = f"{rule} may invoke {name}"
    source = settings.arn("events", f"rule/{rule}")
    try:
        policy = json.loads(client.get_policy(FunctionName=name)["Policy"])
        # CloudFormation gives the statement a name of its own, so its content is compared.
        if any(source in json.dumps(statement) for statement in policy["Statement"]):
            return Item("permission", described, "exists")
    except client.exceptions.ResourceNotFoundException:
        pass  # a function that nobody else may invoke has no policy
    client.add_permission(
        FunctionName=name,
        StatementId=rule,
        Action="lambda:InvokeFunction",
        Principal="events.amazonaws.com",
        SourceArn=source,
    )
    return Item("permission", described, "created")
