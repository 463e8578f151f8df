"""The times of a rule by schedule, in UTC: `Next` in its document, counted from its `Since`."""

from __future__ import annotations

from sagemaker_emulator.errors import invalid
from sagemaker_emulator.services.schedules.expressions import (
    At,
    Expression,
    last_time,
    parse,
    zone_of,
)
from sagemaker_emulator.storage.store import Document


def check(text: str) -> None:
    """Refuse an expression that rules cannot have.

    Raises:
        ApiError: `ValidationException`.
    """
    try:
        expression = parse(text)
        if isinstance(expression, At):
            raise ValueError("a rule has rate or cron; EventBridge Scheduler has at, too")
    except ValueError as problem:
        message = f"Parameter ScheduleExpression is not valid. Reason: {problem}."
        raise invalid(message) from None


def changed(rule: Document, now: float) -> Document:
    """The members for the times of a rule that was made, changed or enabled now."""
    if not rule.get("ScheduleExpression"):
        return {"Since": None, "Next": None}
    since = {"Since": now}
    return {**since, "Next": following({**rule, **since}, now)}


def following(rule: Document, after: float) -> float | None:
    """The first time of a rule after another; a rate's first is one interval after its start."""
    expression = _expression(rule)
    return expression.following(after, zone_of("UTC"), rule["Since"])


def last_due(rule: Document, now: float) -> float:
    """The last time until now of a rule whose `Next` has come."""
    return last_time(_expression(rule), rule["Next"], now, zone_of("UTC"), rule["Since"])


def _expression(rule: Document) -> Expression:
    return parse(rule["ScheduleExpression"])
