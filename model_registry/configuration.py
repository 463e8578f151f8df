"""The endpoint configuration of a version: that of the endpoint, with the model exchanged."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from model_registry import endpoint as endpoints
from model_registry import image_scan, shadow
from model_registry.capture import Capture
from model_registry.deployment import Rollout
from model_registry.endpoint import DECIDED_AT, REPLACES, Endpoint
from model_registry.errors import RegistryError
from model_registry.security import Security
from model_registry.serverless import Serverless
from model_registry.versions import ModelVersion, account_of, containers_of, create_model

if TYPE_CHECKING:
    from types_boto3_sagemaker import SageMakerClient
    from types_boto3_sagemaker.type_defs import TagTypeDef


@dataclass(frozen=True)
class Placement:
    """The endpoint that a model goes to, how it gets there, and what to create the endpoint with.

    An endpoint that exists keeps its own instance type and number of instances. `stop_at` is the
    severity of findings of the image's scan at which nothing is promoted: none, critical or high.
    """

    endpoint_name: str
    instance_type: str
    role_arn: str
    instance_count: int = 1
    rollout: Rollout = field(default_factory=Rollout)
    tags: Mapping[str, str] = field(default_factory=dict)
    stop_at: str = image_scan.NONE
    capture: Capture = field(default_factory=Capture)
    serverless: Serverless = field(default_factory=Serverless, kw_only=True)
    security: Security = field(default_factory=Security)


@dataclass(frozen=True)
class Created:
    """The configuration that serves a version.

    Attributes:
        name: Its name.
        instances: Those of its main variant; 0 for a serverless one.
        ended_shadow: What the shadow variant serves that the endpoint has and this one has not.
    """

    name: str
    instances: int
    ended_shadow: str = ""


def create(
    client: SageMakerClient,
    version: ModelVersion,
    placement: Placement,
    current: Endpoint | None,
    decided_at: datetime,
    replaces: str | None,
) -> Created:
    """Create the configuration that serves a version, if it does not exist."""
    name = placement.endpoint_name
    model = create_model_of(client, version, placement, current)
    tags = {DECIDED_AT: decided_at.astimezone(UTC).isoformat()}
    ended = None
    if current:
        described = endpoints.read_settings(client, current.config)
        before = endpoints.tags(client, current.config)
        settings = creatable(client, described)
        # What a shadow was compared with serves no longer, so it ends; it may be what serves now.
        ended = shadow.of(described, before)
        settings.pop(shadow.VARIANTS, None)
        before.pop(shadow.SHADOW, None)
        variant = endpoints.main_variant(settings["ProductionVariants"], current.variant)
        variant["ModelName"] = model
        tags = {**before, **tags}
        tags[REPLACES] = current.config if replaces is None else replaces
    else:
        variant = {
            "VariantName": "AllTraffic",
            "ModelName": model,
            **_capacity(placement),
            "InitialVariantWeight": 1.0,
        }
        settings = {"ProductionVariants": [variant]}
    tags = {**placement.tags, **tags}
    settings = _applied(placement, settings, variant)
    # Milliseconds, because two decisions in one second are two configurations; a hash, because a
    # decision that another one overtook may return with another predecessor.
    moment = decided_at.astimezone(UTC).strftime("%Y%m%d%H%M%S%f")[:-3]
    content = json.dumps([settings, tags], sort_keys=True, default=str).encode()
    config = f"{name[:30]}-v{version.version}-{moment}-{hashlib.sha256(content).hexdigest()[:4]}"
    try:
        client.create_endpoint_config(EndpointConfigName=config, Tags=tag_list(tags), **settings)
    except ClientError as error:
        if not already_exists(error):
            raise
    initial = 0 if "ServerlessConfig" in variant else variant.get("InitialInstanceCount", 1)
    instances = (current.instances if current else 0) or initial
    return Created(config, instances, ended.named if ended else "")


def is_current(
    client: SageMakerClient, version: ModelVersion, placement: Placement, current: Endpoint
) -> bool:
    """Whether an endpoint that will serve a version has capture, key and network of `placement`.

    Its instances and traffic are its own, and may differ.

    Raises:
        RegistryError: Its configuration has been deleted, or cannot be what `placement` asks for.
    """
    present = creatable(client, endpoints.read_settings(client, current.next_config))
    variant = endpoints.main_variant(present["ProductionVariants"], current.variant)
    wanted = _applied(placement, present, variant)
    # SageMaker may describe more members of a capture than it was given.
    captures = present.get("DataCaptureConfig", {})
    return (
        variant.get("ModelName") == _model_name(version, placement)
        and wanted.keys() == present.keys()
        and wanted.get("KmsKeyId") == present.get("KmsKeyId")
        and {**captures, **wanted.get("DataCaptureConfig", {})} == captures
    )


def _applied(
    placement: Placement, settings: Mapping[str, Any], variant: Mapping[str, Any]
) -> dict[str, Any]:
    """A configuration's settings, whose main variant is `variant`, with those of `placement`."""
    if "ServerlessConfig" not in variant:  # SageMaker captures nothing of a serverless endpoint
        settings = placement.capture.applied(settings)
    return placement.security.applied(settings)


def _capacity(placement: Placement) -> dict[str, Any]:
    """What a new endpoint's variant runs on."""
    size = placement.serverless
    if size.memory_mb:
        config = {"MemorySizeInMB": size.memory_mb, "MaxConcurrency": size.max_concurrency}
        return {"ServerlessConfig": config}
    return {
        "InstanceType": placement.instance_type,
        "InitialInstanceCount": placement.instance_count,
    }


def tag_list(tags: Mapping[str, str]) -> list[TagTypeDef]:
    """Tags as SageMaker takes them, without those that say nothing."""
    return [{"Key": key, "Value": value} for key, value in tags.items() if value]


def already_exists(error: ClientError) -> bool:
    """Whether a resource could not be created because there is one of its name."""
    details = error.response["Error"]
    return details["Code"] == "ResourceInUse" or "already exist" in details.get("Message", "")


def creatable(client: SageMakerClient, described: Mapping[str, Any]) -> dict[str, Any]:
    """All settings of a configuration that CreateEndpointConfig takes, also those of the future.

    Args:
        client: A boto3 SageMaker client.
        described: The configuration, as DescribeEndpointConfig answers it.
    """
    shape = client.meta.service_model.operation_model("CreateEndpointConfig").input_shape
    return {
        key: described[key]
        for key in getattr(shape, "members", {})
        if described.get(key) and key not in ("EndpointConfigName", "Tags")
    }


def create_model_of(
    client: SageMakerClient,
    version: ModelVersion,
    placement: Placement,
    current: Endpoint | None,
    *,
    approved: bool = True,
) -> str:
    """Create the SageMaker model of a version, if it does not exist; return its name.

    Args:
        client: A boto3 SageMaker client.
        version: The version.
        placement: The endpoint, and what to create it with.
        current: The endpoint as it is now.
        approved: Whether the model is made from the model package, which must be approved then
            (API reference, `ModelApprovalStatus`); else from the containers that it names.
    """
    name = _model_name(version, placement, "" if approved else "shadow-")
    role = placement.role_arn or _role_of(client, current)
    security = placement.security.of_model
    containers = None if approved else containers_of(client, version)
    try:
        create_model(client, name, version, role, tag_list(placement.tags), security, containers)
    except ClientError as error:
        if not already_exists(error):
            raise
    return name


def _model_name(version: ModelVersion, placement: Placement, kind: str = "") -> str:
    # The versions of a group that was deleted and created again count from 1, so the number alone
    # could name the model of another package.
    created = version.created.astimezone(UTC)  # botocore answers in the machine's own zone
    identity = f"{version.arn} {created.isoformat()}"
    if security := placement.security.of_model:  # else the model would stay in its old network
        identity += json.dumps(security)
    # The role may create models of the stage's names, and another account's group has its own.
    foreign = account_of(version.arn) != account_of(placement.role_arn) and placement.role_arn
    stem = placement.endpoint_name if foreign else version.group
    digest = hashlib.sha256(identity.encode()).hexdigest()[:8]
    return f"{stem[:40]}-v{version.version}-{kind}{digest}"


def _role_of(client: SageMakerClient, current: Endpoint | None) -> str:
    if current:
        role = client.describe_model(ModelName=current.model.name).get("ExecutionRoleArn")
        if role:
            return role
    raise RegistryError(
        "No execution role is known for the model: set EXECUTION_ROLE for the Lambda "
        "function, which `python pipeline.py setup` does."
    )
