"""A schedule as it is kept, and when it is due.

Its times are `Next`, the scheduled one, and `Due`, the same or, in a flexible time window, a later
one: both None where it is over or disabled.
"""

from __future__ import annotations

import random

from sagemaker_emulator.errors import ApiError
from sagemaker_emulator.services.schedules.expressions import (
    At,
    Expression,
    Rate,
    last_time,
    parse,
    zone_of,
)
from sagemaker_emulator.storage.store import Document

SCHEDULE = "schedule"
DEFAULT_GROUP = "default"
# EventBridge Scheduler's own, where a target sets nothing.
DEFAULT_AGE, DEFAULT_RETRIES = 86_400, 185
# How long ago a new schedule may have started.
EARLIEST_START_SECONDS = 5 * 60


def expression_of(schedule: Document) -> Expression:
    """The expression of a schedule that was checked when it was made."""
    return parse(schedule["ScheduleExpression"])


def following(schedule: Document, after: float) -> float | None:
    """The first time of a schedule after another; None where it has none."""
    expression = expression_of(schedule)
    zone = zone_of(schedule["ScheduleExpressionTimezone"])
    if isinstance(expression, At):  # StartDate and EndDate are ignored
        return expression.following(after, zone, 0)
    start = schedule.get("StartDate")
    if start is None:
        start = schedule["CreationDate"] if isinstance(expression, Rate) else 0
    time = expression.following(after, zone, start)
    end = schedule.get("EndDate")
    return None if time is None or (end is not None and time > end) else time


def first(schedule: Document, now: float) -> float | None:
    """The first time of a new schedule: of a rate its start, and of a one-time one even a past.

    The StartDate sets the first occurrence of a rate, by the user guide's page on schedule types,
    and may be some minutes ago: the SDK's `put_triggers` sends the second in which it is called.
    """
    expression = expression_of(schedule)
    if isinstance(expression, At):
        return following(schedule, 0)
    if isinstance(expression, Rate):
        start = schedule.get("StartDate", now)
        is_new = now - EARLIEST_START_SECONDS <= start <= now
        return following(schedule, (start if is_new else now) - 1e-3)
    return following(schedule, now)


def due(schedule: Document, time: float | None) -> Document:
    """The members for a next time: it, and when it is fired."""
    if time is None or schedule["State"] != "ENABLED":
        return {"Next": None, "Due": None}
    window = schedule["FlexibleTimeWindow"]
    minutes = window["MaximumWindowInMinutes"] if window["Mode"] == "FLEXIBLE" else 0
    return {"Next": time, "Due": time + random.uniform(0, 60 * minutes)}


def last_due(schedule: Document, now: float) -> float:
    """The last time until now of a schedule whose `Next` has come."""
    expression, end = expression_of(schedule), schedule.get("EndDate")
    until = now if end is None or isinstance(expression, At) else min(now, end)
    zone = zone_of(schedule["ScheduleExpressionTimezone"])
    start = schedule.get("StartDate", 0.0)
    return last_time(expression, schedule["Next"], until, zone, start)


def check(schedule: Document, now: float) -> None:
    """Refuse a schedule whose times EventBridge Scheduler refuses.

    Raises:
        ApiError: `ValidationException`.
    """
    try:
        parse(schedule["ScheduleExpression"])
    except ValueError as problem:
        text = schedule["ScheduleExpression"]
        raise _invalid(f"Invalid Schedule Expression {text}: {problem}.") from None
    try:
        zone_of(schedule["ScheduleExpressionTimezone"])
    except ValueError as problem:
        raise _invalid(f"The ScheduleExpressionTimezone provided is invalid: {problem}.") from None
    window = schedule["FlexibleTimeWindow"]
    if (window["Mode"] == "FLEXIBLE") != ("MaximumWindowInMinutes" in window):
        raise _invalid("MaximumWindowInMinutes is for the mode FLEXIBLE, and needed there.")
    start, end = schedule.get("StartDate"), schedule.get("EndDate")
    if end is not None and end <= now:
        raise _invalid("The EndDate you specify cannot be in the past.")
    if start is not None and end is not None and start >= end:
        raise _invalid("The StartDate must come before the EndDate.")


def name_of(group: str, name: str) -> str:
    """The name of a schedule's document."""
    return f"{group}/{name}"


def _invalid(message: str) -> ApiError:
    return ApiError("ValidationException", message)
