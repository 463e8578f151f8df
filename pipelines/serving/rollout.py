"""Wait until the endpoint serves what was decided last."""

import time
from collections.abc import Callable
from typing import Any

from model_registry import endpoint as endpoints
from model_registry.endpoint import Endpoint
from model_registry.errors import EndpointBusyError, NoGroupError, RegistryError
from model_registry.versions import APPROVED, ModelVersion, list_versions

POLL_SECONDS = 1.0
# From an approval to the rule's first call of the promoting function; seconds on AWS too.
RULE_SECONDS = 120.0


def wait(
    client: Any, group: str, name: str, seconds: float, say: Callable[[str], None] = lambda _: None
) -> Endpoint:
    """Wait until the endpoint is at rest and no approval is left that it has not followed.

    Args:
        client: A boto3 SageMaker client.
        group: The model package group.
        name: The endpoint.
        seconds: The longest time to wait.
        say: Called with a line whenever something has changed.

    Raises:
        EndpointBusyError: The time is over.
        RegistryError: There is no endpoint and nothing approved that would create it, or nothing
            has deployed the approved version.
    """
    begun = time.monotonic()
    due = _approved_last(client, group, name)
    said = ""
    while True:
        found = endpoints.read(client, name)
        if found is None and due is None:
            endpoints.require(client, name)
        waiting_for_rule = due is not None and _is_due(client, found, due)
        text = _text(name, found, due if waiting_for_rule else None)
        if text != said:
            say(text)
            said = text
        if found and not found.busy and not waiting_for_rule:
            return found
        if found and not found.busy and due and found.failure and found.modified > due.modified:
            reason = found.failure.rstrip(".")
            raise RegistryError(
                f"Version {due.version} is approved, but could not be deployed: {reason}. "
                f"Endpoint {name} is {found.status} as before. When the reason is mended: "
                f"`python pipeline.py promote {due.version}`."
            )
        waited = time.monotonic() - begun
        if waiting_for_rule and due and not (found and found.busy) and waited > RULE_SECONDS:
            raise RegistryError(
                f"Version {due.version} is approved, but in {waited:.0f} s nothing deployed it. "
                "`python pipeline.py setup` makes the approval rule; its function's log is "
                f"/aws/lambda/{group}-promote. By hand: `python pipeline.py promote {due.version}`."
            )
        if waited + POLL_SECONDS > seconds:
            state = f"is still {found.status}" if found else "has not appeared"
            raise EndpointBusyError(
                f"Endpoint {name} {state} after {waited:.0f} s. "
                "`python pipeline.py endpoint --wait` goes on waiting."
            )
        time.sleep(POLL_SECONDS)


def _approved_last(client: Any, group: str, name: str) -> ModelVersion | None:
    """The version for this endpoint that somebody approved last, which need not be the newest."""
    try:
        approved = list_versions(client, group, APPROVED)
    except NoGroupError:
        return None
    # One that names no endpoint is served where somebody promotes it.
    here = [v for v in approved if v.metadata.get("endpoint_name", name) == name]
    return max(here, key=lambda version: version.modified, default=None)


def _is_due(client: Any, found: Endpoint | None, due: ModelVersion) -> bool:
    """Whether the endpoint has not yet followed the approval."""
    if found is None:
        return True
    if found.will_serve(due.arn, due.created):
        return False
    return endpoints.decided_at(client, found.wanted_config) < due.modified


def _text(name: str, found: Endpoint | None, due: ModelVersion | None) -> str:
    if due and not (found and found.busy):
        return f"Version {due.version} is approved; waiting for the approval rule to deploy it."
    assert found is not None
    version = endpoints.version_number(found.wanted_package)
    return f"Endpoint {name} is {found.status} with version {version or 'unknown'}."
