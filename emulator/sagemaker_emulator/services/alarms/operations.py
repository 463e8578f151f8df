"""CloudWatch: the operations of metric alarms."""

from __future__ import annotations

import base64
import binascii
import json
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.aws.dispatch import Response, operation
from sagemaker_emulator.aws.members import paths
from sagemaker_emulator.aws.tags import by_key, check_keys
from sagemaker_emulator.errors import ApiError, invalid
from sagemaker_emulator.services.alarms import actions, history
from sagemaker_emulator.services.alarms.alarms import KIND, UNCHECKED
from sagemaker_emulator.services.alarms.evaluation import (
    COMPARISONS,
    INSUFFICIENT_DATA,
    TREATMENTS,
)
from sagemaker_emulator.storage.store import Document

if TYPE_CHECKING:
    from types_boto3_cloudwatch import type_defs as types

_REQUIRED = (
    *("MetricName", "Namespace", "Statistic", "Period"),
    *("EvaluationPeriods", "Threshold", "ComparisonOperator"),
)
# What a new configuration leaves as it is.
_KEPT = (
    *("StateValue", "StateReason", "StateReasonData", "StateUpdatedTimestamp"),
    *("StateTransitionedTimestamp", "LastAlarm", "Tags"),
)
_DAY, _WEEK, _HOUR = 86_400, 604_800, 3600
_PAGE = 50  # alarms, unless MaxRecords says otherwise
_HISTORY_PAGE = 100
_DIGITS = 9  # of a place in the history


@operation(
    "PutMetricAlarm",
    "cloudwatch",
    honours=paths("""
        AlarmName AlarmDescription ActionsEnabled OKActions AlarmActions InsufficientDataActions
        MetricName Namespace Statistic Dimensions Period Unit EvaluationPeriods DatapointsToAlarm
        Threshold ComparisonOperator TreatMissingData Tags
    """),
)
def put_alarm(context: Context, request: types.PutMetricAlarmInputTypeDef) -> Response:
    """Create an alarm, or replace its configuration and keep its state."""
    asked: Document = dict(request)
    _check(asked)
    tags = by_key(asked.pop("Tags", []))
    check_keys(tags, "ValidationError")
    name, now = asked["AlarmName"], time.time()
    with context.store.transaction():
        old = context.store.get(KIND, name)
        state = {key: old[key] for key in _KEPT if key in old} if old else _new_state(tags, now)
        alarm = {
            "ActionsEnabled": True,
            "OKActions": [],
            "AlarmActions": [],
            "InsufficientDataActions": [],
            "Dimensions": [],
            **asked,
            "AlarmArn": arn_of(context, name),
            "AlarmConfigurationUpdatedTimestamp": now,
            **state,
        }
        context.store.put(KIND, name, alarm)
        summary = f'Alarm "{name}" {"updated" if old else "created"}'
        history.add(context, name, "ConfigurationUpdate", summary, {"version": "1.0"})
    return {}


def _new_state(tags: dict[str, str], now: float) -> Document:
    return {
        "StateValue": INSUFFICIENT_DATA,
        "StateReason": UNCHECKED,
        "StateUpdatedTimestamp": now,
        "StateTransitionedTimestamp": now,
        "Tags": tags,
    }


def _check(request: Document) -> None:
    """Refuse an alarm that AWS refuses, or that cannot be evaluated or act here.

    Raises:
        ApiError: it says why.
    """
    if missing := [name for name in _REQUIRED if name not in request]:
        raise invalid(
            f"PutMetricAlarm: {', '.join(missing)} must be set: the emulator runs alarms on one "
            "metric and a static threshold."
        )
    period, periods = request["Period"], request["EvaluationPeriods"]
    if period not in (10, 20, 30) and period % 60:
        raise invalid(f"Period must be 10, 20, 30 or a multiple of 60, and is {period}.")
    longest = _WEEK if period >= _HOUR else _DAY
    if period * periods > longest:
        raise invalid(
            f"Period times EvaluationPeriods must be at most {longest} seconds, and is "
            f"{period * periods}."
        )
    if request.get("DatapointsToAlarm", 1) > periods:
        raise invalid(
            f"DatapointsToAlarm must be at most EvaluationPeriods ({periods}), and is "
            f"{request['DatapointsToAlarm']}."
        )
    if request["ComparisonOperator"] not in COMPARISONS:
        raise invalid(
            f"ComparisonOperator {request['ComparisonOperator']} is for anomaly detection, which "
            f"the emulator does not run; use one of {', '.join(COMPARISONS)}."
        )
    if request.get("TreatMissingData", TREATMENTS[0]) not in TREATMENTS:
        raise invalid(f"TreatMissingData must be one of {', '.join(TREATMENTS)}.")
    for member in actions.MEMBERS.values():
        if others := [arn for arn in request.get(member, []) if not actions.is_run_here(arn)]:
            raise invalid(
                f"{member}: the emulator runs actions on SNS topics and Lambda functions only, not "
                f"{', '.join(others)}."
            )


@operation(
    "DescribeAlarms",
    "cloudwatch",
    honours=paths(
        "AlarmNames AlarmNamePrefix AlarmTypes StateValue ActionPrefix MaxRecords NextToken"
    ),
)
def describe_alarms(context: Context, request: types.DescribeAlarmsInputTypeDef) -> Response:
    """Alarms in the order of their names."""
    if request.get("AlarmNames") and request.get("AlarmNamePrefix"):
        raise invalid("DescribeAlarms takes AlarmNames or AlarmNamePrefix, not both.")
    prefix, action = request.get("AlarmNamePrefix", ""), request.get("ActionPrefix", "")
    names, state = request.get("AlarmNames"), request.get("StateValue")
    found = [
        alarm
        for alarm in context.store.list(KIND, prefix)
        if (not names or alarm["AlarmName"] in names)
        and (state in (None, alarm["StateValue"]))
        and (not action or any(arn.startswith(action) for arn in alarm["AlarmActions"]))
        and "MetricAlarm" in request.get("AlarmTypes", ["MetricAlarm"])
    ]
    found.sort(key=lambda alarm: str(alarm["AlarmName"]))
    most = request.get("MaxRecords", _HISTORY_PAGE if names else _PAGE)
    after = _after(request.get("NextToken"))
    rest = [alarm for alarm in found if after is None or alarm["AlarmName"] > after]
    token = _token(rest[most - 1]["AlarmName"]) if len(rest) > most else None
    return {"MetricAlarms": rest[:most], "CompositeAlarms": [], "NextToken": token}


@operation(
    "DescribeAlarmsForMetric",
    "cloudwatch",
    honours=paths("MetricName Namespace Statistic Dimensions Period Unit"),
)
def describe_for_metric(
    context: Context, request: types.DescribeAlarmsForMetricInputTypeDef
) -> Response:
    """The alarms of a metric."""
    asked: Document = dict(request)
    where = _pairs(asked.pop("Dimensions", []))
    return {
        "MetricAlarms": [
            alarm
            for alarm in context.store.list(KIND)
            if _pairs(alarm["Dimensions"]) == where
            and all(alarm.get(name) == value for name, value in asked.items())
        ]
    }


def _pairs(dimensions: Sequence[dict[str, Any]]) -> set[tuple[str, str]]:
    return {(each["Name"], each["Value"]) for each in dimensions}


@operation("DeleteAlarms", "cloudwatch", honours=paths("AlarmNames"))
def delete_alarms(context: Context, request: types.DeleteAlarmsInputTypeDef) -> Response:
    """Delete alarms, or none of them where one does not exist."""
    with context.store.transaction():
        for name in request["AlarmNames"]:
            get(context, name)
        for name in request["AlarmNames"]:
            context.store.delete(KIND, name)
            summary = f'Alarm "{name}" deleted'
            history.add(context, name, "ConfigurationUpdate", summary, {"version": "1.0"})
    return {}


@operation(
    "SetAlarmState",
    "cloudwatch",
    honours=paths("AlarmName StateValue StateReason StateReasonData"),
)
def set_state(context: Context, request: types.SetAlarmStateInputTypeDef) -> Response:
    """Give an alarm a state until it is evaluated again."""
    data = request.get("StateReasonData")
    if data is not None:
        try:
            json.loads(data)
        except ValueError as problem:
            raise ApiError("InvalidFormat", f"StateReasonData is not JSON: {problem}") from None
    with context.store.transaction():
        name = get(context, request["AlarmName"])["AlarmName"]
        context.alarms.change(name, request["StateValue"], request["StateReason"], data)
    return {}


@operation("EnableAlarmActions", "cloudwatch", honours=paths("AlarmNames"))
def enable_actions(context: Context, request: types.EnableAlarmActionsInputTypeDef) -> Response:
    """Have alarms act on changes of their state again."""
    return _enable(context, request["AlarmNames"], True)


@operation("DisableAlarmActions", "cloudwatch", honours=paths("AlarmNames"))
def disable_actions(context: Context, request: types.DisableAlarmActionsInputTypeDef) -> Response:
    """Have alarms change their state without acting on it."""
    return _enable(context, request["AlarmNames"], False)


def _enable(context: Context, names: Sequence[str], enabled: bool) -> Response:
    with context.store.transaction():
        for name in names:
            if context.store.get(KIND, name) is not None:  # as on AWS, others are no error
                context.store.update(KIND, name, ActionsEnabled=enabled)
    return {}


@operation(
    "DescribeAlarmHistory",
    "cloudwatch",
    honours=paths("""
        AlarmName AlarmTypes HistoryItemType StartDate EndDate MaxRecords NextToken ScanBy
    """),
)
def describe_history(context: Context, request: types.DescribeAlarmHistoryInputTypeDef) -> Response:
    """What happened to alarms, the latest first by default."""
    asked: Document = dict(request)
    kind = asked.get("HistoryItemType")
    begin, end = asked.get("StartDate", 0.0), asked.get("EndDate", float("inf"))
    keep: Callable[[Document], bool] = lambda item: (  # noqa: E731
        kind in (None, item["HistoryItemType"])
        and begin <= item["Timestamp"] <= end
        and item["AlarmType"] in asked.get("AlarmTypes", [item["AlarmType"]])
    )
    found = [item for item in history.items(context, asked.get("AlarmName")) if keep(item)]
    if asked.get("ScanBy") == "TimestampAscending":
        found.reverse()
    place = _after(asked.get("NextToken")) or "0"
    if not place.isdecimal() or not place.isascii():
        raise ApiError("InvalidNextToken", "NextToken is none that was returned here.")
    first = int(place[:_DIGITS])
    most = asked.get("MaxRecords", _HISTORY_PAGE)
    token = _token(str(first + most)) if len(found) > first + most else None
    return {"AlarmHistoryItems": found[first : first + most], "NextToken": token}


def get(context: Context, name: str) -> Document:
    """An alarm's document.

    Raises:
        ApiError: there is none of that name.
    """
    alarm = context.store.get(KIND, name)
    if alarm is None:
        raise ApiError("ResourceNotFound", f"Unknown alarm {name!r}.", 404)
    return alarm


def arn_of(context: Context, name: str) -> str:
    """The ARN of an alarm."""
    return f"arn:aws:cloudwatch:{context.region}:{context.account}:alarm:{name}"


def _token(place: str) -> str:
    return base64.urlsafe_b64encode(place.encode()).decode()


def _after(token: str | None) -> str | None:
    """Where a page begins.

    Raises:
        ApiError: the token is none of `_token`.
    """
    if token is None:
        return None
    try:
        return base64.urlsafe_b64decode(token.encode()).decode()
    except (binascii.Error, UnicodeError):
        raise ApiError("InvalidNextToken", "NextToken is none that was returned here.") from None
