"""Put an approved model version behind the endpoint, and keep the endpoint's other settings."""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from model_registry import endpoint as endpoints
from model_registry.endpoint import DECIDED_AT, REPLACES, Endpoint
from model_registry.errors import EndpointBusyError, RegistryError
from model_registry.versions import ModelVersion, create_model, describe_approved

if TYPE_CHECKING:
    from types_boto3_sagemaker import SageMakerClient

CREATED, UPDATED, ALREADY = "endpoint created", "endpoint updated", "already serving"
SUPERSEDED = "superseded by a later decision"
# In these states an endpoint keeps serving its model, or the one it changes to, by itself.
LASTING = ("InService", "Creating", "Updating", "SystemUpdating", "RollingBack")
DELETED = "Deleted"  # ours, not SageMaker's: the endpoint was deleted while promotion waited
POLL_SECONDS = 2.0
DELETE_SECONDS = 120.0


@dataclass(frozen=True)
class Promotion:
    """What a promotion or a rollback did."""

    status: str
    endpoint_name: str
    model_package_arn: str
    version: int
    endpoint_config_name: str
    replaced_config_name: str


@dataclass(frozen=True)
class Placement:
    """The endpoint that a model goes to, and what to create it with.

    An endpoint that exists keeps its own instance type.
    """

    endpoint_name: str
    instance_type: str
    role_arn: str


def promote(
    client: SageMakerClient,
    package_arn: str,
    placement: Placement,
    *,
    wait_seconds: float = 0.0,
    decided_at: datetime | None = None,
    replaces: str | None = None,
) -> Promotion:
    """Create the endpoint with a model version, or update it to that version.

    The new endpoint configuration is the present one with the main variant's model exchanged.
    Promoting the same version again changes nothing. A busy endpoint is waited for.

    Args:
        client: A boto3 SageMaker client.
        package_arn: The version to serve: exactly this one, even if another is newer.
        placement: The endpoint, and what to create it with.
        wait_seconds: How long to wait for an endpoint that is being changed.
        decided_at: When somebody decided this; by default now. A decision older than the one that
            the endpoint follows (an event that arrives late or twice) changes nothing.
        replaces: The configuration to which a later rollback returns; by default the present one.

    Raises:
        NotApprovedError: The version is not approved.
        EndpointBusyError: The endpoint was still being changed after `wait_seconds`.
    """
    deadline = time.monotonic() + wait_seconds
    name = placement.endpoint_name
    current: Endpoint | None = None
    while True:
        # Each time, because somebody may reject it while this waits.
        version = describe_approved(client, package_arn)
        found = endpoints.read(client, name)
        # An endpoint that is deleted while this waits (another promotion recreates a failed one in
        # that way) is created again with its settings.
        gone = replace(current, status=DELETED, pending_config="") if current else None
        current = found or gone
        if current:
            serves = current.will_serve(version.arn, version.created)
            if serves and current.status in LASTING:
                return _result(ALREADY, version, name, current.next_config, "")
            in_force = endpoints.decided_at(client, current.next_config)
            # A decision of now is later than the one in force, whatever this machine's clock says.
            decided_at = decided_at or max(datetime.now(UTC), in_force)
            if in_force > decided_at:
                return _result(SUPERSEDED, version, name, current.next_config, "")
        decided_at = decided_at or datetime.now(UTC)
        if current is None or not current.busy:
            result = _try_to_serve(client, version, placement, current, decided_at, replaces)
            if result:
                return result
        if time.monotonic() + POLL_SECONDS > deadline:
            state = found.status if found else "Creating"
            raise EndpointBusyError(
                f"Endpoint {name} is {state}, so version {version.version} could not be promoted "
                f"within {wait_seconds:.0f} s. Wait until `python pipeline.py endpoint --wait` "
                "reports InService, then run "
                f"`python pipeline.py promote {version.version}`."
            )
        time.sleep(POLL_SECONDS)


def _try_to_serve(
    client: SageMakerClient,
    version: ModelVersion,
    placement: Placement,
    current: Endpoint | None,
    decided_at: datetime,
    replaces: str | None,
) -> Promotion | None:
    """Try once; None when somebody else changed the endpoint at the same moment."""
    name = placement.endpoint_name
    model = _create_model(client, version, placement, current)
    tags = {DECIDED_AT: decided_at.astimezone(UTC).isoformat()}
    if current:
        settings = _read_settings(client, current.config)
        variant = endpoints.main_variant(settings["ProductionVariants"], current.variant)
        variant["ModelName"] = model
        tags = {**endpoints.tags(client, current.config), **tags}
        tags[REPLACES] = current.config if replaces is None else replaces
    else:
        variant = {
            "VariantName": "AllTraffic",
            "ModelName": model,
            "InstanceType": placement.instance_type,
            "InitialInstanceCount": 1,
            "InitialVariantWeight": 1.0,
        }
        settings = {"ProductionVariants": [variant]}
    # Milliseconds, because two decisions in one second are two configurations; a hash, because a
    # decision that another one overtook may return with another predecessor.
    moment = decided_at.astimezone(UTC).strftime("%Y%m%d%H%M%S%f")[:-3]
    content = json.dumps([settings, tags], sort_keys=True, default=str).encode()
    config = f"{name[:30]}-v{version.version}-{moment}-{hashlib.sha256(content).hexdigest()[:4]}"
    try:
        client.create_endpoint_config(
            EndpointConfigName=config,
            Tags=[{"Key": key, "Value": value} for key, value in tags.items() if value],
            **settings,
        )
    except ClientError as error:
        if not _already_exists(error):
            raise
    try:
        if current and current.status == "Failed":
            # A failed endpoint can only be deleted; its configuration, and so its settings, remain.
            client.delete_endpoint(EndpointName=name)
            _wait_until_deleted(client, name)
        if current is None or current.status in ("Failed", DELETED):
            client.create_endpoint(EndpointName=name, EndpointConfigName=config)
            return _result(CREATED, version, name, config, current.config if current else "")
        deployed = client.describe_endpoint(EndpointName=name).get("LastDeploymentConfig")
        retain: dict[str, Any] = {"RetainDeploymentConfig": True} if deployed else {}
        client.update_endpoint(
            EndpointName=name,
            EndpointConfigName=config,
            # Also keep counts and weights that were changed while serving, by autoscaling say.
            RetainAllVariantProperties=True,
            **retain,
        )
    except ClientError as error:
        if not (_already_exists(error) or _in_progress(error) or endpoints.is_missing(error)):
            raise
        return None
    return _result(UPDATED, version, name, config, current.config)


def _read_settings(client: SageMakerClient, config: str) -> dict[str, Any]:
    """Return all settings that CreateEndpointConfig takes, including those that AWS adds later."""
    shape = client.meta.service_model.operation_model("CreateEndpointConfig").input_shape
    response = endpoints.read_settings(client, config)
    return {
        key: response[key]
        for key in getattr(shape, "members", {})
        if response.get(key) and key not in ("EndpointConfigName", "Tags")
    }


def _create_model(
    client: SageMakerClient, version: ModelVersion, placement: Placement, current: Endpoint | None
) -> str:
    """Create the SageMaker model of a version, if it does not exist; return its name."""
    # The versions of a group that was deleted and created again count from 1, so the number alone
    # could name the model of another package.
    identity = f"{version.arn} {version.created.isoformat()}".encode()
    name = f"{version.group[:40]}-v{version.version}-{hashlib.sha256(identity).hexdigest()[:8]}"
    try:
        create_model(client, name, version, placement.role_arn or _role_of(client, current))
    except ClientError as error:
        if not _already_exists(error):
            raise
    return name


def _role_of(client: SageMakerClient, current: Endpoint | None) -> str:
    if current:
        role = client.describe_model(ModelName=current.model.name).get("ExecutionRoleArn")
        if role:
            return role
    raise RegistryError(
        "No execution role is known for the model: set EXECUTION_ROLE for the Lambda "
        "function, which `python pipeline.py setup` does."
    )


def _wait_until_deleted(client: SageMakerClient, name: str) -> None:
    deadline = time.monotonic() + DELETE_SECONDS
    while endpoints.read(client, name):
        if time.monotonic() > deadline:
            raise EndpointBusyError(
                f"The failed endpoint {name} was not deleted within {DELETE_SECONDS:.0f} s. "
                "Run the command again."
            )
        time.sleep(POLL_SECONDS)


def _result(status: str, version: ModelVersion, name: str, config: str, replaced: str) -> Promotion:
    return Promotion(status, name, version.arn, version.version, config, replaced)


def _already_exists(error: ClientError) -> bool:
    details = error.response["Error"]
    return details["Code"] == "ResourceInUse" or "already exist" in details.get("Message", "")


def _in_progress(error: ClientError) -> bool:
    message = error.response["Error"].get("Message", "").lower()
    return "in-progress" in message or "in progress" in message or "cannot update" in message
