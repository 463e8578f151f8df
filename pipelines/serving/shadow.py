"""Run a version as a shadow beside the one that serves, and take it away again."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from model_registry import attempts, configuration, deployment, image_scan, model_data, shadow
from model_registry import endpoint as endpoints
from model_registry.attempts import Failure
from model_registry.configuration import Placement
from model_registry.endpoint import Endpoint
from model_registry.errors import EndpointBusyError, RegistryError
from model_registry.promotion import alarms_refused, in_progress
from model_registry.shadow import Shadow
from model_registry.versions import ModelVersion
from pipelines.serving import endpoint_status
from pipelines.serving.package_group import REJECTED, version_number

if TYPE_CHECKING:
    from types_boto3_ecr import ECRClient
    from types_boto3_s3 import S3Client
    from types_boto3_sagemaker import SageMakerClient

POLL_SECONDS = 1.0


def read(client: SageMakerClient, config: str) -> Shadow | None:
    """The shadow variant of an endpoint configuration; None where it has none.

    Raises:
        RegistryError: The configuration has been deleted.
    """
    settings = endpoints.read_settings(client, config)
    return shadow.of(settings, endpoints.tags(client, config))


def variant_name(version: int) -> str:
    """The name of a version's shadow variant: metrics and captured answers are kept by it."""
    return f"Shadow-{version}"


def start(
    client: SageMakerClient,
    version: ModelVersion,
    placement: Placement,
    percent: int,
    instances: int,
    *,
    wait_seconds: float,
    s3: S3Client,
    ecr: ECRClient,
    announce: Callable[[Failure], None] = attempts.ignore,
) -> Shadow:
    """Serve copies of an endpoint's requests by a version, whose answers nobody gets.

    The version need not be approved. What answers stays as it is, and so does the decision that
    later approvals are compared with. A shadow that runs already is replaced.

    Args:
        client: A boto3 SageMaker client.
        version: The version.
        placement: The endpoint, and what its configurations have.
        percent: The share of the requests that it gets a copy of.
        instances: How many it has, of the type of those that serve.
        wait_seconds: How long to wait for the endpoint, before and after.
        s3: A boto3 S3 client, to check that the model data is what was registered.
        ecr: A boto3 ECR client, to check the scan of the version's image.
        announce: Called with a deployment before this that failed, if nobody has noted it.

    Returns:
        The shadow, which gets copies now.

    Raises:
        RegistryError: The version is rejected or serves, the endpoint can have no shadow, or the
            shadow did not start; then the endpoint is as before.
        EndpointBusyError: The endpoint was still being changed after `wait_seconds`.
    """
    if version.approval == REJECTED:
        raise RegistryError(
            f"Version {version.version} of {version.group} is {REJECTED}, so it gets no requests, "
            "nor copies of them. `python pipeline.py models` lists the other versions."
        )
    model_data.check(s3, version)
    image_scan.check(ecr, version.image, placement.stop_at)

    def settings(current: Endpoint, described: dict[str, Any]) -> dict[str, Any]:
        if current.model.package == version.arn:
            raise RegistryError(
                f"Version {version.version} serves on endpoint {current.name}, so as a shadow it "
                "would be compared with itself. `python pipeline.py models` lists the others."
            )
        changed, main = _alone(client, current, described)
        model = configuration.create_model_of(client, version, placement, current, approved=False)
        beside = {"VariantName": variant_name(version.version), "ModelName": model}
        size = {"InitialInstanceCount": instances, "InitialVariantWeight": percent / 100}
        changed[shadow.VARIANTS] = [{**main, **beside, **size}]
        return placement.security.applied(placement.capture.applied(changed))

    change = _Change(f"shadow-v{version.version}", version.arn, settings)
    started = read(client, _carry_out(client, placement, change, wait_seconds, announce))
    assert started  # its configuration has just been made so
    return started


def end(
    client: SageMakerClient,
    placement: Placement,
    *,
    wait_seconds: float,
    announce: Callable[[Failure], None] = attempts.ignore,
) -> Shadow:
    """Take the shadow of an endpoint away; what answers stays as it is.

    Returns:
        The shadow that it had.

    Raises:
        RegistryError: It has none, or the change was rolled back.
        EndpointBusyError: The endpoint was still being changed after `wait_seconds`.
    """
    ended: list[Shadow] = []

    def settings(current: Endpoint, described: dict[str, Any]) -> dict[str, Any]:
        ended.append(require(client, current))
        changed, _ = _alone(client, current, described)
        # Answers that were kept for the comparison only are kept no longer.
        return placement.capture.applied(changed)

    change = _Change("alone", shadow.ENDED, settings)
    _carry_out(client, placement, change, wait_seconds, announce)
    return ended[-1]


def require(client: SageMakerClient, current: Endpoint) -> Shadow:
    """The shadow of an endpoint.

    Raises:
        RegistryError: It has none.
    """
    present = read(client, current.config)
    if present is None:
        raise RegistryError(
            f"Endpoint {current.name} has no shadow. `python pipeline.py shadow VERSION` runs a "
            "version beside the one that serves; `python pipeline.py models` lists them."
        )
    return present


def _alone(
    client: SageMakerClient, current: Endpoint, described: dict[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """An endpoint's settings without a shadow, and in them the one production variant.

    Raises:
        RegistryError: SageMaker gives this endpoint no shadow.
    """
    settings = configuration.creatable(client, described)
    settings.pop(shadow.VARIANTS, None)
    main, *others = settings["ProductionVariants"]
    if "ServerlessConfig" in main:
        raise RegistryError(
            f"Endpoint {current.name} is serverless, and SageMaker gives such an endpoint no "
            "shadow. Compare the versions' metrics (`python pipeline.py models VERSION VERSION`), "
            "or delete the endpoint, set instances.serverless.memory_mb: 0, and `python "
            "pipeline.py promote VERSION` creates it with instances."
        )
    if others:
        names = ", ".join(one["VariantName"] for one in settings["ProductionVariants"])
        raise RegistryError(
            f"Endpoint {current.name} has the production variants {names}, and SageMaker allows a "
            "shadow beside one only. Update the endpoint to a configuration with one first."
        )
    main["InitialVariantWeight"] = 1.0  # the only one; the shadow's weight is a share of it
    if current.instances:  # autoscaling may have changed it
        main["InitialInstanceCount"] = current.instances
    return settings, main


@dataclass(frozen=True)
class _Change:
    """How a configuration differs from that of the endpoint.

    Attributes:
        kind: A part of its name.
        tag: Of the tag `shadow.SHADOW`.
        settings: Its settings, by the endpoint and its present configuration.
    """

    kind: str
    tag: str
    settings: Callable[[Endpoint, dict[str, Any]], dict[str, Any]]


def _carry_out(
    client: SageMakerClient,
    placement: Placement,
    change: _Change,
    seconds: float,
    announce: Callable[[Failure], None],
) -> str:
    """Change the endpoint's shadow, and wait until it rests; return the configuration's name."""
    deadline = time.monotonic() + seconds
    while True:
        current = _rested(client, placement.endpoint_name, deadline)
        if current.status != "InService":
            cause = f": {current.failure.rstrip('.')}" if current.failure else ""
            raise RegistryError(
                f"Endpoint {current.name} is {current.status}{cause}. Serve a version again first: "
                "`python pipeline.py promote VERSION`."
            )
        attempts.settle(client, current, announce)
        described = endpoints.read_settings(client, current.config)
        settings = change.settings(current, described)
        # The decision on what answers stays as it is, and so does what a rollback returns to.
        before = endpoints.tags(client, current.config)
        tags = {**placement.tags, **before, shadow.SHADOW: change.tag}
        moment = datetime.now(UTC).strftime("%Y%m%d%H%M%S%f")[:-3]
        config = f"{current.name[:30]}-{change.kind}-{moment}"
        client.create_endpoint_config(
            EndpointConfigName=config, Tags=configuration.tag_list(tags), **settings
        )
        if _update(client, placement, current, config):
            break
    after = _rested(client, current.name, deadline)
    if after.config != config:
        serving = f"version {version_number(after.model.package) or 'unknown'}"
        if not after.failure:
            raise RegistryError(
                f"Endpoint {after.name} was changed once more meanwhile, and {serving} serves. "
                "`python pipeline.py shadow` shows whether it has a shadow."
            )
        raise RegistryError(
            f"The change of the shadow was taken back, and {serving} answers as before: "
            f"{after.failure.rstrip('.')}. The log of endpoint {after.name} may tell more."
        )
    return config


def _update(client: SageMakerClient, placement: Placement, current: Endpoint, config: str) -> bool:
    """Change the endpoint; False where somebody else changes it at this moment."""
    # What answers is the same before and after, so a canary of it would tell nothing; the alarms
    # watch all the same.
    rollout = replace(placement.rollout, type=deployment.ALL_AT_ONCE)
    try:
        client.update_endpoint(
            EndpointName=current.name,
            EndpointConfigName=config,
            DeploymentConfig=rollout.config(current.name, max(1, current.instances)),
        )
    except ClientError as error:
        if refused := alarms_refused(error, placement):
            raise refused from error
        if in_progress(error):
            time.sleep(POLL_SECONDS)
            return False
        raise
    return True


def _rested(client: SageMakerClient, name: str, deadline: float) -> Endpoint:
    """The endpoint, once it does not change any more.

    Raises:
        RegistryError: There is none.
        EndpointBusyError: It changes beyond the deadline.
    """
    while (current := endpoint_status.require(client, name)).busy:
        if time.monotonic() > deadline:
            raise EndpointBusyError(
                f"Endpoint {name} is still {current.status}. When `python pipeline.py endpoint "
                "--wait` reports InService, `python pipeline.py shadow` shows whether it has a "
                "shadow."
            )
        time.sleep(POLL_SECONDS)
    return current
