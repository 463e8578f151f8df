"""Wait until the endpoint serves the version that was approved last."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from model_registry import endpoint as endpoints
from model_registry.attempts import BROKEN, FAILED_DECISION, FAILURE, UNKNOWN, failed, failed_config
from model_registry.decisions import recorded
from model_registry.endpoint import Endpoint
from model_registry.errors import EndpointBusyError, RegistryError
from model_registry.versions import APPROVED, ModelVersion, describe
from pipelines.serving import endpoint_status
from pipelines.serving.package_group import NoGroupError, list_versions, version_number

if TYPE_CHECKING:
    from types_boto3_sagemaker import SageMakerClient

POLL_SECONDS = 1.0
# From an approval until the rule first calls the promotion function; it takes seconds on AWS, too.
RULE_SECONDS = 120.0
# From when the function has surely heard of an approval, if it runs at all: a note on the version
# that it could not be deployed is then of this approval, and of none before it.
NOTE_SECONDS = 30.0


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
        RegistryError: There is no endpoint and nothing approved that would create it, nothing has
            deployed the approved version, or its deployment failed or was rolled back.
    """
    begun = time.monotonic()
    latest = _approved_last(client, group, name)
    last_line = ""
    while True:
        endpoint = endpoints.read(client, name)
        if endpoint is None and latest is None:
            endpoint_status.require(client, name)
        due = latest if latest and _is_due(client, endpoint, latest) else None
        if endpoint is None and due and failed(due, _decided(due)):
            raise RegistryError(
                f"There is no endpoint {name}, and version {due.version}, which was approved last, "
                f"could not be deployed: {due.metadata[FAILURE]}. It is not tried again by itself. "
                "`python pipeline.py models` lists the versions; "
                "`python pipeline.py promote VERSION` creates the endpoint with one of them."
            )
        resting = endpoint is not None and not endpoint.busy
        line = _describe(name, endpoint, due)
        if line != last_line:
            report(line)
            last_line = line
        if endpoint and resting and (missed := _failed(client, endpoint, due)):
            raise RegistryError(
                f"Version {missed.version} is approved, but could not be deployed: "
                f"{endpoint.failure.rstrip('.') or UNKNOWN}. Endpoint {name} is {endpoint.status} "
                f"with {_serving(endpoint)}. "
                f"Solve this, then run `python pipeline.py promote {missed.version}`."
            )
        if endpoint and resting and not due:
            return endpoint
        waited = time.monotonic() - begun
        if due and resting and endpoint and (why := _refusal(client, due, waited)):
            raise RegistryError(
                f"Version {due.version} is approved, but could not be deployed: {why}. Endpoint "
                f"{name} is {endpoint.status} with {_serving(endpoint)}. "
                f"Solve this, then run `python pipeline.py promote {due.version}`."
            )
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
    """The version for this endpoint that somebody approved last, which need not be the newest.

    None of another account's registry: an approval there deploys nothing here.
    """
    if group.startswith("arn:"):
        return None
    try:
        approved = list_versions(client, group, APPROVED)
    except NoGroupError:
        return None
    # A version that names no endpoint is served where somebody promotes it.
    here = [v for v in approved if v.metadata.get("endpoint_name", name) == name]
    return max(here, key=_decided, default=None)


def _decided(version: ModelVersion) -> datetime:
    """When it was approved; without what the function keeps of that, when it was changed last."""
    return recorded(version) or version.modified


def _failed(
    client: SageMakerClient, endpoint: Endpoint, due: ModelVersion | None
) -> ModelVersion | None:
    """The version that the last deployment should have served, unless another one is due now."""
    config = failed_config(client, endpoint)
    package = endpoints.read_model(client, config, endpoint.variant).package if config else ""
    if not package or (due and due.arn != package):
        return None
    try:
        version = describe(client, package)
    except ClientError as error:
        if endpoints.is_missing(error):
            return None
        raise
    return version if version.approval == APPROVED else None


def _refusal(client: SageMakerClient, version: ModelVersion, waited: float) -> str:
    """Why the function refused to deploy a version; "" if it has not, or not yet.

    Args:
        client: A boto3 SageMaker client.
        version: An approved version, as it was when the waiting began.
        waited: Seconds since then.
    """
    try:
        now = describe(client, version.arn)
    except ClientError as error:
        if endpoints.is_missing(error):
            return ""
        raise
    noted = now.metadata.get(FAILED_DECISION) != version.metadata.get(FAILED_DECISION)
    if failed(now, _decided(now)) and (noted or waited > NOTE_SECONDS):
        return now.metadata[FAILURE].rstrip(".")
    return ""


def _serving(endpoint: Endpoint) -> str:
    version = version_number(endpoint.model.package)
    return f"version {version}" if version and endpoint.status not in BROKEN else "nothing"


def _is_due(client: SageMakerClient, endpoint: Endpoint | None, version: ModelVersion) -> bool:
    """Whether the endpoint has not yet followed the approval of this version."""
    if endpoint is None:
        return True
    if endpoint.will_serve(version.arn, version.created):
        return False
    return endpoints.decided_at(client, endpoint.next_config) < _decided(version)


def _describe(name: str, endpoint: Endpoint | None, due: ModelVersion | None) -> str:
    if due and not (endpoint and endpoint.busy):
        return f"Version {due.version} is approved; waiting for the approval rule to deploy it."
    assert endpoint is not None
    version = version_number(endpoint.next_model.package)
    return f"Endpoint {name} is {endpoint.status} with version {version or 'unknown'}."
