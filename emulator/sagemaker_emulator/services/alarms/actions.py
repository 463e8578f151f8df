"""What alarms do when their state changes: they tell SNS topics and Lambda functions."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.services.alarms import history
from sagemaker_emulator.services.alarms.messages import message, subject
from sagemaker_emulator.services.deliveries import Ended
from sagemaker_emulator.storage.store import Document

# The members that name the actions of each state.
MEMBERS = {
    "OK": "OKActions",
    "ALARM": "AlarmActions",
    "INSUFFICIENT_DATA": "InsufficientDataActions",
}
_RUN_HERE = re.compile(
    r"arn:aws[a-z-]*:(sns:[^:]*:[^:]*:[^:/]+|lambda:[^:]*:[^:]*:function:[^/]+)$"
)
_ORIGIN = "alarm"
_PRINCIPAL = "lambda.alarms.cloudwatch.amazonaws.com"


def is_run_here(arn: str) -> bool:
    """Whether an action is one of those that are run here."""
    return bool(_RUN_HERE.match(arn))


def report_to_history(context: Context) -> None:
    """Have the history of an alarm show how its actions ended."""

    def report(ended: Ended) -> None:
        delivery = ended.delivery
        done = "Failed to execute" if ended.problem else "Successfully executed"
        data = {
            "actionState": "Failed" if ended.problem else "Succeeded",
            "notificationResource": delivery["Arn"],
            "error": str(ended.problem) if ended.problem else None,
        }
        summary = f"{done} action {delivery['Arn']}"
        history.add(context, delivery["Origin"]["AlarmName"], "Action", summary, data)

    context.deliveries.reports[_ORIGIN] = report


def begin(context: Context, old: Document, new: Document, detail: Mapping[str, Any]) -> None:
    """Run the actions of a new state, soon; it may be called in a transaction.

    Args:
        context: the server.
        old: the alarm before.
        new: the alarm now.
        detail: of the event of the change.
    """
    if not new["ActionsEnabled"]:
        return
    origin = {"Kind": _ORIGIN, "AlarmName": new["AlarmName"]}
    for arn in new.get(MEMBERS[new["StateValue"]], []):
        if ":lambda:" in arn:
            payload = json.dumps(_payload(context, new, detail))
            permit = {"Permit": (_PRINCIPAL, new["AlarmArn"])}
            context.deliveries.send(arn, payload, permit, origin=origin)
        else:
            text = json.dumps(message(context, old, new))
            context.deliveries.send(arn, text, {"Subject": subject(new)}, origin=origin)


def _payload(context: Context, alarm: Document, detail: Mapping[str, Any]) -> dict[str, Any]:
    """What a function is invoked with."""
    return {
        "source": "aws.cloudwatch",
        "alarmArn": alarm["AlarmArn"],
        "accountId": context.account,
        "time": detail["state"]["timestamp"],
        "region": context.region,
        "alarmData": dict(detail),
    }
