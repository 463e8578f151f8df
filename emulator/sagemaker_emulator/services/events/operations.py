"""EventBridge: the operations on rules of the default bus and on their targets."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.aws.dispatch import Response, operation
from sagemaker_emulator.aws.pages import cut
from sagemaker_emulator.errors import ApiError
from sagemaker_emulator.services.events import patterns
from sagemaker_emulator.services.events.bus import RULE
from sagemaker_emulator.storage.store import Document

if TYPE_CHECKING:
    from types_boto3_events import type_defs as types


@operation("PutRule", "events")
def put_rule(context: Context, request: types.PutRuleRequestTypeDef) -> Response:
    """Make or change a rule; its targets stay."""
    name = request["Name"]
    _default_bus(request)
    if "ScheduleExpression" in request:
        message = f"rule {name}: schedules do not fire here; use an EventPattern"
        raise ApiError("ValidationException", message)
    if "EventPattern" not in request:
        message = "Parameter(s) EventPattern or ScheduleExpression must be specified."
        raise ApiError("ValidationException", message)
    patterns.parse(request["EventPattern"])
    arn = context.arn("rule", name, "events")
    kept = {key: value for key, value in request.items() if key != "Tags"}
    rule = {"State": "ENABLED", **kept, "Arn": arn, "EventBusName": "default"}
    with context.store.transaction():
        earlier = context.store.get(RULE, name) or {"Targets": []}
        context.store.put(RULE, name, {**rule, "Targets": earlier["Targets"]})
    return {"RuleArn": arn}


@operation("DescribeRule", "events")
def describe_rule(context: Context, request: types.DescribeRuleRequestTypeDef) -> Response:
    """A rule by name."""
    return _get(context, request)


@operation("ListRules", "events")
def list_rules(context: Context, request: types.ListRulesRequestTypeDef) -> Response:
    """Rules by the beginning of their name."""
    _default_bus(request)
    return _page(request, "Rules", context.store.list(RULE, request.get("NamePrefix", "")))


@operation("ListRuleNamesByTarget", "events")
def list_names_by_target(
    context: Context, request: types.ListRuleNamesByTargetRequestTypeDef
) -> Response:
    """The rules that send to a target."""
    names = [
        rule["Name"]
        for rule in context.store.list(RULE)
        if any(target["Arn"] == request["TargetArn"] for target in rule["Targets"])
    ]
    return _page(request, "RuleNames", names)


@operation("DeleteRule", "events")
def delete_rule(context: Context, request: types.DeleteRuleRequestTypeDef) -> Response:
    """Forget a rule that has no targets; one that is not there is not an error."""
    rule = context.store.get(RULE, request["Name"])
    if rule and rule["Targets"]:
        raise ApiError("ValidationException", "Rule can't be deleted since it has targets.")
    context.store.delete(RULE, request["Name"])
    return {}


@operation("EnableRule", "events")
def enable_rule(context: Context, request: types.EnableRuleRequestTypeDef) -> Response:
    """Let a rule deliver events."""
    context.store.update(RULE, _get(context, request)["Name"], State="ENABLED")
    return {}


@operation("DisableRule", "events")
def disable_rule(context: Context, request: types.DisableRuleRequestTypeDef) -> Response:
    """Keep a rule, but let it deliver nothing."""
    context.store.update(RULE, _get(context, request)["Name"], State="DISABLED")
    return {}


@operation("PutTargets", "events")
def put_targets(context: Context, request: types.PutTargetsRequestTypeDef) -> Response:
    """Add or replace targets by their Id; one that is not run here is a failed entry."""
    failed = []
    with context.store.transaction():
        rule = _get(context, request, "Rule")
        targets = {target["Id"]: target for target in rule["Targets"]}
        for target in request["Targets"]:
            if re.match(r"arn:aws:(lambda:.*:function:|sagemaker:.*:pipeline/)", target["Arn"]):
                _check_input(target)
                targets[target["Id"]] = target
            else:
                message = f"{target['Arn']}: only Lambda functions and pipelines are run here"
                entry = {"TargetId": target["Id"], "ErrorCode": "UnsupportedTarget"}
                failed.append({**entry, "ErrorMessage": message})
        context.store.update(RULE, rule["Name"], Targets=list(targets.values()))
    return {"FailedEntryCount": len(failed), "FailedEntries": failed}


@operation("ListTargetsByRule", "events")
def list_targets(context: Context, request: types.ListTargetsByRuleRequestTypeDef) -> Response:
    """The targets of a rule."""
    rule = _get(context, request, "Rule")
    return _page(request, "Targets", rule["Targets"])


@operation("RemoveTargets", "events")
def remove_targets(context: Context, request: types.RemoveTargetsRequestTypeDef) -> Response:
    """Remove targets from a rule by Id."""
    with context.store.transaction():
        rule = _get(context, request, "Rule")
        kept = [target for target in rule["Targets"] if target["Id"] not in request["Ids"]]
        context.store.update(RULE, rule["Name"], Targets=kept)
    return {"FailedEntryCount": 0, "FailedEntries": []}


@operation("TestEventPattern", "events")
def test_event_pattern(context: Context, request: types.TestEventPatternRequestTypeDef) -> Response:
    """Whether an event would match a pattern."""
    pattern = patterns.parse(request["EventPattern"])
    return {"Result": patterns.matches(pattern, json.loads(request["Event"]))}


@operation("PutEvents", "events")
def put_events(context: Context, request: types.PutEventsRequestTypeDef) -> Response:
    """Send custom events; each has a result of its own."""
    entries: list[types.PutEventsResultEntryTypeDef] = []
    for entry in request["Entries"]:
        try:
            _default_bus(entry)
            detail = json.loads(entry.get("Detail", "null"))
            if not isinstance(detail, dict) or not entry.get("Source"):
                raise ValueError("Source and a Detail that is a JSON object are needed")
        except (ValueError, ApiError) as problem:
            code = "MalformedDetail" if isinstance(problem, ValueError) else problem.code
            entries.append({"ErrorCode": code, "ErrorMessage": str(problem)})
            continue
        resources = entry.get("Resources", [])
        detail_type, source = entry.get("DetailType", ""), entry["Source"]
        identity = context.events.emit(detail_type, detail, resources, source)
        entries.append({"EventId": identity})
    failed = sum("ErrorCode" in entry for entry in entries)
    return {"FailedEntryCount": failed, "Entries": entries}


def _check_input(target: types.TargetUnionTypeDef) -> None:
    try:
        json.loads(target.get("Input", "null"))
    except ValueError as problem:
        message = f"JSON syntax error in input for target {target['Id']}: {problem}"
        raise ApiError("ValidationException", message) from None


def _default_bus(request: Mapping[str, Any]) -> None:
    bus = request.get("EventBusName", "default")
    if bus.rpartition("/")[2] != "default":
        message = f"Event bus {bus} does not exist; the default bus is the only one here."
        raise ApiError("ResourceNotFoundException", message)


def _get(context: Context, request: Mapping[str, Any], key: str = "Name") -> Document:
    """The rule that a request names by this key."""
    _default_bus(request)
    rule = context.store.get(RULE, request[key])
    if rule is None:
        message = f"Rule {request[key]} does not exist on EventBus default."
        raise ApiError("ResourceNotFoundException", message)
    return rule


def _page(request: Mapping[str, Any], member: str, items: Sequence[object]) -> Response:
    page, token = cut(items, request.get("NextToken"), request.get("Limit", 100))
    return {member: page, "NextToken": token}
