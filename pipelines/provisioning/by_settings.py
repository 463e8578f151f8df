"""What settings change in the template's resources, beyond its parameters."""

from collections.abc import Callable

from pipelines.provisioning import alarms, promoter
from pipelines.provisioning.kinds.kind import Document
from pipelines.settings.model import Settings


def changed(logical: str, properties: Document, settings: Settings) -> Document:
    """The properties of a resource as `setup` makes it.

    Args:
        logical: Its name in the template.
        properties: Its evaluated properties.
        settings: Resolved settings.
    """
    if logical in alarms.RESOURCES:
        return alarms.for_settings(alarms.RESOURCES[logical], properties, settings)
    change = CHANGES.get(logical)
    return change(properties, settings) if change else properties


def _allow_statuses(role: Document, settings: Settings) -> Document:
    """Let the execution role register versions with the statuses that the settings allow.

    Whoever may start the pipeline chooses the status, among what whoever runs `setup` allows.
    """
    for statement in role["Policies"][0]["PolicyDocument"]["Statement"]:
        if statement["Sid"] == "Register":
            allowed = {"sagemaker:ModelApprovalStatus": list(settings.initial_statuses)}
            statement["Condition"] = {"StringEquals": allowed}
    return role


def _environment(function: Document, settings: Settings) -> Document:
    return {**function, "Environment": {"Variables": promoter.environment(settings)}}


def _endpoint(alarm: Document, settings: Settings) -> Document:
    return {**alarm, "Dimensions": [{"Name": "EndpointName", "Value": settings.endpoint}]}


CHANGES: dict[str, Callable[[Document, Settings], Document]] = {
    "ExecutionRole": _allow_statuses,
    "Promotion": _environment,
    "WatchAlarm": _endpoint,
}
