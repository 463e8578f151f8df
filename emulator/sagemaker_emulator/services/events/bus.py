"""The default event bus: delivery of events to the targets of rules."""

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
from sagemaker_emulator.services.events import inputs, patterns
from sagemaker_emulator.services.events.event_log import Delivery, EventLog, RuleMatch
from sagemaker_emulator.storage.store import Document

RULE = "rule"
_log = logging.getLogger("emulator.events")


class EventBus:
    """EventBridge's default bus."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._event_log = EventLog(context)

    def emit(
        self,
        detail_type: str,
        detail: Mapping[str, object],
        resources: Sequence[str],
        source: str = "aws.sagemaker",
        when: float | None = None,
    ) -> str:
        """Deliver an event to the targets of every rule that matches it, and return its id.

        An event for a Lambda function is kept on disk until it is delivered. What rules matched is
        in the bus's log.

        Raises:
            sqlite3.OperationalError: The event cannot be kept; undo what it reports.
        """
        identity, begin = str(uuid.uuid4()), time.time()
        event = {
            "version": "0",
            "id": identity,
            "detail-type": detail_type,
            "source": source,
            "account": self._context.account,
            "time": datetime.fromtimestamp(int(begin if when is None else when), UTC).strftime(
                "%Y-%m-%dT%H:%M:%SZ"
            ),
            "region": self._context.region,
            "resources": resources,
            "detail": detail,
        }
        matches = []
        for rule in self._context.store.list(RULE):
            if rule["State"] != "DISABLED" and _matches(rule, event):
                deliveries = [self._try(rule, target, event) for target in rule["Targets"]]
                matches.append(RuleMatch(rule, deliveries))
        self._event_log.write(event, matches, begin)
        return identity

    def _try(self, rule: Document, target: Document, event: Document) -> Delivery:
        """Deliver an event, or log why not: one target must not keep it from the others.

        Raises:
            sqlite3.OperationalError: The event cannot be kept; undo what it reports.
        """
        begin, invocation, sent = time.monotonic(), str(uuid.uuid4()), ""

        def ended(response: str = "", problem: Exception | None = None) -> Delivery:
            milliseconds = round((time.monotonic() - begin) * 1000)
            return Delivery(invocation, target, sent, milliseconds, response, problem)

        refusal: Exception
        try:
            request = _input(rule, target, event)
            sent = json.dumps(request)
            return ended(self._deliver(rule, target, request, invocation))
        except sqlite3.OperationalError:
            raise
        except ApiError as problem:
            refusal, message = problem, problem.message
            code = _CODES.get(problem.code, "ERROR_FROM_TARGET")
            _log.error(
                "rule %s: event %s was not delivered: %s", rule["Name"], event["id"], problem
            )
        except Exception as problem:
            refusal, code = problem, "INTERNAL_ERROR"
            message = f"{type(problem).__name__}: {problem}"
            _log.exception("rule %s: event %s was not delivered", rule["Name"], event["id"])
        if queue := target.get("DeadLetterConfig", {}).get("Arn"):
            about = {"RULE_ARN": rule["Arn"], "TARGET_ARN": target["Arn"]}
            attributes = {**about, "ERROR_CODE": code, "ERROR_MESSAGE": message}
            self._context.deliveries.send_dead_letter(queue, json.dumps(event), attributes)
        return ended(problem=refusal)

    def _deliver(self, rule: Document, target: Document, request: Any, invocation: str) -> str:
        """Hand over what a target is sent, and return its response."""
        arn, functions = target["Arn"], self._context.functions
        if ":pipeline/" in arn:
            started = self._context.call("StartPipelineExecution", **request)
            return json.dumps(started)
        if not functions.permits(arn, "events.amazonaws.com", rule["Arn"]):
            raise ApiError(
                "AccessDeniedException",
                f"{arn} does not permit events.amazonaws.com to invoke it for {rule['Arn']}; "
                "the event was dropped as it is on AWS (lambda add-permission)",
            )
        functions.invoke_later(arn, request, invocation)
        return ""


def _input(rule: Document, target: Document, event: Document) -> Any:
    """What a target is sent: a pipeline a request, a function an event."""
    if ":pipeline/" not in target["Arn"]:
        return inputs.of(rule, target, event)
    values = target.get("SageMakerPipelineParameters", {}).get("PipelineParameterList", [])
    request = {"PipelineName": target["Arn"], "ClientRequestToken": uuid.uuid4().hex}
    return request | ({"PipelineParameters": values} if values else {})


def _matches(rule: Document, event: Document) -> bool:
    """Whether a rule matches an event; a pattern that cannot be compared matches none."""
    try:
        return patterns.matches(patterns.parse(rule["EventPattern"]), event)
    except Exception:  # one rule must not keep an event from the others, nor undo what it reports
        _log.exception("rule %s: its pattern cannot be compared with events", rule["Name"])
        return False


# AWS's code in a dead letter, by the code of the target's refusal.
_CODES = {
    "AccessDeniedException": "NO_PERMISSIONS",
    "ResourceNotFoundException": "NO_RESOURCE",
    "ResourceNotFound": "NO_RESOURCE",
    "ValidationException": "INVALID_PARAMETER",
}
