"""EventBridge: the operations on rules of the default bus and on their targets."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sagemaker_emulator.aws import json_text
from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.aws.dispatch import Response, operation
from sagemaker_emulator.aws.pages import cut, scope_of
from sagemaker_emulator.aws.tags import by_key, check_keys
from sagemaker_emulator.errors import ApiError, invalid
from sagemaker_emulator.services.events import inputs, patterns, rule_schedule
from sagemaker_emulator.services.events.bus import RULE
from sagemaker_emulator.services.targets import kind_of
from sagemaker_emulator.storage.store import Document

if TYPE_CHECKING:
    from types_boto3_events import type_defs as types

_MAX_TARGETS = 5  # of a rule
_MAX_ENTRIES = 262_144  # bytes of all events of a request
_ARN = re.compile(r"arn:aws[a-z-]*:[a-z0-9-]+:[a-z0-9-]*:(\d{12})?:.+")
_KINDS = ("lambda", "pipeline", "sqs", "sns", "logs")
_BY_NAME = ("Name", "EventBusName")
# It is of rules that an AWS service manages; here there are none, so that it changes nothing.
_OF_MANAGED_RULES = "Force"
_LATEST_TIME = 253_402_300_799  # the last second of the year 9999
# Of an event to test, https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_TestEventPattern.html
_OF_EVENT = {"id", "account", "source", "time", "region", "detail-type"}


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
    name = request["Name"]
    _default_bus(request)
    if request.get("ScheduleExpression"):
        rule_schedule.check(request["ScheduleExpression"])
    elif not request.get("EventPattern"):
        raise invalid("Parameter(s) EventPattern or ScheduleExpression must be specified.")
    if request.get("EventPattern"):
        patterns.parse(request["EventPattern"])
    tags = by_key(request.get("Tags", []))
    check_keys(tags, "ValidationException")
    if len(tags) < len(request.get("Tags", [])):
        raise invalid("Invalid parameter: Duplicated keys are not allowed.")
    arn = context.arn("rule", name, "events")
    shown = ("Name", "EventPattern", "ScheduleExpression", "State", "Description", "RoleArn")
    kept: Document = {key: value for key, value in request.items() if key in shown and value}
    rule = {"State": "ENABLED", **kept, "Arn": arn, "EventBusName": "default"}
    with context.store.transaction():
        earlier = context.store.get(RULE, name) or {"Targets": [], "Tags": tags}
        stay = {"Targets": earlier["Targets"], "Tags": earlier.get("Tags", {})}
        times = rule_schedule.changed(rule, time.time())
        if _when_of(earlier) == _when_of(rule) and earlier.get("Next"):
            times = {member: earlier[member] for member in ("Since", "Next")}
        context.store.put(RULE, name, rule | stay | times)
    context.clock.wake()
    return {"RuleArn": arn}


def _when_of(rule: Mapping[str, Any]) -> tuple[object, object]:
    """What decides when a rule by schedule fires."""
    return rule.get("ScheduleExpression"), rule.get("State")


@operation("DescribeRule", "events", honours=_BY_NAME)
def describe_rule(context: Context, request: types.DescribeRuleRequestTypeDef) -> Response:
    """A rule by name."""
    return _get(context, request)


@operation("ListRules", "events", honours=("NamePrefix", "EventBusName", "NextToken", "Limit"))
def list_rules(context: Context, request: types.ListRulesRequestTypeDef) -> Response:
    """Rules by the beginning of their name."""
    _default_bus(request)
    rules = context.store.list(RULE, request.get("NamePrefix", ""))
    return _page("ListRules", request, "Rules", rules, "Name")


@operation(
    "ListRuleNamesByTarget", "events", honours=("TargetArn", "EventBusName", "NextToken", "Limit")
)
def list_names_by_target(
    context: Context, request: types.ListRuleNamesByTargetRequestTypeDef
) -> Response:
    """The rules that send to a target."""
    _default_bus(request)
    rules = [
        rule
        for rule in context.store.list(RULE)
        if any(target["Arn"] == request["TargetArn"] for target in rule["Targets"])
    ]
    listed = _page("ListRuleNamesByTarget", request, "RuleNames", rules, "Name")
    return {**listed, "RuleNames": [rule["Name"] for rule in listed["RuleNames"]]}


@operation("DeleteRule", "events", honours=(*_BY_NAME, _OF_MANAGED_RULES))
def delete_rule(context: Context, request: types.DeleteRuleRequestTypeDef) -> Response:
    """Forget a rule that has no targets; one that is not there is not an error."""
    _default_bus(request)
    with context.store.transaction():
        rule = context.store.get(RULE, request["Name"])
        if rule and rule["Targets"]:
            raise invalid("Rule can't be deleted since it has targets.")
        context.store.delete(RULE, request["Name"])
    return {}


@operation("EnableRule", "events", honours=_BY_NAME)
def enable_rule(context: Context, request: types.EnableRuleRequestTypeDef) -> Response:
    """Let a rule deliver events."""
    with context.store.transaction():
        rule = _get(context, request)
        if rule["State"] == "DISABLED":
            times = rule_schedule.changed(rule, time.time())
            context.store.update(RULE, rule["Name"], State="ENABLED", **times)
    context.clock.wake()
    return {}


@operation("DisableRule", "events", honours=_BY_NAME)
def disable_rule(context: Context, request: types.DisableRuleRequestTypeDef) -> Response:
    """Keep a rule, but let it deliver nothing."""
    with context.store.transaction():
        context.store.update(RULE, _get(context, request)["Name"], State="DISABLED")
    return {}


@operation(
    "PutTargets",
    "events",
    honours=(
        *("Rule", "EventBusName", "Targets.Id", "Targets.Arn", "Targets.Input"),
        *("Targets.InputPath", "Targets.InputTransformer", "Targets.DeadLetterConfig"),
        *("Targets.SageMakerPipelineParameters", "Targets.RoleArn", "Targets.RetryPolicy"),
        "Targets.SqsParameters",
    ),
)
def put_targets(context: Context, request: types.PutTargetsRequestTypeDef) -> Response:
    """Add or replace targets by their Id; one that is not run here is a failed entry."""
    for target in request["Targets"]:
        _check_target(target)
    failed = []
    with context.store.transaction():
        rule = _get(context, request, "Rule")
        targets = {target["Id"]: target for target in rule["Targets"]}
        for target in request["Targets"]:
            if kind_of(target["Arn"]) in _KINDS:
                targets[target["Id"]] = target
            else:
                message = (
                    f"{target['Arn']}: only Lambda functions, pipelines, SQS queues, SNS topics "
                    "and CloudWatch log groups are run here"
                )
                entry = {"TargetId": target["Id"], "ErrorCode": "UnsupportedTarget"}
                failed.append({**entry, "ErrorMessage": message})
        if len(targets) > _MAX_TARGETS:
            message = "The requested resource exceeds the maximum number allowed."
            raise ApiError("LimitExceededException", message)
        context.store.update(RULE, rule["Name"], Targets=list(targets.values()))
    return {"FailedEntryCount": len(failed), "FailedEntries": failed}


@operation("ListTargetsByRule", "events", honours=("Rule", "EventBusName", "NextToken", "Limit"))
def list_targets(context: Context, request: types.ListTargetsByRuleRequestTypeDef) -> Response:
    """The targets of a rule, by Id."""
    targets = _get(context, request, "Rule")["Targets"]
    return _page("ListTargetsByRule", request, "Targets", targets, "Id")


@operation("RemoveTargets", "events", honours=("Rule", "EventBusName", "Ids", _OF_MANAGED_RULES))
def remove_targets(context: Context, request: types.RemoveTargetsRequestTypeDef) -> Response:
    """Remove targets from a rule by Id; one that it does not have is a failed entry."""
    with context.store.transaction():
        rule = _get(context, request, "Rule")
        missing = set(request["Ids"]) - {target["Id"] for target in rule["Targets"]}
        kept = [target for target in rule["Targets"] if target["Id"] not in request["Ids"]]
        context.store.update(RULE, rule["Name"], Targets=kept)
    failed = [
        {
            "TargetId": identity,
            "ErrorCode": "ResourceNotFoundException",
            "ErrorMessage": f"Rule '{rule['Name']}' does not have a target with the Id "
            f"'{identity}'.",
        }
        for identity in sorted(missing)
    ]
    return {"FailedEntryCount": len(failed), "FailedEntries": failed}


@operation("TestEventPattern", "events", honours=("EventPattern", "Event"))
def test_event_pattern(context: Context, request: types.TestEventPatternRequestTypeDef) -> Response:
    """Whether an event would match a pattern."""
    pattern = patterns.parse(request["EventPattern"])
    try:
        event = json_text.loads(request["Event"])
    except ValueError:
        event = None
    if not isinstance(event, dict) or not event.keys() >= _OF_EVENT:
        raise invalid("Parameter Event is not valid.")
    return {"Result": patterns.matches(pattern, event)}


@operation(
    "PutEvents",
    "events",
    honours=(
        *("Entries.Time", "Entries.Source", "Entries.Resources", "Entries.DetailType"),
        *("Entries.Detail", "Entries.EventBusName"),
    ),
)
def put_events(context: Context, request: types.PutEventsRequestTypeDef) -> Response:
    """Send custom events; each has a result of its own."""
    if sum(map(_size, request["Entries"])) > _MAX_ENTRIES:
        raise invalid("Total size of the entries in the request is over the limit.")
    entries: list[types.PutEventsResultEntryTypeDef] = []
    for entry in request["Entries"]:
        try:
            detail = _detail(entry)
        except ApiError as problem:
            entries.append({"ErrorCode": problem.code, "ErrorMessage": problem.message})
            continue
        identity = context.events.emit(
            entry["DetailType"],
            detail,
            entry.get("Resources", []),
            entry["Source"],
            entry.get("Time"),  # type: ignore[arg-type]  # seconds since the epoch by now
        )
        entries.append({"EventId": identity})
    failed = sum("ErrorCode" in entry for entry in entries)
    return {"FailedEntryCount": failed, "Entries": entries}


def _detail(entry: types.PutEventsRequestEntryTypeDef) -> dict[str, Any]:
    """The detail of an event to send.

    Raises:
        ApiError: The error of its entry.
    """
    members: Mapping[str, Any] = entry
    for member in ("Source", "DetailType", "Detail"):
        if not members.get(member):
            reason = f"Reason: {member} is a required argument."
            raise ApiError("InvalidArgument", f"Parameter {member} is not valid. {reason}")
    if not 0 <= members.get("Time", 0) <= _LATEST_TIME:
        raise ApiError("InvalidArgument", "Parameter Time is not valid.")
    _default_bus(entry)
    if entry["Source"].startswith("aws."):
        message = "Not authorized for the source."
        raise ApiError("NotAuthorizedForSourceException", message)
    try:
        detail = json_text.loads(entry["Detail"])
    except ValueError:
        detail = None
    if not isinstance(detail, dict):
        raise ApiError("MalformedDetail", "Detail is malformed.")
    return detail


def _size(entry: types.PutEventsRequestEntryTypeDef) -> int:
    """As AWS counts it: a Time has 14 bytes, all else its text."""
    texts = (entry.get(member, "") for member in ("Source", "DetailType", "Detail"))
    return 14 * ("Time" in entry) + sum(
        len(str(text).encode(errors="replace")) for text in (*texts, *entry.get("Resources", []))
    )


def _check_target(target: types.TargetUnionTypeDef) -> None:
    """Refuse a target that EventBridge refuses.

    Raises:
        ApiError: `ValidationException`.
    """
    queue = target.get("DeadLetterConfig", {}).get("Arn")
    for arn in (target["Arn"], *([queue] if queue else [])):
        if not _ARN.fullmatch(arn):
            reason = "Reason: Provided Arn is not in correct format."
            raise invalid(f"Parameter {arn} is not valid. {reason}")
    if "SqsParameters" in target and kind_of(target["Arn"]) != "sqs":
        raise invalid(f"Parameter SqsParameters is not for the target {target['Arn']}.")
    if queue and not re.match(r"arn:aws:sqs:", queue):
        raise invalid(f"Parameter {queue} is not valid. Reason: a dead letter needs an SQS queue.")
    inputs.check(target)


def _default_bus(request: Mapping[str, Any]) -> None:
    bus = request.get("EventBusName") or "default"
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


def _page(
    name: str, request: Mapping[str, Any], member: str, items: Sequence[Document], key: str
) -> dict[str, Any]:
    page, token = cut(
        sorted(items, key=lambda item: str(item[key])),
        request.get("NextToken"),
        request.get("Limit", 100),
        scope=scope_of(name, request),
        place=lambda item: (None, str(item[key])),
    )
    return {member: page, "NextToken": token}
