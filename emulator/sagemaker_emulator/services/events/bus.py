"""The event buses: delivery of events to the targets of rules."""

import json
import logging
import sqlite3
import time
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.errors import ApiError
from sagemaker_emulator.services import targets
from sagemaker_emulator.services.deliveries import Ended, is_passing
from sagemaker_emulator.services.events import archives, inputs, patterns, rule_schedule
from sagemaker_emulator.services.events.event_log import Delivery, EventLog, RuleMatch
from sagemaker_emulator.services.events.rule import (
    DEFAULT,
    RULE,
    bus_in,
    rules_of,
    stored_key,
)
from sagemaker_emulator.storage.store import Document

# EventBridge's own, where a target sets nothing: 24 hours and 185 retries.
_DEFAULT_AGE, _DEFAULT_RETRIES = 86_400, 185
# Handed over while the event is accepted, as that is a write: others wait for moto.
_AT_ONCE = ("lambda", "pipeline", "events")
_log = logging.getLogger("emulator.events")


class EventBus:
    """EventBridge's buses."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._event_log = EventLog(context)
        context.deliveries.reports["rule"] = self._ended
        context.clock.sources.append(self.fire)

    def emit(
        self,
        detail_type: str,
        detail: Mapping[str, object],
        resources: Sequence[str],
        source: str = "aws.sagemaker",
        when: float | None = None,
        bus: str = DEFAULT,
    ) -> str:
        """Deliver an event to the targets of every rule that matches it, and return its id.

        An event for a target is kept on disk until it is delivered. What rules matched is in the
        bus's log.

        Raises:
            sqlite3.OperationalError: The event cannot be kept; undo what it reports.
        """
        begin = time.time()
        event = self._event(detail_type, detail, resources, source, begin if when is None else when)
        self._send(event, bus, begin)
        return str(event["id"])

    def replay(self, event: Document, bus: str, rules: Sequence[str] | None) -> None:
        """Deliver an event of an archive again, to all rules of a bus or to some by their ARNs."""
        self._send(event, bus, time.time(), rules=rules)

    def _send(
        self,
        event: Document,
        bus: str,
        begin: float,
        hops: int = 0,
        rules: Sequence[str] | None = None,
    ) -> None:
        """Deliver an event to the targets of the rules of a bus that match it.

        Args:
            event: as targets receive it.
            bus: its name.
            begin: when it was sent, in seconds since the epoch.
            hops: how many buses it has come through.
            rules: the ARNs of those that may get it; None or empty: all.
        """
        matching = [
            rule
            for rule in rules_of(self._context, bus)
            if rule["State"] != "DISABLED"
            and (not rules or rule["Arn"] in rules)
            and _matches(rule, event)
        ]
        if "replay-name" not in event:
            archives.keep(self._context, bus, event)
        self._deliver(event, matching, begin, hops)

    def _forward(self, event: Document, arn: str, begin: float, hops: int) -> str:
        """Send an event on to another bus, as it is, and return EventBridge's response.

        Raises:
            ApiError: There is no such bus, or the event has come through another bus already.
        """
        if hops:
            raise ApiError(
                "ValidationException",
                f"{arn}: EventBridge sends no event to a third bus; add a rule of the first one",
            )
        self._send(event, bus_in(self._context, {"EventBusName": arn}), begin, hops + 1)
        return json.dumps({"FailedEntryCount": 0, "Entries": [{"EventId": event["id"]}]})

    def fire(self, now: float) -> float | None:
        """Send the targets of rules by schedule what is due, and return when something is next."""
        times = []
        for rule in self._context.store.list(RULE):
            following = rule.get("Next")
            if following is not None and following <= now and rule["State"] != "DISABLED":
                following = self._fire(stored_key(rule), now)
            if following is not None and rule["State"] != "DISABLED":
                times.append(following)
        return min(times, default=None)

    def _fire(self, key: str, now: float) -> float | None:
        """Fire a rule's time in one step with the setting of its next, and return that."""
        store = self._context.store
        with store.transaction():
            rule = store.get(RULE, key)
            if rule is None or rule.get("Next") is None or rule["Next"] > now:
                return None if rule is None else rule.get("Next")  # changed meanwhile
            last = rule_schedule.last_due(rule, now)
            following = rule_schedule.following(rule, last)
            store.update(RULE, key, Next=following)
            event = self._event("Scheduled Event", {}, [rule["Arn"]], "aws.events", last)
            self._deliver(event, [rule], time.time())
        return following

    def _event(
        self,
        detail_type: str,
        detail: Mapping[str, object],
        resources: Sequence[str],
        source: str,
        when: float,
    ) -> Document:
        return {
            "version": "0",
            "id": str(uuid.uuid4()),
            "detail-type": detail_type,
            "source": source,
            "account": self._context.account,
            "time": datetime.fromtimestamp(int(when), UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "region": self._context.region,
            "resources": resources,
            "detail": detail,
        }

    def _deliver(
        self, event: Document, rules: Sequence[Document], begin: float, hops: int = 0
    ) -> None:
        matches = [
            RuleMatch(
                rule, [self._try(rule, target, event, begin, hops) for target in rule["Targets"]]
            )
            for rule in rules
        ]
        self._event_log.write(event, matches, begin)

    def _try(
        self, rule: Document, target: Document, event: Document, begin: float, hops: int
    ) -> Delivery:
        """Deliver an event, or log why not: one target must not keep it from the others.

        Raises:
            sqlite3.OperationalError: The event cannot be kept; undo what it reports.
        """
        invocation, sent = str(uuid.uuid4()), ""
        start, response, problem = time.monotonic(), "", None
        options: Document = {}
        try:
            sent = inputs.text_of(rule, target, event)
            options = _options(rule, target, invocation)
            if targets.kind_of(target["Arn"]) == "events":
                response = self._forward(event, target["Arn"], begin, hops)
            elif targets.kind_of(target["Arn"]) in _AT_ONCE:
                response = targets.send(self._context, target["Arn"], sent, options)
        except sqlite3.OperationalError:
            raise
        except Exception as error:
            problem = error
        attempts = 1 if problem is not None or targets.kind_of(target["Arn"]) in _AT_ONCE else 0
        milliseconds = round((time.monotonic() - start) * 1000)
        delivery = Delivery(invocation, target, sent, milliseconds, response, problem)
        if problem is None and attempts:
            return delivery
        arguments = self._arguments(rule, target, event, begin, invocation)
        again = arguments["most_retries"] > 0 and problem is not None and is_passing(problem)
        if problem is None or again:
            self._context.deliveries.send(
                target["Arn"], sent, options, **arguments, attempts=attempts
            )
            return Delivery(invocation, target, sent, is_pending=True)
        if isinstance(problem, ApiError):
            _log.error(
                "rule %s: event %s was not delivered: %s", rule["Name"], event["id"], problem
            )
        else:
            text = "rule %s: event %s was not delivered"
            _log.error(text, rule["Name"], event["id"], exc_info=problem)
        refused = {"Arn": target["Arn"], "DeadLetters": arguments["dead_letters"]}
        exhausted = "MaximumRetryAttempts" if is_passing(problem) else ""
        self._context.deliveries.give_up(
            Ended(refused, 1, milliseconds, problem=problem, exhausted=exhausted)
        )
        return delivery

    def _arguments(
        self, rule: Document, target: Document, event: Document, begin: float, invocation: str
    ) -> dict[str, Any]:
        """How a delivery is tried, and what becomes of it, for `Deliveries.send`."""
        policy = target.get("RetryPolicy", {})
        queue = target.get("DeadLetterConfig", {}).get("Arn")
        about = {"RULE_ARN": rule["Arn"], "TARGET_ARN": target["Arn"]}
        named = {key: rule[key] for key in ("Name", "Arn")}
        return {
            "origin": {
                "Kind": "rule",
                "Rule": named,
                "Target": target,
                "Event": event,
                "Begin": begin,
                "Invocation": invocation,
            },
            "most_retries": policy.get("MaximumRetryAttempts", _DEFAULT_RETRIES),
            "most_age": policy.get("MaximumEventAgeInSeconds", _DEFAULT_AGE),
            "dead_letters": {"Arn": queue, "Body": json.dumps(event), "Attributes": about}
            if queue
            else {},
        }

    def _ended(self, ended: Ended) -> None:
        """Log how a delivery ended that was not done while its event was accepted."""
        origin = ended.delivery["Origin"]
        delivery = Delivery(
            origin["Invocation"],
            origin["Target"],
            ended.delivery["Body"],
            ended.milliseconds,
            ended.response,
            ended.problem,
            attempts=ended.attempts,
        )
        self._event_log.write_end(origin["Event"], origin["Rule"], delivery, origin["Begin"])


def _options(rule: Document, target: Document, invocation: str) -> Document:
    """What `targets.send` needs beside the input."""
    match targets.kind_of(target["Arn"]):
        case "lambda":
            return {"Permit": ["events.amazonaws.com", rule["Arn"]], "RequestId": invocation}
        case "pipeline":
            about = target.get("SageMakerPipelineParameters", {})
            return {"Parameters": about.get("PipelineParameterList"), "Token": invocation}
        case "sqs":
            return {"MessageGroupId": target.get("SqsParameters", {}).get("MessageGroupId")}
    return {}


def _matches(rule: Document, event: Document) -> bool:
    """Whether a rule matches an event; a pattern that cannot be compared matches none."""
    if not rule.get("EventPattern"):
        return False
    try:
        return patterns.matches(patterns.parse(rule["EventPattern"]), event)
    except Exception:  # one rule must not keep an event from the others, nor undo what it reports
        _log.exception("rule %s: its pattern cannot be compared with events", rule["Name"])
        return False
