"""The update of an endpoint that is under way: its stage, and the alarms that would end it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request

from sagemaker_emulator.console.pages import call, context_of


@dataclass(frozen=True)
class Alarm:
    """An alarm that rolls an update back.

    Attributes:
        name: Its name.
        state: OK, ALARM or INSUFFICIENT_DATA; `deleted` where there is none any more.
        reason: Why it has that state.
    """

    name: str
    state: str
    reason: str


@dataclass(frozen=True)
class Update:
    """What changes on an endpoint.

    Attributes:
        config: The configuration that is to serve.
        begin: When it began, in seconds since the epoch.
        share: The new servers' share of the requests, of 1.
        variants: Each variant's name, its VariantStatus and the message of that.
        alarms: Those that are watched.
    """

    config: str
    begin: float
    share: float
    variants: list[tuple[str, str, str]]
    alarms: list[Alarm]


def update_of(request: Request, endpoint: Mapping[str, Any]) -> Update | None:
    """The update of an endpoint that is Creating or Updating; None for any other.

    Args:
        request: The browser's request.
        endpoint: DescribeEndpoint's response.
    """
    pending = endpoint.get("PendingDeploymentSummary")
    if not pending:
        return None
    stages = [
        (variant["VariantName"], status["Status"], status.get("StatusMessage", ""))
        for variant in pending.get("ProductionVariants", [])
        for status in variant.get("VariantStatus", [])
    ]
    watched = endpoint.get("LastDeploymentConfig", {}).get("AutoRollbackConfiguration", {})
    names = [alarm["AlarmName"] for alarm in watched.get("Alarms", [])]
    alarms = _alarms(request, names) if endpoint["EndpointStatus"] == "Updating" else []
    # SageMaker has no member for the share.
    kept = context_of(request).store.get("endpoint", endpoint["EndpointName"]) or {}
    share = ((kept.get("Update") or {}).get("Stage") or {}).get("Share", 0.0)
    return Update(pending["EndpointConfigName"], pending["StartTime"], share, stages, alarms)


def _alarms(request: Request, names: list[str]) -> list[Alarm]:
    if not names:
        return []
    found = call(request, "DescribeAlarms", "cloudwatch", AlarmNames=names)["MetricAlarms"]
    states = {alarm["AlarmName"]: alarm for alarm in found}
    return [
        Alarm(
            name,
            states.get(name, {}).get("StateValue", "deleted"),
            states.get(name, {}).get("StateReason", ""),
        )
        for name in names
    ]
