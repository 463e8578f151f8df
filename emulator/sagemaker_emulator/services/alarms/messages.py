"""The messages of alarms to SNS topics, as CloudWatch writes them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.storage.store import Document

_REGION = "US East (N. Virginia)"  # the emulator's only one
_MOST = 100  # characters of a subject


def moment(seconds: float) -> str:
    """A time as CloudWatch writes it: `2026-08-01T10:00:00.000+0000`."""
    when = datetime.fromtimestamp(seconds, UTC)
    return f"{when:%Y-%m-%dT%H:%M:%S}.{when.microsecond // 1000:03}+0000"


def subject(alarm: Document) -> str:
    """A message's subject: `ALARM: "errors" in US East (N. Virginia)`."""
    return f'{alarm["StateValue"]}: "{alarm["AlarmName"]}" in {_REGION}'[:_MOST]


def message(context: Context, old: Document, new: Document) -> dict[str, Any]:
    """A message's body, before it becomes JSON."""
    return {
        "AlarmName": new["AlarmName"],
        "AlarmDescription": new.get("AlarmDescription"),
        "AWSAccountId": context.account,
        "AlarmConfigurationUpdatedTimestamp": moment(new["AlarmConfigurationUpdatedTimestamp"]),
        "NewStateValue": new["StateValue"],
        "NewStateReason": new["StateReason"],
        "StateChangeTime": moment(new["StateUpdatedTimestamp"]),
        "Region": _REGION,
        "AlarmArn": new["AlarmArn"],
        "OldStateValue": old["StateValue"],
        "OKActions": new.get("OKActions", []),
        "AlarmActions": new.get("AlarmActions", []),
        "InsufficientDataActions": new.get("InsufficientDataActions", []),
        "Trigger": {
            "MetricName": new["MetricName"],
            "Namespace": new["Namespace"],
            "StatisticType": "Statistic",
            "Statistic": _statistic(new["Statistic"]),
            "Unit": new.get("Unit"),
            "Dimensions": [
                {"value": each["Value"], "name": each["Name"]} for each in new.get("Dimensions", [])
            ],
            "Period": new["Period"],
            "EvaluationPeriods": new["EvaluationPeriods"],
            "DatapointsToAlarm": new.get("DatapointsToAlarm", new["EvaluationPeriods"]),
            "ComparisonOperator": new["ComparisonOperator"],
            "Threshold": new["Threshold"],
            "TreatMissingData": new.get("TreatMissingData", "missing"),
            "EvaluateLowSampleCountPercentile": "",
        },
    }


def _statistic(name: str) -> str:
    return "SAMPLE_COUNT" if name == "SampleCount" else name.upper()
