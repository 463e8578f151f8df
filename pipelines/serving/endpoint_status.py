"""The endpoint's state as the commands show it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from model_registry import endpoint as endpoints
from model_registry import scaling, shadow
from model_registry.attempts import failed_config
from model_registry.endpoint import REPLACES, Endpoint
from model_registry.errors import RegistryError
from pipelines.serving.package_group import version_number

if TYPE_CHECKING:
    from types_boto3_sagemaker import SageMakerClient


def require(client: SageMakerClient, name: str) -> Endpoint:
    """Return the endpoint of that name.

    Raises:
        RegistryError: There is none; the message says how to create it.
    """
    endpoint = endpoints.read(client, name)
    if endpoint is None:
        raise RegistryError(
            f"There is no endpoint {name} yet. It is created when a model version is approved: "
            "`python pipeline.py models` lists the versions, "
            "`python pipeline.py approve` approves the newest. If it was deleted, "
            "`python pipeline.py promote VERSION` creates it again, with an approved version."
        )
    return endpoint


def last_failure(client: SageMakerClient, name: str) -> str:
    """Return a sentence about the last deployment if it failed or was rolled back, else ""."""
    endpoint = endpoints.read(client, name)
    failed = failed_config(client, endpoint) if endpoint else ""
    if not endpoint or not failed:
        return ""
    version = version_number(endpoints.read_model(client, failed, endpoint.variant).package)
    since = f"{endpoint.modified.astimezone():%Y-%m-%d %H:%M}"
    return (
        f"The last deployment on endpoint {name}, of version {version or 'unknown'}, failed or was "
        f"rolled back (the endpoint has not changed since {since}). "
        "Why: python pipeline.py endpoint"
    )


def describe(client: SageMakerClient, name: str, autoscaling: Any = None) -> dict[str, Any]:
    """Return the endpoint's state as plain values.

    Args:
        client: A boto3 SageMaker client.
        name: The endpoint.
        autoscaling: A boto3 client of `application-autoscaling`, to say what scales it.

    Raises:
        RegistryError: There is no such endpoint.
    """
    endpoint = require(client, name)
    settings = endpoints.read_settings(client, endpoint.config)
    variants = settings["ProductionVariants"]
    main = endpoints.main_variant(variants, endpoint.variant)
    failed = failed_config(client, endpoint)
    tags = endpoints.tags(client, endpoint.config)
    running = shadow.of(settings, tags)
    return {
        "name": endpoint.name,
        "status": endpoint.status,
        "version": version_number(endpoint.model.package),
        "model_package_arn": endpoint.model.package,
        "changing_to_version": version_number(endpoint.pending_model.package),
        "failed_version": version_number(
            endpoints.read_model(client, failed, endpoint.variant).package
        )
        if failed
        else None,
        "failure": endpoint.failure,
        "endpoint_config": endpoint.config,
        "replaced_config": tags.get(REPLACES, ""),
        "model": endpoint.model.name,
        "instance_type": main.get("InstanceType", "serverless"),
        "instance_count": main.get("InitialInstanceCount"),
        "instances_now": endpoint.instances or None,
        "scaling": str(scaling.read(autoscaling, endpoint)) if autoscaling else None,
        "variants": [variant["VariantName"] for variant in variants],
        "shadow": running and f"{running.named}, copies of {running.percent:g} % of the requests",
        "data_capture": bool(settings.get("DataCaptureConfig", {}).get("EnableCapture")),
        "modified": endpoint.modified,
    }
