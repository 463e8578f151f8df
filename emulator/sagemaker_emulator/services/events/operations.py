"""EventBridge: rules on the default bus, their targets, and the delivery of events to them."""

import json
import logging
import re
import sqlite3
import time
import uuid
from datetime import UTC, datetime
from typing import Any

from sagemaker_emulator.aws.dispatch import Context, operation, peer
from sagemaker_emulator.aws.pages import cut
from sagemaker_emulator.errors import ApiError
from sagemaker_emulator.services.events import patterns
from sagemaker_emulator.services.functions import operations as lambda_

_KIND = "rule"
_log = logging.getLogger("emulator.events")


@operation("PutRule", "events")
def put_rule(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Make or change a rule; its targets stay."""
    name = request["Name"]
    _default_bus(request)
    if "ScheduleExpression" in request:
        message = f"rule {name}: schedules do not fire here; give an EventPattern"
        raise ApiError("ValidationException", message)
    if "EventPattern" not in request:
        message = "Parameter(s) EventPattern or ScheduleExpression must be specified."
        raise ApiError("ValidationException", message)
    patterns.parse(request["EventPattern"])
    arn = context.arn("rule", name, "events")
    kept = {key: value for key, value in request.items() if key != "Tags"}
    rule = {"State": "ENABLED", **kept, "Arn": arn, "EventBusName": "default"}
    with context.store.transaction():
        known = context.store.get(_KIND, name) or {"Targets": []}
        context.store.put(_KIND, name, {**rule, "Targets": known["Targets"]})
    return {"RuleArn": arn}


@operation("DescribeRule", "events")
def describe_rule(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """A rule by name."""
    return _get(context, request)


@operation("ListRules", "events")
def list_rules(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Rules by the beginning of their name."""
    _default_bus(request)
    return _page(request, "Rules", context.store.list(_KIND, request.get("NamePrefix", "")))


@operation("ListRuleNamesByTarget", "events")
def list_rule_names_by_target(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """The rules that send to a target."""
    names = [
        rule["Name"]
        for rule in context.store.list(_KIND)
        if any(target["Arn"] == request["TargetArn"] for target in rule["Targets"])
    ]
    return _page(request, "RuleNames", names)


@operation("DeleteRule", "events")
def delete_rule(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Forget a rule that has no targets; one that is not there is no error."""
    rule = context.store.get(_KIND, request["Name"])
    if rule and rule["Targets"]:
        raise ApiError("ValidationException", "Rule can't be deleted since it has targets.")
    context.store.delete(_KIND, request["Name"])
    return {}


@operation("EnableRule", "events")
def enable_rule(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Let a rule send."""
    context.store.update(_KIND, _get(context, request)["Name"], State="ENABLED")
    return {}


@operation("DisableRule", "events")
def disable_rule(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Keep a rule but let it send nothing."""
    context.store.update(_KIND, _get(context, request)["Name"], State="DISABLED")
    return {}


@operation("PutTargets", "events")
def put_targets(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Add or exchange targets by their Id; one that is not run here is a failed entry."""
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
        context.store.update(_KIND, rule["Name"], Targets=list(targets.values()))
    return {"FailedEntryCount": len(failed), "FailedEntries": failed}


@operation("ListTargetsByRule", "events")
def list_targets_by_rule(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """The targets of a rule."""
    rule = _get(context, request, "Rule")
    return _page(request, "Targets", rule["Targets"])


@operation("RemoveTargets", "events")
def remove_targets(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Take targets from a rule by Id."""
    with context.store.transaction():
        rule = _get(context, request, "Rule")
        kept = [target for target in rule["Targets"] if target["Id"] not in request["Ids"]]
        context.store.update(_KIND, rule["Name"], Targets=kept)
    return {"FailedEntryCount": 0, "FailedEntries": []}


@operation("TestEventPattern", "events")
def test_event_pattern(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Whether an event would match a pattern."""
    pattern = patterns.parse(request["EventPattern"])
    return {"Result": patterns.matches(pattern, json.loads(request["Event"]))}


@operation("PutEvents", "events")
def put_events(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Send events of one's own; each is answered for itself."""
    entries: list[dict[str, Any]] = []
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
        identity = emit(context, entry["Source"], entry.get("DetailType", ""), detail, resources)
        entries.append({"EventId": identity})
    failed = sum("ErrorCode" in entry for entry in entries)
    return {"FailedEntryCount": failed, "Entries": entries}


@peer("emit")
def emit(
    context: Context, source: str, detail_type: str, detail: dict[str, Any], resources: list[str]
) -> str:
    """Put an event on the default bus and hand it to the targets of every rule that wants it.

    Returns:
        The event's id. What goes to a Lambda function is kept on disk until it was delivered.
    """
    identity = str(uuid.uuid4())
    event = {
        "version": "0",
        "id": identity,
        "detail-type": detail_type,
        "source": source,
        "account": context.account,
        "time": datetime.fromtimestamp(int(time.time()), UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "region": context.region,
        "resources": resources,
        "detail": detail,
    }
    for rule in context.store.list(_KIND):
        pattern = json.loads(rule["EventPattern"])
        if rule["State"] == "ENABLED" and _matches(rule, pattern, event):
            for target in rule["Targets"]:
                _try(context, rule, target, event)
    return identity


def _matches(rule: dict[str, Any], pattern: dict[str, Any], event: dict[str, Any]) -> bool:
    """Whether a rule wants an event; a pattern that cannot be compared wants none."""
    try:
        return patterns.matches(pattern, event)
    except Exception:  # one rule must not keep an event from the others, nor undo what it tells of
        _log.exception("rule %s: its pattern cannot be compared with events", rule["Name"])
        return False


def _try(
    context: Context, rule: dict[str, Any], target: dict[str, Any], event: dict[str, Any]
) -> None:
    """Deliver an event, or log why not: one target must not keep it from the others.

    Raises:
        sqlite3.OperationalError: The event cannot be kept, so what it tells of must not be either.
    """
    try:
        _deliver(context, rule, target, event)
    except sqlite3.OperationalError:
        raise
    except ApiError as problem:
        _log.error("rule %s: event %s was not delivered: %s", rule["Name"], event["id"], problem)
    except Exception:
        _log.exception("rule %s: event %s was not delivered", rule["Name"], event["id"])


def _deliver(
    context: Context, rule: dict[str, Any], target: dict[str, Any], event: dict[str, Any]
) -> None:
    arn = target["Arn"]
    if ":pipeline/" in arn:
        parameters = target.get("SageMakerPipelineParameters", {})
        values = parameters.get("PipelineParameterList", [])
        request = {"PipelineParameters": values} if values else {}
        token = uuid.uuid4().hex
        context.call(
            "StartPipelineExecution", PipelineName=arn, ClientRequestToken=token, **request
        )
    elif lambda_.permits(context, arn, "events.amazonaws.com", rule["Arn"]):
        lambda_.invoke_later(context, arn, _input(target, event))
    else:
        _log.error(
            "rule %s: %s does not permit events.amazonaws.com to invoke it for %s; "
            "the event was dropped as it is on AWS (lambda add-permission)",
            *(rule["Name"], arn, rule["Arn"]),
        )


def _check_input(target: dict[str, Any]) -> None:
    try:
        json.loads(target.get("Input", "null"))
    except ValueError as problem:
        message = f"JSON syntax error in input for target {target['Id']}: {problem}"
        raise ApiError("ValidationException", message) from None


def _input(target: dict[str, Any], event: dict[str, Any]) -> Any:
    """What a target is given: the event, a part of it, a constant, or a template filled from it."""
    if "Input" in target:
        return json.loads(target["Input"])
    if "InputPath" in target:
        return _at(event, target["InputPath"])
    if "InputTransformer" not in target:
        return event
    transformer = target["InputTransformer"]
    paths = transformer.get("InputPathsMap", {})
    text = transformer["InputTemplate"]
    for name, path in paths.items():
        value = json.dumps(_at(event, path))
        text = text.replace(f'"<{name}>"', value).replace(f"<{name}>", value)
    try:
        return json.loads(text)
    except ValueError:
        return text


def _at(event: Any, path: str) -> Any:
    for key in path.removeprefix("$").strip(".").split("."):
        if key:
            event = event.get(key) if isinstance(event, dict) else None
    return event


def _default_bus(request: dict[str, Any]) -> None:
    bus = request.get("EventBusName", "default")
    if bus.rpartition("/")[2] != "default":
        message = f"Event bus {bus} does not exist; the default bus is the only one here."
        raise ApiError("ResourceNotFoundException", message)


def _get(context: Context, request: dict[str, Any], key: str = "Name") -> dict[str, Any]:
    """The rule that a request names by this key."""
    _default_bus(request)
    rule = context.store.get(_KIND, request[key])
    if rule is None:
        message = f"Rule {request[key]} does not exist on EventBus default."
        raise ApiError("ResourceNotFoundException", message)
    return rule


def _page(request: dict[str, Any], member: str, items: list[Any]) -> dict[str, Any]:
    found, token = cut(items, request.get("NextToken"), request.get("Limit", 100))
    return {member: found, "NextToken": token}
