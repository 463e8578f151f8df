"""Put an approved model version behind the endpoint, and keep the endpoint's other settings."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from model_registry import attempts, configuration, image_scan, model_data, shadow
from model_registry import endpoint as endpoints
from model_registry.attempts import Failure
from model_registry.configuration import Placement
from model_registry.endpoint import Endpoint
from model_registry.errors import EndpointBusyError, RegistryError
from model_registry.versions import ModelVersion, describe_approved

if TYPE_CHECKING:
    from types_boto3_ecr import ECRClient
    from types_boto3_s3 import S3Client
    from types_boto3_sagemaker import SageMakerClient

CREATED, UPDATED, ALREADY = "endpoint created", "endpoint updated", "already serving"
SUPERSEDED = "superseded by a later decision"
GONE = "the endpoint was deleted"
# In these states an endpoint keeps serving its model, or the one it changes to, by itself.
LASTING = ("InService", "Creating", "Updating", "SystemUpdating", "RollingBack")
DELETED = "Deleted"  # ours, not SageMaker's: the endpoint was deleted while promotion waited
POLL_SECONDS = 2.0
DELETE_SECONDS = 120.0


@dataclass(frozen=True)
class Promotion:
    """What a promotion or a rollback did; `ended_shadow` is `version 7`, or "" where none ended."""

    status: str
    endpoint_name: str
    model_package_arn: str
    version: int
    endpoint_config_name: str
    replaced_config_name: str
    ended_shadow: str = ""


def promote(
    client: SageMakerClient,
    package_arn: str,
    placement: Placement,
    *,
    wait_seconds: float = 0.0,
    decided_at: datetime | None = None,
    replaces: str | None = None,
    s3: S3Client | None = None,
    ecr: ECRClient | None = None,
    announce: Callable[[Failure], None] = attempts.ignore,
    creates: bool = True,
    renews: bool = False,
) -> Promotion:
    """Create the endpoint with a model version, or update it to that version.

    The new endpoint configuration is the present one with the main variant's model exchanged.
    Promoting the same version again changes nothing, unless it `renews`. A busy endpoint is waited
    for.

    Args:
        client: A boto3 SageMaker client.
        package_arn: The version to serve: exactly this one, even if another is newer.
        placement: The endpoint, and what to create it with.
        wait_seconds: How long to wait for an endpoint that is being changed.
        decided_at: When somebody decided this; by default now. A decision older than the one that
            the endpoint follows (an event that arrives late or twice) changes nothing.
        replaces: The configuration to which a later rollback returns; by default the present one.
        s3: A boto3 S3 client, to check that the model data is what was registered.
        ecr: A boto3 ECR client, to check the scan of the version's image (`placement.stop_at`).
        announce: Called with a deployment before this one that failed, if nobody has noted it.
        creates: Whether an endpoint that is not there is created. Where an event of the endpoint
            asks for this, it was there, so somebody has deleted it since.
        renews: Whether an endpoint that serves this version with another capture, network or key
            than those of `placement` gets them. Only where a person asks: an event may come from
            a function with other settings than theirs, and would ask again and again.

    Raises:
        NotApprovedError: The version is not approved.
        ModelDataError: The model data was overwritten or deleted after the version was registered.
        ImageScanError: The scan of the version's image does not allow that it serves.
        EndpointBusyError: The endpoint was still being changed after `wait_seconds`.
        RegistryError: The alarms of the rollout do not exist.
    """
    deadline = time.monotonic() + wait_seconds
    name = placement.endpoint_name
    current: Endpoint | None = None
    while True:
        # Each time, because somebody may reject it while this waits.
        version = describe_approved(client, package_arn)
        found = endpoints.read(client, name)
        if found is None and not creates:
            return _result(GONE, version, name, "", "")
        # An endpoint that is deleted while this waits (another promotion recreates a failed one in
        # that way) is created again with its settings.
        gone = replace(current, status=DELETED, pending_config="") if current else None
        current = found or gone
        if current:
            if found:
                attempts.settle(client, found, announce)
            serves = current.will_serve(version.arn, version.created)
            if (
                serves
                and current.status in LASTING
                and (not renews or configuration.is_current(client, version, placement, current))
            ):
                return _result(ALREADY, version, name, current.next_config, "")
            in_force = endpoints.decided_at(client, current.next_config)
            # A decision of now is later than the one in force, whatever this machine's clock says.
            decided_at = decided_at or max(datetime.now(UTC), in_force)
            if in_force > decided_at:
                return _result(SUPERSEDED, version, name, current.next_config, "")
        decided_at = decided_at or datetime.now(UTC)
        if current is None or not current.busy:
            if s3:
                model_data.check(s3, version)
            if ecr:
                image_scan.check(ecr, version.image, placement.stop_at)
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
    """Try once; None when somebody else changed the endpoint at the same moment.

    SageMaker's deployment guardrails, rollback by alarms among them, are for real-time and
    asynchronous endpoints only, so a serverless one gets no DeploymentConfig:
    https://docs.aws.amazon.com/sagemaker/latest/dg/deployment-guardrails.html
    """
    name = placement.endpoint_name
    created = configuration.create(client, version, placement, current, decided_at, replaces)
    config, instances = created.name, created.instances
    deployment = placement.rollout.config(name, instances) if instances else {}
    guarded: Any = {"DeploymentConfig": deployment} if deployment else {}
    try:
        if current and current.status == "Failed":
            # A failed endpoint can only be deleted; its configuration, and so its settings, remain.
            client.delete_endpoint(EndpointName=name)
            _wait_until_deleted(client, name)
        if current is None or current.status in ("Failed", DELETED):
            client.create_endpoint(
                EndpointName=name,
                EndpointConfigName=config,
                Tags=configuration.tag_list({**placement.tags, attempts.ATTEMPT: config}),
                # Nothing is there to go back to; but an update that somebody makes by hand may
                # retain this.
                **guarded,
            )
            replaced = current.config if current else ""
            return _result(CREATED, version, name, config, replaced, created.ended_shadow)
        attempts.begin(client, current, config)
        client.update_endpoint(
            EndpointName=name,
            EndpointConfigName=config,
            # Also keep counts and weights that were changed while serving, by autoscaling say.
            RetainAllVariantProperties=True,
            # Always sent: SageMaker need not tell the last one, and retains none by default.
            **guarded,
        )
    except ClientError as error:
        _correct_attempt(client, name)
        if refused := alarms_refused(error, placement):
            raise refused from error
        if not (
            configuration.already_exists(error) or in_progress(error) or endpoints.is_missing(error)
        ):
            raise
        return None
    return _result(UPDATED, version, name, config, current.config, created.ended_shadow)


def alarms_refused(error: ClientError, placement: Placement) -> RegistryError | None:
    """What to do where SageMaker does not take the alarms of the rollout; None for other errors."""
    name, alarms = placement.endpoint_name, placement.rollout.alarms
    message = error.response["Error"].get("Message", "")
    if not alarms or "alarm" not in message.lower():
        return None
    return RegistryError(
        f"SageMaker refuses to guard endpoint {name} by the alarms {', '.join(alarms)}: {message} "
        "`python pipeline.py setup` makes them; the setting rollout.alarms: [] does without."
    )


def _correct_attempt(client: SageMakerClient, name: str) -> None:
    """Name the change that is in progress, which is somebody else's, or none: ours never began."""
    if now := endpoints.read(client, name):
        # A shadow that begins or ends is no attempt to serve a version: it has no outcome to note.
        config = now.pending_config
        is_shadow = config and shadow.SHADOW in endpoints.tags(client, config)
        attempts.begin(client, now, "" if is_shadow else config)


def _wait_until_deleted(client: SageMakerClient, name: str) -> None:
    deadline = time.monotonic() + DELETE_SECONDS
    while endpoints.read(client, name):
        if time.monotonic() > deadline:
            raise EndpointBusyError(
                f"The failed endpoint {name} was not deleted within {DELETE_SECONDS:.0f} s. "
                "Run the command again."
            )
        time.sleep(POLL_SECONDS)


def _result(
    status: str, version: ModelVersion, name: str, config: str, replaced: str, shadow: str = ""
) -> Promotion:
    return Promotion(status, name, version.arn, version.version, config, replaced, shadow)


def in_progress(error: ClientError) -> bool:
    """Whether the endpoint could not be changed because it is being changed."""
    message = error.response["Error"].get("Message", "").lower()
    return "in-progress" in message or "in progress" in message or "cannot update" in message
