"""Wait until the endpoint serves the version that was approved last."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from model_registry import endpoint as endpoints
from model_registry.endpoint import Endpoint
from model_registry.errors import EndpointBusyError, RegistryError
from model_registry.versions import APPROVED, ModelVersion
from pipelines.serving import endpoint_status
from pipelines.serving.package_group import NoGroupError, list_versions, version_number

if TYPE_CHECKING:
    from types_boto3_sagemaker import SageMakerClient

POLL_SECONDS = 1.0
# From an approval until the rule first calls the promotion function; it takes seconds on AWS, too.
RULE_SECONDS = 120.0


def wait(
    client: SageMakerClient,
    group: str,
    name: str,
    seconds: float,
    report: Callable[[str], None] = lambda _: None,
) -> Endpoint:
    """Wait until the endpoint no longer changes and has followed every approval.

    Args:
        client: A boto3 SageMaker client.
        group: The model package group.
        name: The endpoint.
        seconds: The longest time to wait.
        report: Called with a line whenever something has changed.

    Raises:
        EndpointBusyError: The time is over.
        RegistryError: There is no endpoint and nothing approved that would create it, or nothing
            has deployed the approved version.
    """
    begun = time.monotonic()
    latest = _approved_last(client, group, name)
    last_line = ""
    while True:
        endpoint = endpoints.read(client, name)
        if endpoint is None and latest is None:
            endpoint_status.require(client, name)
        due = latest if latest and _is_due(client, endpoint, latest) else None
        resting = endpoint is not None and not endpoint.busy
        line = _describe(name, endpoint, due)
        if line != last_line:
            report(line)
            last_line = line
        if endpoint and resting and not due:
            return endpoint
        if endpoint and resting and due and endpoint.failure and endpoint.modified > due.modified:
            raise RegistryError(
                f"Version {due.version} is approved, but could not be deployed: "
                f"{endpoint.failure.rstrip('.')}. Endpoint {name} is {endpoint.status} as before. "
                f"Solve this, then run `python pipeline.py promote {due.version}`."
            )
        waited = time.monotonic() - begun
        if due and (endpoint is None or resting) and waited > RULE_SECONDS:
            raise RegistryError(
                f"Version {due.version} is approved, but in {waited:.0f} s nothing deployed it. "
                "`python pipeline.py setup` creates the approval rule; the log of its function is "
                f"/aws/lambda/{group}-promote. To deploy it by hand: "
                f"`python pipeline.py promote {due.version}`."
            )
        if waited + POLL_SECONDS > seconds:
            state = f"is still {endpoint.status}" if endpoint else "does not exist yet"
            raise EndpointBusyError(
                f"Endpoint {name} {state} after {waited:.0f} s. "
                "To wait longer: `python pipeline.py endpoint --wait`."
            )
        time.sleep(POLL_SECONDS)


def _approved_last(client: SageMakerClient, group: str, name: str) -> ModelVersion | None:
    """The version for this endpoint that somebody approved last, which need not be the newest."""
    try:
        approved = list_versions(client, group, APPROVED)
    except NoGroupError:
        return None
    # A version that names no endpoint is served where somebody promotes it.
    here = [v for v in approved if v.metadata.get("endpoint_name", name) == name]
    return max(here, key=lambda version: version.modified, default=None)


def _is_due(client: SageMakerClient, endpoint: Endpoint | None, version: ModelVersion) -> bool:
    """Whether the endpoint has not yet followed the approval of this version."""
    if endpoint is None:
        return True
    if endpoint.will_serve(version.arn, version.created):
        return False
    return endpoints.decided_at(client, endpoint.next_config) < version.modified


def _describe(name: str, endpoint: Endpoint | None, due: ModelVersion | None) -> str:
    if due and not (endpoint and endpoint.busy):
        return f"Version {due.version} is approved; waiting for the approval rule to deploy it."
    assert endpoint is not None
    version = version_number(endpoint.next_model.package)
    return f"Endpoint {name} is {endpoint.status} with version {version or 'unknown'}."
