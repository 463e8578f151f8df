"""The CloudWatch alarms that roll a deployment back, with the limits of the settings."""

from typing import TYPE_CHECKING, Any

from pipelines.provisioning import template
from pipelines.provisioning.item import Item, State
from pipelines.settings.model import Settings

if TYPE_CHECKING:
    import boto3

# The logical name in the template, by the alarm's name in the settings.
RESOURCES = {"errors": "ErrorsAlarm", "latency": "LatencyAlarm", "self-test": "SelfTestAlarm"}
# AWS measures endpoints in whole minutes. The emulator does so in seconds; then a deployment need
# not bake for minutes.
LOCAL_PERIOD = 10


def alarms(session: "boto3.Session", settings: Settings) -> list[Item]:
    """Create or update the alarms of the settings' endpoint."""
    client = session.client("cloudwatch")
    items = []
    for alarm in RESOURCES:
        wanted = request(alarm, settings)
        name = wanted["AlarmName"]
        found: list[Any] = client.describe_alarms(AlarmNames=[name])["MetricAlarms"]
        state: State = "updated" if found else "created"
        if found and all(found[0].get(key) == value for key, value in wanted.items()):
            state = "exists"
        else:
            client.put_metric_alarm(**wanted)
        items.append(Item("alarm", name, state))
    return items


def request(alarm: str, settings: Settings) -> dict[str, Any]:
    """The request that creates an alarm.

    Args:
        alarm: Its name in the settings, such as `errors`.
        settings: Resolved settings.
    """
    rollout = settings.rollout
    described = template.properties(RESOURCES[alarm], settings)
    dimensions = [
        {**one, "Value": settings.endpoint} if one["Name"] == "EndpointName" else one
        for one in described["Dimensions"]
    ]
    limits = {
        "errors": rollout.max_error_share,
        "latency": rollout.max_latency * 1e6,
        "self-test": described["Threshold"],
    }
    return {
        **described,
        "AlarmName": f"{settings.endpoint}-{alarm}",
        "Dimensions": dimensions,
        "Threshold": float(limits[alarm]),
        "Period": LOCAL_PERIOD if settings.target == "local" else described["Period"],
    }
