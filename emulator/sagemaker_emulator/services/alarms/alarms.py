"""The alarms of one server: evaluated every ten seconds or every minute, as on AWS."""

from __future__ import annotations

import json
import logging
import threading
import time
from typing import Any

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.services.alarms import actions, datapoints, evaluation, history
from sagemaker_emulator.services.alarms.messages import moment
from sagemaker_emulator.storage.store import Document

KIND = "alarm"
# High-resolution alarms, of periods under a minute, are evaluated every ten seconds.
_TICK = 10
_MINUTE = 60
# The reason of an alarm that has not been evaluated, as on AWS.
UNCHECKED = "Unchecked: Initial alarm creation"
_log = logging.getLogger("emulator.alarms")


class Alarms:
    """CloudWatch's alarms of one server."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._stopping = threading.Event()
        actions.report_to_history(context)

    def start(self) -> None:
        """Evaluate the alarms from now on."""
        threading.Thread(target=self._watch, name="alarms", daemon=True).start()

    def stop(self) -> None:
        """Leave the alarms as they are, for the next server."""
        self._stopping.set()

    def state(self, name: str) -> str | None:
        """An alarm's state: OK, ALARM or INSUFFICIENT_DATA; None where there is no such alarm."""
        alarm = self._context.store.get(KIND, name)
        return alarm["StateValue"] if alarm else None

    def was_in_alarm(self, name: str, since: float) -> bool:
        """Whether an alarm is in ALARM, or was at any time since, in seconds since the epoch."""
        alarm = self._context.store.get(KIND, name) or {}
        return alarm.get("StateValue") == evaluation.ALARM or alarm.get("LastAlarm", 0.0) >= since

    def change(self, name: str, state: str, reason: str, data: str | None) -> None:
        """Give an alarm a state; if it is another one, act on it.

        Args:
            name: the alarm's.
            state: OK, ALARM or INSUFFICIENT_DATA.
            reason: why, for people.
            data: why, as JSON.

        Raises:
            KeyError: there is no such alarm.
        """
        now = time.time()
        with self._context.store.transaction():
            old = self._context.store.get(KIND, name)
            if old is None:
                raise KeyError(name)
            changes: dict[str, Any] = {
                "StateValue": state,
                "StateReason": reason,
                "StateReasonData": data,
                "StateUpdatedTimestamp": now,
            }
            if evaluation.ALARM in (state, old["StateValue"]):
                changes["LastAlarm"] = now
            is_other = state != old["StateValue"]
            if is_other:
                changes["StateTransitionedTimestamp"] = now
            new = self._context.store.update(KIND, name, **changes)
            if not is_other:
                return
            history.add_state(self._context, old, new)
            detail = _detail(old, new)
            actions.begin(self._context, old, new, detail)
            _log.info("alarm %s is %s: %s", name, state, reason)
            self._context.events.emit(
                "CloudWatch Alarm State Change",
                detail,
                [new["AlarmArn"]],
                source="aws.cloudwatch",
            )

    def evaluate(self, name: str, end: float) -> None:
        """Evaluate an alarm with its periods until a time, in seconds since the epoch."""
        alarm = self._context.store.get(KIND, name)
        if alarm is None:
            return
        verdict = evaluation.judge(alarm, datapoints.read(self._context, alarm, end))
        if verdict.state is None or verdict.state == alarm["StateValue"]:
            return
        self.change(name, verdict.state, verdict.reason, _data(alarm, verdict, end))

    def _watch(self) -> None:
        while not self._stopping.wait(_TICK - time.time() % _TICK):
            now = time.time() // _TICK * _TICK
            for alarm in self._context.store.list(KIND):
                is_new = alarm["StateReason"] == UNCHECKED
                if is_new or alarm["Period"] < _MINUTE or now % _MINUTE == 0:
                    self._try(alarm["AlarmName"], now)

    def _try(self, name: str, end: float) -> None:
        try:
            self.evaluate(name, end)
        except KeyError:  # deleted meanwhile
            _log.debug("alarm %s was deleted while it was evaluated", name)
        except Exception:  # one alarm must not keep the others from being evaluated
            _log.exception("alarm %s could not be evaluated", name)


def _data(alarm: Document, verdict: evaluation.Verdict, end: float) -> str:
    """The StateReasonData of an evaluation."""
    points = verdict.points
    begin = points[0].start if points else end - alarm["Period"]
    return json.dumps(
        {
            "version": "1.0",
            "queryDate": moment(time.time()),
            "startDate": moment(begin),
            "statistic": alarm["Statistic"],
            "period": alarm["Period"],
            "recentDatapoints": [point.value for point in points],
            "threshold": alarm["Threshold"],
            "evaluatedDatapoints": [
                {
                    "timestamp": moment(point.start),
                    "sampleCount": point.samples,
                    "value": point.value,
                }
                for point in reversed(points)
            ],
        }
    )


def _detail(old: Document, new: Document) -> dict[str, Any]:
    """The detail of a state-change event, as the user guide's "Alarm events" has it."""
    dimensions = {each["Name"]: each["Value"] for each in new.get("Dimensions", [])}
    metric = {
        "namespace": new["Namespace"],
        "name": new["MetricName"],
        "dimensions": dimensions,
    }
    watched = {
        "id": "m1",
        "metricStat": {"metric": metric, "period": new["Period"], "stat": new["Statistic"]},
        "returnData": True,
    }
    return {
        "alarmName": new["AlarmName"],
        "state": _state(new),
        "previousState": _state(old),
        "configuration": {"description": new.get("AlarmDescription", ""), "metrics": [watched]},
    }


def _state(alarm: Document) -> dict[str, Any]:
    state = {
        "value": alarm["StateValue"],
        "reason": alarm["StateReason"],
        "timestamp": moment(alarm["StateUpdatedTimestamp"]),
    }
    data = alarm.get("StateReasonData")
    return state | ({"reasonData": data} if data else {})
