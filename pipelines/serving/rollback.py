"""Go back to the version that the endpoint served before."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from model_registry import endpoint as endpoints
from model_registry.attempts import Failure, ignore
from model_registry.configuration import Placement
from model_registry.errors import RegistryError
from model_registry.promotion import Promotion, promote
from model_registry.versions import APPROVED, describe
from pipelines.serving import endpoint_status
from pipelines.serving.package_group import version_number

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client
    from types_boto3_sagemaker import SageMakerClient


def rollback(
    client: SageMakerClient,
    placement: Placement,
    *,
    wait_seconds: float = 0.0,
    s3: S3Client | None = None,
    announce: Callable[[Failure], None] = ignore,
) -> Promotion:
    """Serve the approved version again that was served before; the endpoint's settings stay.

    The order of versions is read from the tags of the endpoint's configurations. A second rollback
    goes one more version back, not forward again.

    Raises:
        RegistryError: There is no endpoint, no approved version was served before, or the
            configuration that states which it was has been deleted.
        EndpointBusyError: The endpoint was still being changed after `wait_seconds`.
    """
    current = endpoint_status.require(client, placement.endpoint_name)
    # Where it is deleted, so are the settings to keep, and the record of what was served before.
    endpoints.read_settings(client, current.next_config)
    config, skipped, lost = current.next_config, [], ""
    while config := _replaced_config(client, config):
        if not _exists(client, config):
            lost = config
            break
        model = endpoints.read_model(client, config, current.variant)
        if not model.package or model.package == current.next_model.package:
            continue
        state = _state(client, model.package, model.created)
        if state == APPROVED:
            return promote(
                client,
                model.package,
                placement,
                wait_seconds=wait_seconds,
                replaces=_replaced_config(client, config),
                s3=s3,
                announce=announce,
            )
        skipped.append(f"version {version_number(model.package)} is {state}")
    why = f" ({'; '.join(skipped)})" if skipped else ""
    if lost:
        raise RegistryError(
            f"The endpoint configuration {lost}, which endpoint {placement.endpoint_name} served "
            f"before, has been deleted, so what it served is not known{why}. "
            "`python pipeline.py models` lists the versions; "
            "`python pipeline.py promote VERSION` serves one of them."
        )
    raise RegistryError(
        f"Endpoint {placement.endpoint_name} has served no approved version before this one{why}. "
        "`python pipeline.py models` lists the versions; "
        "`python pipeline.py promote VERSION` serves one of them."
    )


def _replaced_config(client: SageMakerClient, config: str) -> str:
    """The configuration served before this one, which may be deleted; "" where there is none."""
    return endpoints.tags(client, config).get(endpoints.REPLACES, "")


def _exists(client: SageMakerClient, config: str) -> bool:
    try:
        client.describe_endpoint_config(EndpointConfigName=config)
    except ClientError as error:
        if endpoints.is_missing(error):
            return False
        raise
    return True


def _state(client: SageMakerClient, package: str, model_created: datetime) -> str:
    """The approval status of the package of a model; "deleted" where it is deleted."""
    try:
        version = describe(client, package)
    except ClientError as error:
        if endpoints.is_missing(error):
            return "deleted"
        raise
    # The versions of a new group count from 1 again: this may be another package of the same name.
    return version.approval if model_created >= version.created else "deleted"
