"""A bus's log in CloudWatch Logs: which events each rule matched, and each delivery's outcome.

Records have the form of EventBridge's own,
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-event-logs-schema.html, in its log
group. A rule has a stream for each day, `RULE/YYYY-MM-DD`, and keeps the last of them.
"""

import json
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.errors import ApiError
from sagemaker_emulator.storage.store import Document

_GROUPS = "/aws/vendedlogs/events/event-bus"
GROUP = f"{_GROUPS}/default"  # of the default bus
DAYS_KEPT = 30
_MOST_TEXT = 64 * 1024  # characters of a member; EventBridge leaves out what is too long, too
_SERVICES = {
    "lambda": "AWSLambda",
    "sagemaker": "AmazonSageMaker",
    "sqs": "AmazonSQS",
    "sns": "AmazonSNS",
    "logs": "AmazonCloudWatchLogs",
}
_log = logging.getLogger("emulator.events")


@dataclass(frozen=True)
class Delivery:
    """How the delivery of an event to a target ended.

    Attributes:
        invocation: Its id; of a function, the RequestId of its invocation.
        target: The target.
        input: What was sent to it, as JSON.
        milliseconds: How long it took to hand it over.
        response: What the target returned, as JSON.
        problem: Why it was refused.
        attempts: How often it was tried.
        is_pending: Whether it has not ended yet: its end is logged when it has.
    """

    invocation: str
    target: Document
    input: str
    milliseconds: int = 0
    response: str = ""
    problem: Exception | None = None
    attempts: int = 1
    is_pending: bool = False


@dataclass
class RuleMatch:
    """An event that a rule matched, and its deliveries."""

    rule: Document
    deliveries: list[Delivery] = field(default_factory=list)


class EventLog:
    """The logs of the buses."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._days: dict[str, str] = {}  # the last day on which a rule matched

    def write(self, event: Document, matches: list[RuleMatch], begin: float) -> None:
        """Log an event that rules matched; a log that cannot be written stops no event.

        Args:
            event: As targets receive it.
            matches: What came of it.
            begin: When it was sent, in seconds since the epoch.
        """
        for match in matches:
            self._append(match.rule, event, self._records(event, match, begin))

    def write_end(self, event: Document, rule: Document, delivery: Delivery, begin: float) -> None:
        """Log how a delivery ended that was pending when its event was logged."""
        self._append(rule, event, self._of_delivery(event, rule, delivery, begin))

    def _append(self, of: Document, event: Document, records: list[Document]) -> None:
        bus, _, rule = str(of["Arn"]).rpartition(":rule/")[2].rpartition("/")
        group = f"{_GROUPS}/{bus}" if bus else GROUP
        day = time.strftime("%Y-%m-%d", time.gmtime())
        try:
            lines = [json.dumps(each) for each in records]
            self._context.logs.append(group, f"{rule}/{day}", lines)
            if self._days.get(of["Arn"]) != day:
                self._context.logs.keep_last(group, f"{rule}/", DAYS_KEPT)
                self._days[of["Arn"]] = day
        except OSError:
            _log.exception("rule %s: event %s is not in its log", rule, event["id"])

    def _records(self, event: Document, match: RuleMatch, begin: float) -> list[Document]:
        made = [
            self._record(
                event,
                "RULE_MATCH_START",
                "TRACE",
                {
                    "caller_account_id": self._context.account,
                    "source_time_ms": round(begin * 1000),
                    "source": event["source"],
                    "detail_type": event["detail-type"],
                    "resources": event["resources"],
                    "event_detail": json.dumps(event["detail"]),
                },
            ),
            self._record(
                event,
                "RULE_MATCH",
                "INFO",
                {
                    "rule_arn": match.rule["Arn"],
                    "target_arns": [each.target["Arn"] for each in match.deliveries],
                    "invocation_ids": [each.invocation for each in match.deliveries],
                },
            ),
        ]
        for delivery in match.deliveries:
            if delivery.is_pending:
                continue
            made += self._of_delivery(event, match.rule, delivery, begin)
        return made

    def _of_delivery(
        self, event: Document, rule: Document, delivery: Delivery, begin: float
    ) -> list[Document]:
        latency, target = round((time.time() - begin) * 1000), delivery.target
        details = {
            "rule_arn": rule["Arn"],
            "role_arn": target.get("RoleArn"),
            "target_arn": target["Arn"],
            "target_input": delivery.input,
            "total_attempts": delivery.attempts,
            "ingestion_to_complete_latency_ms": latency,
            "target_duration_ms": delivery.milliseconds,
            "target_response_body": delivery.response,
        }
        own: Document = {"invocation_id": delivery.invocation}
        if delivery.problem is None:
            details |= {
                "final_invocation_status": "SUCCESS",
                "ingestion_to_success_latency_ms": latency,
            }
            return [self._record(event, "INVOCATION_SUCCESS", "INFO", details, **own)]
        service = target["Arn"].split(":")[2]
        own["error"] = {
            "error_message": str(delivery.problem)[:_MOST_TEXT],
            "aws_service": _SERVICES.get(service, service),
        }
        if isinstance(delivery.problem, ApiError):
            own["error"]["http_status_code"] = delivery.problem.status
        details["final_invocation_status"] = "FAILED"
        made = [self._record(event, "INVOCATION_FAILURE", "ERROR", details, **own)]
        if "Arn" in target.get("DeadLetterConfig", {}):
            made.append(self._record(event, "INVOCATION_DLQ", "ERROR", details, **own))
        return made

    def _record(
        self, event: Document, step: str, level: str, details: Mapping[str, Any], **more: Any
    ) -> Document:
        context = self._context
        long = [key for key, value in details.items() if len(str(value)) > _MOST_TEXT]
        record: Document = {
            "resource_arn": context.arn("event-bus", "default", "events"),
            "event_id": event["id"],
            **more,
            "message_timestamp_ms": round(time.time() * 1000),
            "message_type": step,
            "log_level": level,
            "details": {
                key: value
                for key, value in details.items()
                if key not in long and value not in (None, "")
            },
        }
        return record | ({"dropped_fields": long} if long else {})
