"""The real-time endpoint: its state and the model version it serves, read from SageMaker."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

from botocore.exceptions import ClientError

from model_registry.errors import RegistryError

if TYPE_CHECKING:
    from types_boto3_sagemaker import SageMakerClient

CHANGING = ("Creating", "Updating")  # to a configuration that it has not served before
BUSY = (*CHANGING, "SystemUpdating", "RollingBack", "Deleting")
LONG_AGO = datetime.min.replace(tzinfo=UTC)
Variant = TypeVar("Variant", bound=Mapping[str, Any])

# Tags that promotion writes on an endpoint configuration, and rollback reads.
REPLACES = "tally:replaces"  # the configuration that was served before this one
DECIDED_AT = "tally:decided-at"  # when somebody chose this model for serving, ISO 8601 in UTC


@dataclass(frozen=True)
class ServedModel:
    """A SageMaker model behind the endpoint.

    Attributes:
        name: Its name; "" for none.
        package: The ARN of the model package it was created from; "" for a model of another kind.
        created: When the model was created.
    """

    name: str = ""
    package: str = ""
    created: datetime = LONG_AGO


@dataclass(frozen=True)
class Endpoint:
    """An endpoint as it is now.

    Attributes:
        variant: The variant with most of the traffic now; "" before there is any.
        instances: How many instances that variant is to have; 0 if it has none, or no such number.
        pending_config: The configuration it is changing to; "" when nothing is in progress.
        serverless: Whether it serves without instances.
    """

    name: str
    arn: str
    status: str
    config: str
    variant: str
    instances: int
    model: ServedModel
    pending_config: str
    pending_model: ServedModel
    failure: str
    modified: datetime
    serverless: bool = False

    @property
    def busy(self) -> bool:
        """Whether it cannot be changed at the moment."""
        return self.status in BUSY

    @property
    def next_config(self) -> str:
        """The configuration it serves when the change in progress, if any, has succeeded."""
        return self.pending_config or self.config

    @property
    def next_model(self) -> ServedModel:
        """The model it serves when the change in progress, if any, has succeeded."""
        return self.pending_model if self.pending_config else self.model

    def will_serve(self, package: str, created: datetime) -> bool:
        """Whether it serves this package when the change in progress, if any, has succeeded.

        A model that is older than the package was created from a deleted package of the same name:
        the versions of a new group count from 1 again.
        """
        return self.next_model.package == package and self.next_model.created >= created


def read(client: SageMakerClient, name: str) -> Endpoint | None:
    """Return the endpoint of that name, or None where there is none."""
    try:
        response = client.describe_endpoint(EndpointName=name)
    except ClientError as error:
        if is_missing(error):
            return None
        raise
    status, config = response["EndpointStatus"], response["EndpointConfigName"]
    pending = response.get("PendingDeploymentSummary", {}).get("EndpointConfigName", "")
    if status not in CHANGING:  # a rollback keeps naming the configuration that it leaves
        pending = ""
    variants = response.get("ProductionVariants", [])
    variant, instances = _busiest(variants)
    return Endpoint(
        name=name,
        arn=response["EndpointArn"],
        status=status,
        config=config,
        variant=variant,
        instances=instances,
        model=read_model(client, config, variant),
        pending_config=pending,
        pending_model=read_model(client, pending, variant) if pending else ServedModel(),
        failure=response.get("FailureReason", ""),
        modified=response["LastModifiedTime"],
        serverless=any(one.get("CurrentServerlessConfig") for one in variants),
    )


def read_model(client: SageMakerClient, config: str, variant: str = "") -> ServedModel:
    """Return the model of a configuration's main variant.

    It has no name and no package where the configuration or the model has been deleted.
    """
    try:
        variants = client.describe_endpoint_config(EndpointConfigName=config)["ProductionVariants"]
        name = main_variant(variants, variant).get("ModelName", "")
        response = client.describe_model(ModelName=name)
    except ClientError as error:
        if is_missing(error):
            return ServedModel()
        raise
    containers = [response.get("PrimaryContainer", {}), *response.get("Containers", [])]
    package = next((c["ModelPackageName"] for c in containers if c.get("ModelPackageName")), "")
    return ServedModel(name, package, response["CreationTime"])


def _busiest(variants: Sequence[Mapping[str, Any]]) -> tuple[str, int]:
    """The variant that gets most of the traffic now, and its instances.

    Its configuration need not tell either: they are changed while serving.
    """
    first = max(variants, key=lambda variant: variant.get("CurrentWeight", 0.0), default=None)
    if not first:
        return "", 0
    return str(first["VariantName"]), int(first.get("DesiredInstanceCount", 0))


def main_variant(variants: Sequence[Variant], name: str) -> Variant:
    """Return the variant that a promoted model goes to.

    Args:
        variants: The variants of a configuration.
        name: The variant that gets most of the traffic now. If none has this name, the variant with
            the largest initial weight is returned.
    """
    named = [variant for variant in variants if variant["VariantName"] == name]
    return max(named or variants, key=lambda variant: variant.get("InitialVariantWeight", 1.0))


def read_settings(client: SageMakerClient, config: str) -> dict[str, Any]:
    """Return an endpoint configuration, as DescribeEndpointConfig answers it.

    Raises:
        RegistryError: The configuration has been deleted, and with it the endpoint's settings.
    """
    try:
        return dict(client.describe_endpoint_config(EndpointConfigName=config))
    except ClientError as error:
        if not is_missing(error):
            raise
        raise RegistryError(
            f"The endpoint's configuration {config} has been deleted, so its settings are not "
            "known and cannot be kept. Create a configuration of that name again; or delete the "
            "endpoint, and `python pipeline.py promote VERSION` creates a new one."
        ) from error


def decided_at(client: SageMakerClient, config: str) -> datetime:
    """When somebody decided on a configuration; long ago for one that promotion did not create."""
    written = tags(client, config).get(DECIDED_AT)
    return datetime.fromisoformat(written) if written else LONG_AGO


def tags(client: SageMakerClient, config: str) -> dict[str, str]:
    """Return the tags of an endpoint configuration, except AWS's own; none if it is deleted."""
    try:
        arn = client.describe_endpoint_config(EndpointConfigName=config)["EndpointConfigArn"]
    except ClientError as error:
        if is_missing(error):
            return {}
        raise
    return tags_of(client, arn)


def tags_of(client: SageMakerClient, arn: str) -> dict[str, str]:
    """Return the tags of a resource, except AWS's own."""
    pages = client.get_paginator("list_tags").paginate(ResourceArn=arn)
    pairs = {tag["Key"]: tag["Value"] for page in pages for tag in page["Tags"]}
    return {key: value for key, value in pairs.items() if not key.startswith("aws:")}


def is_missing(error: ClientError) -> bool:
    """Whether the resource does not exist; SageMaker has no error code of its own for it."""
    message = error.response["Error"].get("Message", "")
    code = error.response["Error"].get("Code", "")
    return code in ("ResourceNotFound", "ResourceNotFoundException") or any(
        words in message for words in ("Could not find", "does not exist")
    )
