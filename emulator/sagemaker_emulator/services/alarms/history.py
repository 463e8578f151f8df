"""What happened to alarms, for DescribeAlarmHistory; it outlives the alarm, as on AWS."""

from __future__ import annotations

import json
import time
from typing import Any

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.storage.store import Document

KIND = "alarm-history"
_MOST = 100  # items of an alarm


def add(context: Context, alarm: str, kind: str, summary: str, data: Any) -> None:
    """Add an item to an alarm's history.

    Args:
        context: the server.
        alarm: the alarm's name.
        kind: ConfigurationUpdate, StateUpdate or Action.
        summary: what happened, in words.
        data: about it, as JSON.
    """
    item = {
        "AlarmName": alarm,
        "AlarmType": "MetricAlarm",
        "Timestamp": time.time(),
        "HistoryItemType": kind,
        "HistorySummary": summary,
        "HistoryData": json.dumps(data)[:4095],
    }
    with context.store.transaction():
        kept = context.store.get(KIND, alarm) or {"Items": []}
        context.store.put(KIND, alarm, {"Items": [*kept["Items"], item][-_MOST:]})


def add_state(context: Context, old: Document, new: Document) -> None:
    """Add a change of state, from an alarm's document to another."""
    summary = f"Alarm updated from {old['StateValue']} to {new['StateValue']}"
    states = {
        key: {"stateValue": alarm["StateValue"], "stateReason": alarm["StateReason"]}
        for key, alarm in (("oldState", old), ("newState", new))
    }
    add(context, new["AlarmName"], "StateUpdate", summary, {"version": "1.0", **states})


def items(context: Context, alarm: str | None) -> list[Document]:
    """The items of an alarm, or of all alarms, latest first."""
    if alarm is None:
        found = [each for kept in context.store.list(KIND) for each in kept["Items"]]
    else:
        found = (context.store.get(KIND, alarm) or {"Items": []})["Items"]
    return sorted(found, key=lambda item: -item["Timestamp"])
