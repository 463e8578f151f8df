"""EventBridge: the operations on rules."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.aws.dispatch import Response, operation
from sagemaker_emulator.aws.tags import by_key, check_keys
from sagemaker_emulator.errors import invalid
from sagemaker_emulator.services.events import patterns, rule_schedule
from sagemaker_emulator.services.events.pages import page
from sagemaker_emulator.services.events.rule import (
    DEFAULT,
    RULE,
    bus_in,
    get_rule,
    key_of,
    rule_arn,
    rules_of,
    stored_key,
)
from sagemaker_emulator.storage.store import Document

if TYPE_CHECKING:
    from types_boto3_events import type_defs as types

_BY_NAME = ("Name", "EventBusName")
# It is of rules that an AWS service manages; here there are none, so that it changes nothing.
_OF_MANAGED_RULES = "Force"


@operation(
    "PutRule",
    "events",
    honours=(
        *_BY_NAME,
        *("EventPattern", "ScheduleExpression", "State", "Description", "RoleArn", "Tags"),
    ),
)
def put_rule(context: Context, request: types.PutRuleRequestTypeDef) -> Response:
    """Make or change a rule; its targets and tags stay."""
    name, bus = request["Name"], bus_in(context, request)
    if request.get("ScheduleExpression"):
        if bus != DEFAULT:
            raise invalid("ScheduleExpression is supported only on the default event bus.")
        rule_schedule.check(request["ScheduleExpression"])
    elif not request.get("EventPattern"):
        raise invalid("Parameter(s) EventPattern or ScheduleExpression must be specified.")
    if request.get("EventPattern"):
        patterns.parse(request["EventPattern"])
    tags = by_key(request.get("Tags", []))
    check_keys(tags, "ValidationException")
    if len(tags) < len(request.get("Tags", [])):
        raise invalid("Invalid parameter: Duplicated keys are not allowed.")
    arn, key = rule_arn(context, bus, name), key_of(bus, name)
    shown = ("Name", "EventPattern", "ScheduleExpression", "State", "Description", "RoleArn")
    kept: Document = {key: value for key, value in request.items() if key in shown and value}
    rule = {"State": "ENABLED", **kept, "Arn": arn, "EventBusName": bus}
    with context.store.transaction():
        earlier = context.store.get(RULE, key) or {"Targets": [], "Tags": tags}
        stay = {"Targets": earlier["Targets"], "Tags": earlier.get("Tags", {})}
        times = rule_schedule.changed(rule, time.time())
        if _when_of(earlier) == _when_of(rule) and earlier.get("Next"):
            times = {member: earlier[member] for member in ("Since", "Next")}
        context.store.put(RULE, key, rule | stay | times)
    context.clock.wake()
    return {"RuleArn": arn}


def _when_of(rule: Mapping[str, Any]) -> tuple[object, object]:
    """What decides when a rule by schedule fires."""
    return rule.get("ScheduleExpression"), rule.get("State")


@operation("DescribeRule", "events", honours=_BY_NAME)
def describe_rule(context: Context, request: types.DescribeRuleRequestTypeDef) -> Response:
    """A rule by name."""
    return get_rule(context, request) | {"CreatedBy": context.account}


@operation("ListRules", "events", honours=("NamePrefix", "EventBusName", "NextToken", "Limit"))
def list_rules(context: Context, request: types.ListRulesRequestTypeDef) -> Response:
    """Rules by the beginning of their name."""
    rules = rules_of(context, bus_in(context, request), request.get("NamePrefix", ""))
    return page("ListRules", request, "Rules", rules, "Name")


@operation("DeleteRule", "events", honours=(*_BY_NAME, _OF_MANAGED_RULES))
def delete_rule(context: Context, request: types.DeleteRuleRequestTypeDef) -> Response:
    """Forget a rule that has no targets; one that is not there is not an error."""
    with context.store.transaction():
        key = key_of(bus_in(context, request), request["Name"])
        rule = context.store.get(RULE, key)
        if rule and rule["Targets"]:
            raise invalid("Rule can't be deleted since it has targets.")
        context.store.delete(RULE, key)
    return {}


@operation("EnableRule", "events", honours=_BY_NAME)
def enable_rule(context: Context, request: types.EnableRuleRequestTypeDef) -> Response:
    """Let a rule deliver events."""
    with context.store.transaction():
        rule = get_rule(context, request)
        if rule["State"] == "DISABLED":
            times = rule_schedule.changed(rule, time.time())
            context.store.update(RULE, stored_key(rule), State="ENABLED", **times)
    context.clock.wake()
    return {}


@operation("DisableRule", "events", honours=_BY_NAME)
def disable_rule(context: Context, request: types.DisableRuleRequestTypeDef) -> Response:
    """Keep a rule, but let it deliver nothing."""
    with context.store.transaction():
        context.store.update(RULE, stored_key(get_rule(context, request)), State="DISABLED")
    return {}
