"""What a rule did: the events that it matched and their deliveries, from the bus's log."""

import contextlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request

from sagemaker_emulator.console import invocations, log_view
from sagemaker_emulator.console.invocations import Invocation
from sagemaker_emulator.console.pages import call, context_of, pretty_json, url
from sagemaker_emulator.errors import ApiError
from sagemaker_emulator.services.events.event_log import GROUP
from sagemaker_emulator.services.logs.log_files import group_folder, stream_files, stream_name

_MOST_LINES = 400
SHOWN = 100
_ENDS = ("INVOCATION_SUCCESS", "INVOCATION_FAILURE", "INVOCATION_DLQ")


@dataclass
class Delivery:
    """The delivery of an event to one target.

    Attributes:
        target: The target's name.
        address: Of its page.
        is_done: Whether the target has accepted the event.
        error: Why it has not.
        letter: Whether a dead letter was sent.
        attempts: How often it was tried to hand it over.
        is_pending: Whether it is still tried.
        execution: The page of the execution that the event started.
        tries: What the function did with it, the last try first.
    """

    target: str
    address: str
    is_done: bool
    error: str = ""
    letter: bool = False
    attempts: int = 1
    is_pending: bool = False
    execution: str = ""
    tries: list[Invocation] = field(default_factory=list)


@dataclass
class Match:
    """An event that the rule matched.

    Attributes:
        id: The event's.
        when: Seconds since the epoch.
        source: Who sent it.
        detail_type: What happened.
        detail: About it, as JSON; empty if it was too long for the log.
        deliveries: By the id of their invocation.
    """

    id: str
    when: float
    source: str = ""
    detail_type: str = ""
    detail: str = ""
    deliveries: dict[str, Delivery] = field(default_factory=dict)


def latest(request: Request, rule: str) -> list[Match]:
    """The latest matches of a rule, the last one first."""
    events, _ = log_view.tail(request, GROUP, f"{rule}/", limit=_MOST_LINES)
    matches = _matches(events)[-SHOWN:][::-1]
    targets = call(request, "ListTargetsByRule", "events", Rule=rule)["Targets"]
    by_id: dict[str, list[Invocation]] = {}
    for arn in {each["Arn"] for each in targets if ":function:" in each["Arn"]}:
        for each in _invocations(request, arn):
            by_id.setdefault(each.request_id, []).append(each)
    for match in matches:
        for identity, delivery in match.deliveries.items():
            delivery.tries = by_id.get(identity, [])
    return matches


def changes(request: Request, rule: str) -> tuple[int, float]:
    """Something that differs when the rule matched an event, or a function may have ended."""
    context = context_of(request)
    size = 0
    for path in stream_files(group_folder(context.state / "logs", GROUP)):
        if stream_name(path).startswith(f"{rule}/"):
            size += path.stat().st_size
    return size, context.store.version


def rules_of(request: Request, event: str) -> list[str]:
    """The names of the rules that an event matched."""
    try:
        found = call(
            request, "FilterLogEvents", "logs", logGroupName=GROUP, filterPattern=f'"{event}"'
        )
    except ApiError as problem:  # nothing was matched, ever
        if problem.code != "ResourceNotFoundException":
            raise
        return []
    names = (each["logStreamName"].rpartition("/")[0] for each in found["events"])
    return sorted(set(names))


def _invocations(request: Request, arn: str) -> list[Invocation]:
    try:
        about = call(request, "GetFunctionConfiguration", "lambda", FunctionName=arn)
    except ApiError:  # it was deleted
        return []
    return invocations.recent(request, about["LoggingConfig"]["LogGroup"])


def _matches(events: Iterable[Mapping[str, Any]]) -> list[Match]:
    """The events in the records of a rule's log, in order."""
    found: dict[str, Match] = {}
    for event in events:
        # A client may have written anything to the log.
        with contextlib.suppress(ValueError, KeyError, TypeError, AttributeError):
            record = json.loads(event["message"])
            identity, step, details = record["event_id"], record["message_type"], record["details"]
            match = found.setdefault(identity, Match(identity, event["timestamp"] / 1000))
            if step == "RULE_MATCH_START":
                match.source, match.detail_type = details["source"], details["detail_type"]
                if "event_detail" in details:
                    match.detail = pretty_json(json.loads(details["event_detail"]))
            elif step == "RULE_MATCH":
                for arn, invocation in zip(
                    details["target_arns"], details["invocation_ids"], strict=True
                ):
                    pending = Delivery(*target_of(arn), is_done=False, is_pending=True)
                    match.deliveries.setdefault(invocation, pending)
            elif step in _ENDS:
                _add(match, step, record, details)
    return list(found.values())


def _add(match: Match, step: str, record: Mapping[str, Any], details: Mapping[str, Any]) -> None:
    identity = record.get("invocation_id", "")
    if step == "INVOCATION_DLQ":
        if identity in match.deliveries:
            match.deliveries[identity].letter = True
        return
    name, address = target_of(details["target_arn"])
    delivery = Delivery(name, address, step == "INVOCATION_SUCCESS")
    delivery.attempts = details.get("total_attempts", 1)
    delivery.error = record.get("error", {}).get("error_message", "")
    response = json.loads(details.get("target_response_body") or "{}")
    if execution := response.get("PipelineExecutionArn"):
        delivery.execution = url("executions", execution.rpartition("/")[2])
    match.deliveries[identity] = delivery


def target_of(arn: str) -> tuple[str, str]:
    """The name of a target, and the address of its page; empty where it has none."""
    if ":function:" in arn:
        name = arn.partition(":function:")[2]
        return name, url("functions", name.partition(":")[0])
    if ":log-group:" in arn:
        name = arn.partition(":log-group:")[2].partition(":")[0]
        return name, url("logs", group=name)
    if ":pipeline/" not in arn:
        return arn.rpartition(":")[2], ""
    name = arn.rpartition("/")[2]
    return name, url("pipelines", name)
