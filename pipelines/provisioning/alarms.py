"""The CloudWatch alarms that roll a deployment back, with the limits of the settings."""

from pipelines.provisioning.kinds.kind import Document
from pipelines.settings.model import Settings

# The alarm's name in the settings, by its logical name in the template.
RESOURCES = {"ErrorsAlarm": "errors", "LatencyAlarm": "latency", "SelfTestAlarm": "self-test"}
# AWS measures endpoints in whole minutes. The emulator does so in seconds; then a deployment need
# not bake for minutes.
LOCAL_PERIOD = 10


def for_settings(alarm: str, described: Document, settings: Settings) -> Document:
    """The properties of an alarm of the settings' endpoint.

    Args:
        alarm: Its name in the settings, such as `errors`.
        described: Its properties in the template.
        settings: Resolved settings.
    """
    rollout = settings.rollout
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
