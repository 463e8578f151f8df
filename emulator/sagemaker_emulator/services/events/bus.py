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
from sagemaker_emulator.services.events import patterns
from sagemaker_emulator.storage.store import Document

RULE = "rule"
_log = logging.getLogger("emulator.events")


class EventBus:
    """EventBridge's default bus."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def emit(
        self,
        detail_type: str,
        detail: Mapping[str, object],
        resources: Sequence[str],
        source: str = "aws.sagemaker",
    ) -> str:
        """Deliver an event to the targets of every rule that matches it, and return its id.

        An event for a Lambda function is kept on disk until it is delivered.

        Raises:
            sqlite3.OperationalError: The event cannot be kept; undo what it reports.
        """
        identity = str(uuid.uuid4())
        event = {
            "version": "0",
            "id": identity,
            "detail-type": detail_type,
            "source": source,
            "account": self._context.account,
            "time": datetime.fromtimestamp(int(time.time()), UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "region": self._context.region,
            "resources": resources,
            "detail": detail,
        }
        for rule in self._context.store.list(RULE):
            pattern = json.loads(rule["EventPattern"])
            if rule["State"] == "ENABLED" and _matches(rule, pattern, event):
                for target in rule["Targets"]:
                    self._try(rule, target, event)
        return identity

    def _try(self, rule: Document, target: Document, event: Document) -> None:
        """Deliver an event, or log why not: one target must not keep it from the others.

        Raises:
            sqlite3.OperationalError: The event cannot be kept; undo what it reports.
        """
        try:
            self._deliver(rule, target, event)
        except sqlite3.OperationalError:
            raise
        except ApiError as problem:
            _log.error(
                "rule %s: event %s was not delivered: %s", rule["Name"], event["id"], problem
            )
        except Exception:
            _log.exception("rule %s: event %s was not delivered", rule["Name"], event["id"])

    def _deliver(self, rule: Document, target: Document, event: Document) -> None:
        arn, functions = target["Arn"], self._context.functions
        if ":pipeline/" in arn:
            parameters = target.get("SageMakerPipelineParameters", {})
            values = parameters.get("PipelineParameterList", [])
            request = {"PipelineParameters": values} if values else {}
            token = uuid.uuid4().hex
            self._context.call(
                "StartPipelineExecution", PipelineName=arn, ClientRequestToken=token, **request
            )
        elif functions.permits(arn, "events.amazonaws.com", rule["Arn"]):
            functions.invoke_later(arn, _input(target, event))
        else:
            _log.error(
                "rule %s: %s does not permit events.amazonaws.com to invoke it for %s; "
                "the event was dropped as it is on AWS (lambda add-permission)",
                *(rule["Name"], arn, rule["Arn"]),
            )


def _matches(rule: Document, pattern: Document, event: Document) -> bool:
    """Whether a rule matches an event; a pattern that cannot be compared matches none."""
    try:
        return patterns.matches(pattern, event)
    except Exception:  # one rule must not keep an event from the others, nor undo what it reports
        _log.exception("rule %s: its pattern cannot be compared with events", rule["Name"])
        return False


def _input(target: Document, event: Document) -> Any:
    """A target's input: the event, a part of it, a constant, or a template filled from it."""
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
