"""The real-time endpoint: its state and the model version it serves, from SageMaker's records."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from model_registry.errors import RegistryError

CHANGING = ("Creating", "Updating")  # to a configuration that it has not served before
BUSY = (*CHANGING, "SystemUpdating", "RollingBack", "Deleting")

# Tags that promotion writes on an endpoint configuration, and rollback reads.
REPLACES = "tally:replaces"  # the configuration that was served before this one
DECIDED_AT = (
    "tally:decided-at"  # when somebody decided that this model shall serve, ISO 8601 in UTC
)
NO_MODEL = ("", "", datetime.min.replace(tzinfo=UTC))


@dataclass(frozen=True)
class Endpoint:
    """An endpoint as it is now."""

    name: str
    arn: str
    status: str
    config: str
    variant: str  # the one with most of the traffic now; "" before there is any
    model: str
    package: str  # the model package's ARN; "" for a model that was not made from a package
    made: datetime  # when the model was made from it
    pending_config: str  # what it is changing to; "" when nothing is in progress
    pending_package: str
    pending_made: datetime
    failure: str
    modified: datetime

    @property
    def busy(self) -> bool:
        """Whether it must be waited for before it can be changed."""
        return self.status in BUSY

    @property
    def wanted_config(self) -> str:
        """The configuration it serves once whatever is in progress has succeeded."""
        return self.pending_config or self.config

    @property
    def wanted_package(self) -> str:
        """The package it serves once whatever is in progress has succeeded."""
        return self.pending_package if self.pending_config else self.package

    def will_serve(self, package: str, created: datetime) -> bool:
        """Whether it serves this package once whatever is in progress has succeeded.

        A model that is older than the package was made from one that has been deleted, with its
        group: a new group counts from version 1 again.
        """
        made = self.pending_made if self.pending_config else self.made
        return self.wanted_package == package and made >= created


def read(client: Any, name: str) -> Endpoint | None:
    """The endpoint of that name, or None where there is none."""
    try:
        found = client.describe_endpoint(EndpointName=name)
    except ClientError as error:
        if is_missing(error):
            return None
        raise
    summary = found.get("PendingDeploymentSummary", {})
    # What is being rolled back is not what it changes to.
    pending = summary.get("EndpointConfigName", "") if found["EndpointStatus"] in CHANGING else ""
    config = found["EndpointConfigName"]
    variant = _busiest(found.get("ProductionVariants", []))
    model, package, made = model_of(client, config, variant)
    changing_to = model_of(client, pending, variant) if pending else NO_MODEL
    return Endpoint(
        name=name,
        arn=found["EndpointArn"],
        status=found["EndpointStatus"],
        config=config,
        variant=variant,
        model=model,
        package=package,
        made=made,
        pending_config=pending,
        pending_package=changing_to[1],
        pending_made=changing_to[2],
        failure=found.get("FailureReason", ""),
        modified=found["LastModifiedTime"],
    )


def require(client: Any, name: str) -> Endpoint:
    """The endpoint of that name.

    Raises:
        RegistryError: There is none; the message says how it comes to be.
    """
    found = read(client, name)
    if found is None:
        raise RegistryError(
            f"There is no endpoint {name} yet. It is created when a model version is approved: "
            "`python pipeline.py models` lists the versions, "
            "`python pipeline.py approve` approves the newest."
        )
    return found


def describe(client: Any, name: str) -> dict[str, Any]:
    """What a person or a program wants to know of an endpoint, as plain values.

    Raises:
        RegistryError: There is no such endpoint.
    """
    found = require(client, name)
    settings = settings_of(client, found.config)
    variant = main_variant(settings["ProductionVariants"], found.variant)
    capture = settings.get("DataCaptureConfig", {})
    return {
        "name": found.name,
        "status": found.status,
        "version": version_number(found.package),
        "model_package_arn": found.package,
        "changing_to_version": version_number(found.pending_package),
        "failure": found.failure,
        "endpoint_config": found.config,
        "replaced_config": tags(client, found.config).get(REPLACES, ""),
        "model": found.model,
        "instance_type": variant.get("InstanceType", "serverless"),
        "instance_count": variant.get("InitialInstanceCount"),
        "variants": [v["VariantName"] for v in settings["ProductionVariants"]],
        "data_capture": bool(capture.get("EnableCapture")),
        "modified": found.modified,
    }


def version_number(package_arn: str) -> int | None:
    """The version that a model package's ARN ends in; None for "" or an unversioned package."""
    last = package_arn.rpartition("/")[2]
    return int(last) if last.isdigit() else None


def model_of(client: Any, config: str, variant: str = "") -> tuple[str, str, datetime]:
    """The model of a configuration's main variant, the package it was made from, and when.

    The package is "" for none; both are where the configuration or the model has been deleted.
    """
    try:
        found = client.describe_endpoint_config(EndpointConfigName=config)
        model = main_variant(found["ProductionVariants"], variant).get("ModelName", "")
        described = client.describe_model(ModelName=model)
    except ClientError as error:
        if is_missing(error):
            return NO_MODEL
        raise
    containers = [described.get("PrimaryContainer", {}), *described.get("Containers", [])]
    package = next((c["ModelPackageName"] for c in containers if c.get("ModelPackageName")), "")
    return model, package, described["CreationTime"]


def _busiest(variants: list[dict[str, Any]]) -> str:
    """The variant that gets most of the traffic now, which its configuration need not tell."""
    first = max(variants, key=lambda variant: variant.get("CurrentWeight", 0.0), default=None)
    return str(first["VariantName"]) if first else ""


def main_variant(variants: list[dict[str, Any]], name: str) -> dict[str, Any]:
    """The variant that a promoted model goes to.

    Args:
        variants: A configuration's.
        name: The variant that gets most of the traffic now; where there is none of that name, the
            one that gets most to begin with.
    """
    named = [variant for variant in variants if variant["VariantName"] == name]
    return max(named or variants, key=lambda variant: variant.get("InitialVariantWeight", 1.0))


def settings_of(client: Any, config: str) -> dict[str, Any]:
    """An endpoint configuration, as DescribeEndpointConfig tells it.

    Raises:
        RegistryError: Somebody has deleted it, and with it what is known of its endpoint.
    """
    try:
        return dict(client.describe_endpoint_config(EndpointConfigName=config))
    except ClientError as error:
        if not is_missing(error):
            raise
        raise RegistryError(
            f"The endpoint's configuration {config} has been deleted, so its settings are not "
            "known and cannot be kept. Make a configuration of that name again; or delete the "
            "endpoint, and `python pipeline.py promote VERSION` makes a new one."
        ) from error


def decided_at(client: Any, config: str) -> datetime:
    """When the decision was made that a configuration follows; long ago for one not made here."""
    written = tags(client, config).get(DECIDED_AT)
    return datetime.fromisoformat(written) if written else datetime.min.replace(tzinfo=UTC)


def tags(client: Any, config: str) -> dict[str, str]:
    """The tags of an endpoint configuration, without those that AWS sets; none if it is gone."""
    try:
        arn = client.describe_endpoint_config(EndpointConfigName=config)["EndpointConfigArn"]
    except ClientError as error:
        if is_missing(error):
            return {}
        raise
    pages = client.get_paginator("list_tags").paginate(ResourceArn=arn)
    found = {tag["Key"]: tag["Value"] for page in pages for tag in page["Tags"]}
    return {key: value for key, value in found.items() if not key.startswith("aws:")}


def is_missing(error: ClientError) -> bool:
    """Whether the thing asked for does not exist; SageMaker has no error code of its own for it."""
    message = error.response["Error"].get("Message", "")
    code = error.response["Error"].get("Code", "")
    return code in ("ResourceNotFound", "ResourceNotFoundException") or any(
        words in message for words in ("Could not find", "does not exist")
    )
