"""The state of a metric alarm, from the data points of its periods.

Contract: CloudWatch user guide, "Alarm evaluation" and "Configuring how CloudWatch alarms treat
missing data", whose two tables are tests here.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sagemaker_emulator.storage.store import Document

OK, ALARM, INSUFFICIENT_DATA = "OK", "ALARM", "INSUFFICIENT_DATA"
TREATMENTS = ("breaching", "notBreaching", "ignore", "missing")
COMPARISONS: dict[str, tuple[Callable[[float, float], bool], str]] = {
    "GreaterThanOrEqualToThreshold": (operator.ge, "greater than or equal to"),
    "GreaterThanThreshold": (operator.gt, "greater than"),
    "LessThanThreshold": (operator.lt, "less than"),
    "LessThanOrEqualToThreshold": (operator.le, "less than or equal to"),
}
# Periods before the evaluated ones whose data may stand in for what is missing: the user guide's
# tables have five data points for three periods.
MORE_PERIODS = 2


@dataclass(frozen=True)
class Point:
    """What was measured in one period.

    Attributes:
        start: when the period began, in seconds since the epoch.
        value: the alarm's statistic; None where nothing was measured.
        samples: how many values it is of.
    """

    start: float
    value: float | None = None
    samples: float = 0.0


@dataclass(frozen=True)
class Verdict:
    """What an evaluation found.

    Attributes:
        state: the state; None to keep the one that is.
        reason: why.
        points: what it was found from, oldest first.
    """

    state: str | None
    reason: str
    points: tuple[Point, ...]


def range_of(alarm: Document) -> int:
    """How many periods an evaluation looks at."""
    return int(alarm["EvaluationPeriods"]) + MORE_PERIODS


def judge(alarm: Document, points: Sequence[Point]) -> Verdict:
    """Evaluate an alarm.

    Args:
        alarm: as DescribeAlarms returns it.
        points: its last `range_of` periods, oldest first.
    """
    periods = int(alarm["EvaluationPeriods"])
    needed = int(alarm.get("DatapointsToAlarm", periods))
    breaches, _ = COMPARISONS[alarm["ComparisonOperator"]]
    treat = alarm.get("TreatMissingData", "missing")
    real = [
        (len(points) - place, breaches(point.value, alarm["Threshold"]), point)
        for place, point in enumerate(points)
        if point.value is not None
    ][-periods:]
    missing = periods - len(real)
    breaching = sum(is_breach for _, is_breach, _ in real)
    if missing and treat == "breaching":
        breaching += missing
    used = tuple(point for _, _, point in real)
    state: str | None = ALARM if breaching >= needed else OK
    if missing and state == OK and treat in ("ignore", "missing"):
        if not real:
            state = INSUFFICIENT_DATA if treat == "missing" else None
        elif all(is_breach for _, is_breach, _ in real) and real[0][0] >= needed:
            # What is missing may not hide what has been breaching for long enough.
            state = ALARM if treat == "missing" else None
    return Verdict(state, _reason(alarm, state, used, missing, treat), used)


def _reason(
    alarm: Document, state: str | None, points: Sequence[Point], missing: int, treat: str
) -> str:
    """Why an alarm has its state, in AWS's words."""
    if state == INSUFFICIENT_DATA:
        return f"Insufficient Data: {_count(missing, 'datapoint')} {_was(missing)} unknown."
    treated = {"breaching": "[Breaching]", "notBreaching": "[NonBreaching]"}.get(treat)
    if not points:
        return (
            f"Threshold Crossed: no datapoints were received for {_count(missing, 'period')} and "
            f"{_count(missing, 'missing datapoint')} {_was(missing)} treated as {treated}."
        )
    breaches, words = COMPARISONS[alarm["ComparisonOperator"]]
    counted, shown, least = _count(len(points), "datapoint"), points, ""
    if needed := alarm.get("DatapointsToAlarm"):
        # An alarm of M out of N periods names those that count, and how many it needs.
        shown = [
            each
            for each in points
            if each.value is not None
            and breaches(each.value, alarm["Threshold"]) == (state == ALARM)
        ]
        periods = alarm["EvaluationPeriods"]
        counted = f"{len(shown)} out of the last {_count(periods, 'datapoint')}"
        change, enough = "ALARM -> OK", periods - needed + 1
        if state == ALARM:
            change, enough = "OK -> ALARM", needed
        least = f" (minimum {_count(enough, 'datapoint')} for {change} transition)"
    values = ", ".join(f"{point.value} ({_moment(point.start)})" for point in reversed(shown))
    also = (
        f" and {_count(missing, 'missing datapoint')} treated as {treated}"
        if missing and treated
        else ""
    )
    negation = "" if state == ALARM else "not "
    return (
        f"Threshold Crossed: {counted} [{values}]{also} {_was(len(shown))} {negation}{words} the "
        f"threshold ({float(alarm['Threshold'])}){least}."
    )


def _was(number: int) -> str:
    return "was" if number == 1 else "were"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%d/%m/%y %H:%M:%S")
