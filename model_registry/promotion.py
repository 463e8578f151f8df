"""Put an approved model version behind the endpoint, keeping its other settings; and go back."""

import hashlib
import json
import time
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from model_registry import endpoint as endpoints
from model_registry.endpoint import DECIDED_AT, REPLACES, Endpoint
from model_registry.errors import EndpointBusyError, RegistryError
from model_registry.versions import APPROVED, ModelVersion, approved, create_model, describe

CREATED, UPDATED, ALREADY = "endpoint created", "endpoint updated", "already serving"
SUPERSEDED = "superseded by a later decision"
# What it serves, or changes to, in these states it goes on serving unless somebody changes it.
LASTING = ("InService", "Creating", "Updating", "SystemUpdating", "RollingBack")
GONE = "Gone"  # ours, not SageMaker's: it was there, and has been deleted meanwhile
POLL_SECONDS = 2.0


@dataclass(frozen=True)
class Promotion:
    """What a promotion or a rollback did."""

    status: str
    endpoint_name: str
    model_package_arn: str
    version: int
    endpoint_config_name: str
    replaced_config_name: str

    def as_dict(self) -> dict[str, Any]:
        """The same as plain values."""
        return asdict(self)


@dataclass(frozen=True)
class Placement:
    """Where a model goes, and what a new endpoint is made of; an existing one keeps its own."""

    endpoint_name: str
    instance_type: str
    role_arn: str


def promote(
    client: Any,
    package_arn: str,
    placement: Placement,
    *,
    wait_seconds: float = 0.0,
    decided_at: datetime | None = None,
) -> Promotion:
    """Create the endpoint with a model version, or update it to that version.

    The new endpoint configuration is the present one with the main variant's model exchanged. The
    same version again changes nothing. When the endpoint is busy, this waits for its turn.

    Args:
        client: A boto3 SageMaker client.
        package_arn: The version to serve: exactly this one, whichever is newest.
        placement: The endpoint, and what to make a new one of.
        wait_seconds: How long to wait for an endpoint that is being changed.
        decided_at: When somebody decided this; now when left out. A decision made before the one
            that the endpoint follows now (an event that arrives late or twice) changes nothing.

    Raises:
        NotApprovedError: The version is not approved.
        EndpointBusyError: The endpoint was still being changed after `wait_seconds`.
    """
    return _serve(client, package_arn, placement, wait_seconds, decided_at)


def rollback(client: Any, placement: Placement, *, wait_seconds: float = 0.0) -> Promotion:
    """Serve again the approved version that was served before; the endpoint's settings stay.

    The order of versions is read from the tags of the endpoint's configurations. Rolling back twice
    goes two versions back, not to and fro.

    Raises:
        RegistryError: There is no endpoint, or no approved version was served before.
        EndpointBusyError: The endpoint was still being changed after `wait_seconds`.
    """
    current = endpoints.require(client, placement.endpoint_name)
    config, skipped = current.wanted_config, []
    while config := _replaced_by(client, config):
        _, package, made = endpoints.model_of(client, config, current.variant)
        if not package or package == current.wanted_package:
            continue
        state = _state(client, package, made)
        if state == APPROVED:
            before = _replaced_by(client, config)
            return _serve(client, package, placement, wait_seconds, replaces=before)
        skipped.append(f"version {endpoints.version_number(package)} is {state}")
    why = f" ({'; '.join(skipped)})" if skipped else ""
    raise RegistryError(
        f"Endpoint {placement.endpoint_name} has served no approved version before this one{why}. "
        "`python pipeline.py models` lists the versions; "
        "`python pipeline.py promote VERSION` serves one of them."
    )


def _serve(
    client: Any,
    package_arn: str,
    placement: Placement,
    wait_seconds: float,
    decided_at: datetime | None = None,
    replaces: str | None = None,
) -> Promotion:
    """Bring the endpoint to the version, however often something else gets in between."""
    deadline = time.monotonic() + wait_seconds
    name = placement.endpoint_name
    current: Endpoint | None = None
    while True:
        # Each time, because somebody may reject it while this waits.
        version = approved(client, package_arn)
        found = endpoints.read(client, name)
        # One that goes while this waits, as a failed one does that another promotion makes again,
        # comes back with its settings.
        current = found or (replace(current, status=GONE, pending_config="") if current else None)
        if current:
            serves = current.will_serve(version.arn, version.created)
            if serves and current.status in LASTING:
                return _done(ALREADY, version, name, current.wanted_config, "")
            in_force = endpoints.decided_at(client, current.wanted_config)
            # What is decided now comes after what is in force, whatever this machine's clock says.
            decided_at = decided_at or max(datetime.now(UTC), in_force)
            if in_force > decided_at:
                return _done(SUPERSEDED, version, name, current.wanted_config, "")
        decided_at = decided_at or datetime.now(UTC)
        if current is None or not current.busy:
            done = _try_to_serve(client, version, placement, current, decided_at, replaces)
            if done:
                return done
        if time.monotonic() + POLL_SECONDS > deadline:
            state = found.status if found else "Creating"
            raise EndpointBusyError(
                f"Endpoint {name} is {state}, so version {version.version} could not be promoted "
                f"within {wait_seconds:.0f} s. When `python pipeline.py endpoint --wait` says that "
                f"it is InService, run `python pipeline.py promote {version.version}`."
            )
        time.sleep(POLL_SECONDS)


def _try_to_serve(
    client: Any,
    version: ModelVersion,
    placement: Placement,
    current: Endpoint | None,
    decided_at: datetime,
    replaces: str | None,
) -> Promotion | None:
    """One attempt; None when somebody else changed the endpoint at the same moment."""
    name = placement.endpoint_name
    model = _create_model(client, version, placement, current)
    tags = {DECIDED_AT: decided_at.astimezone(UTC).isoformat()}
    if current:
        settings = _settings_of(client, current.config)
        variant = endpoints.main_variant(settings["ProductionVariants"], current.variant)
        variant["ModelName"] = model
        tags = {**endpoints.tags(client, current.config), **tags}
        tags[REPLACES] = current.config if replaces is None else replaces
    else:
        settings = {"ProductionVariants": [_new_variant(model, placement)]}
    # Milliseconds, because two decisions in one second are two configurations; and what it is made
    # from, because one that another decision overtook names another predecessor when it comes back.
    moment = decided_at.astimezone(UTC).strftime("%Y%m%d%H%M%S%f")[:-3]
    made_from = json.dumps([settings, tags], sort_keys=True, default=str).encode()
    config = f"{name[:30]}-v{version.version}-{moment}-{hashlib.sha256(made_from).hexdigest()[:4]}"
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
            _wait_until_gone(client, name)
        if current is None or current.status in ("Failed", GONE):
            client.create_endpoint(EndpointName=name, EndpointConfigName=config)
            return _done(CREATED, version, name, config, current.config if current else "")
        client.update_endpoint(
            EndpointName=name,
            EndpointConfigName=config,
            # Counts and weights that were changed while serving (by autoscaling, say) stay too.
            RetainAllVariantProperties=True,
            **({"RetainDeploymentConfig": True} if _has_deployment_config(client, name) else {}),
        )
    except ClientError as error:
        if not (_already_exists(error) or _in_progress(error) or endpoints.is_missing(error)):
            raise
        return None
    return _done(UPDATED, version, name, config, current.config)


def _settings_of(client: Any, config: str) -> dict[str, Any]:
    """All that CreateEndpointConfig takes and Describe tells, whatever SageMaker adds to it."""
    operation = client.meta.service_model.operation_model("CreateEndpointConfig")
    found = endpoints.settings_of(client, config)
    return {
        key: found[key]
        for key in operation.input_shape.members
        if found.get(key) and key not in ("EndpointConfigName", "Tags")
    }


def _new_variant(model: str, placement: Placement) -> dict[str, Any]:
    return {
        "VariantName": "AllTraffic",
        "ModelName": model,
        "InstanceType": placement.instance_type,
        "InitialInstanceCount": 1,
        "InitialVariantWeight": 1.0,
    }


def _create_model(
    client: Any, version: ModelVersion, placement: Placement, current: Endpoint | None
) -> str:
    """The SageMaker model of a version; the same one however often it is promoted."""
    # A deleted group counts from 1 again, so the number alone would name another package's model.
    identity = f"{version.arn} {version.created.isoformat()}".encode()
    name = f"{version.group[:40]}-v{version.version}-{hashlib.sha256(identity).hexdigest()[:8]}"
    try:
        create_model(client, name, version, placement.role_arn or _role_of(client, current))
    except ClientError as error:
        if not _already_exists(error):
            raise
    return name


def _role_of(client: Any, current: Endpoint | None) -> str:
    role = client.describe_model(ModelName=current.model).get("ExecutionRoleArn") if current else ""
    if not role:
        raise RegistryError(
            "No execution role is known for the model: set EXECUTION_ROLE for the Lambda "
            "function, which `python pipeline.py setup` does."
        )
    return str(role)


def _state(client: Any, package: str, made: datetime) -> str:
    """The approval of the package that a model was made from; "deleted" where it is gone."""
    try:
        version = describe(client, package)
    except ClientError as error:
        if endpoints.is_missing(error):
            return "deleted"
        raise
    # A new group counts from version 1 again, so this may be another package of the same name.
    return version.approval if made >= version.created else "deleted"


def _replaced_by(client: Any, config: str) -> str:
    """The configuration served before this one; "" where there is none or it is gone."""
    return endpoints.tags(client, config).get(REPLACES, "")


def _has_deployment_config(client: Any, name: str) -> bool:
    return bool(client.describe_endpoint(EndpointName=name).get("LastDeploymentConfig"))


def _wait_until_gone(client: Any, name: str, seconds: float = 120.0) -> None:
    deadline = time.monotonic() + seconds
    while endpoints.read(client, name):
        if time.monotonic() > deadline:
            raise EndpointBusyError(
                f"The failed endpoint {name} was not deleted within {seconds:.0f} s."
            )
        time.sleep(POLL_SECONDS)


def _done(status: str, version: ModelVersion, name: str, config: str, replaced: str) -> Promotion:
    return Promotion(status, name, version.arn, version.version, config, replaced)


def _already_exists(error: ClientError) -> bool:
    found = error.response["Error"]
    return found["Code"] == "ResourceInUse" or "already exist" in found.get("Message", "")


def _in_progress(error: ClientError) -> bool:
    message = error.response["Error"].get("Message", "").lower()
    return "in-progress" in message or "in progress" in message or "cannot update" in message
