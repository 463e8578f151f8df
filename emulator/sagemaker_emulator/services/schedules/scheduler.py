"""Schedules that fire: each of their times once, and what came of it in a log.

A time that passed while no server ran is fired by the next one, if it is the last of its schedule
and not older than the target's MaximumEventAgeInSeconds; the others are logged as missed.
"""

from __future__ import annotations

import json
import logging
import time
import uuid
from datetime import UTC, datetime

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.services.deliveries import Ended
from sagemaker_emulator.services.schedules import schedule as schedules
from sagemaker_emulator.services.schedules import schedule_targets
from sagemaker_emulator.services.schedules.schedule import SCHEDULE
from sagemaker_emulator.storage.store import Document

DAYS_KEPT = 30
_log = logging.getLogger("emulator.scheduler")


def log_group(group: str) -> str:
    """The log group of what a group's schedules did; a stream for each schedule and day."""
    return f"/emulator/schedules/{group}"


class Scheduler:
    """The schedules of one server."""

    def __init__(self, context: Context) -> None:
        self._context = context
        context.clock.sources.append(self.fire)
        context.deliveries.reports["schedule"] = self._ended

    def fire(self, now: float) -> float | None:
        """Fire what is due, and return when something is due next."""
        times = []
        for schedule in self._context.store.list(SCHEDULE):
            if schedule["Due"] is None:
                continue
            if schedule["Due"] <= now:
                schedule = self._fire(schedule, now)
            if schedule["Due"] is not None:
                times.append(schedule["Due"])
        return min(times, default=None)

    def _fire(self, seen: Document, now: float) -> Document:
        """Fire a schedule's time in one step with the setting of its next; return it as it is."""
        store, name = self._context.store, schedules.name_of(seen["GroupName"], seen["Name"])
        with store.transaction():
            schedule = store.get(SCHEDULE, name)
            if schedule is None or schedule["Due"] is None or schedule["Due"] > now:
                return schedule or {**seen, "Due": None}  # changed meanwhile
            due, last = schedule["Next"], schedules.last_due(schedule, now)
            age = schedule["Target"]["RetryPolicy"]["MaximumEventAgeInSeconds"]
            is_sent = now - last <= age or _is_one_time(schedule)
            if is_sent:
                self._send(schedule, last)
            schedule |= schedules.due(schedule, schedules.following(schedule, last))
            if schedule["Next"] is None and schedule["ActionAfterCompletion"] == "DELETE":
                store.delete(SCHEDULE, name)
            else:
                store.put(SCHEDULE, name, schedule)
        if last > due or not is_sent:
            until = "until before" if is_sent else "until"
            reason = f"its times from {_shown(due)} {until} {_shown(last)} passed without a server"
            self._write(schedule, {"status": "MISSED", "error_message": reason})
        return schedule

    def _send(self, schedule: Document, when: float) -> None:
        """Have a target called, as for one of its schedule's times."""
        target, execution = schedule["Target"], str(uuid.uuid4())
        shown = _shown(when)
        body, options = schedule_targets.call(self._context, schedule, shown, execution)
        about = {
            "EXECUTION_ID": execution,
            "IS_PAYLOAD_TRUNCATED": "false",
            "SCHEDULED_TIME": shown,
            "SCHEDULE_ARN": schedule["Arn"],
            "TARGET_ARN": target["Arn"],
        }
        queue = target.get("DeadLetterConfig", {}).get("Arn")
        letters = {"Arn": queue, "Body": body, "Attributes": about, "Codes": "of the target"}
        self._context.deliveries.send(
            target["Arn"],
            body,
            options,
            origin={
                "Kind": "schedule",
                "Group": schedule["GroupName"],
                "Name": schedule["Name"],
                "ScheduledTime": shown,
                "Execution": execution,
            },
            most_retries=target["RetryPolicy"]["MaximumRetryAttempts"],
            most_age=target["RetryPolicy"]["MaximumEventAgeInSeconds"],
            dead_letters=letters if queue else None,
        )

    def _ended(self, ended: Ended) -> None:
        """Log how the call of a target ended."""
        origin, letters = ended.delivery["Origin"], ended.delivery["DeadLetters"]
        record: Document = {
            "status": "FAILED" if ended.problem else "SUCCESS",
            "scheduled_time": origin["ScheduledTime"],
            "execution_id": origin["Execution"],
            "target_arn": ended.delivery["Arn"],
            "input": ended.delivery["Body"],
            "attempts": ended.attempts,
            "milliseconds": ended.milliseconds,
            "response": ended.response,
        }
        if ended.problem is not None:
            record["error_message"] = str(ended.problem)
            record["dead_letter_queue"] = letters.get("Arn")
        self._write({"GroupName": origin["Group"], "Name": origin["Name"]}, record)

    def _write(self, schedule: Document, record: Document) -> None:
        """Log what became of a time; a log that cannot be written stops no schedule."""
        group, day = log_group(schedule["GroupName"]), time.strftime("%Y-%m-%d", time.gmtime())
        kept = {key: value for key, value in record.items() if value not in (None, "")}
        try:
            logs = self._context.logs
            logs.append(group, f"{schedule['Name']}/{day}", [json.dumps(kept)])
            logs.keep_last(group, f"{schedule['Name']}/", DAYS_KEPT)
        except OSError:
            _log.exception("schedule %s: what it did is not in its log", schedule["Name"])


def _shown(when: float) -> str:
    return datetime.fromtimestamp(when, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _is_one_time(schedule: Document) -> bool:
    return str(schedule["ScheduleExpression"]).startswith("at(")
