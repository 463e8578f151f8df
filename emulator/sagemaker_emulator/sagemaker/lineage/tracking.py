"""The lineage that jobs, model packages and endpoints leave by themselves, as on AWS.

Which entities there are is documented by AWS
(https://docs.aws.amazon.com/sagemaker/latest/dg/lineage-tracking-auto-creation.html): artifacts by
the URIs of requests, not by what they hold. Their types are those of the SDK's LineageSourceEnum;
names end as those that AWS's own libraries and notebooks show, `-aws-model-group` and
`-aws-endpoint`.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.sagemaker.lineage import associations, entities
from sagemaker_emulator.sagemaker.lineage.entities import (
    ACTION,
    ARTIFACT,
    CONTEXT,
    Entity,
    EntityKind,
)
from sagemaker_emulator.storage.store import Document

_LONGEST_NAME = 120
_IMAGE = "SageMaker.ImageUri"
_MODEL = "SageMaker.ModelArtifact"


def add_inputs(context: Context, component: Document) -> None:
    """Associate what a job reads, its image among it, with its trial component."""
    job = _component(component)
    inputs = dict(component.get("InputArtifacts", {}))
    if image := component.get("Parameters", {}).get(_IMAGE):
        inputs[_IMAGE] = {"Value": image["StringValue"]}
    for name, entry in inputs.items():
        artifact = _artifact(context, entry["Value"], "Image" if name == _IMAGE else "DataSet")
        associations.add(context, artifact, job, "ContributedTo")


def add_outputs(context: Context, component: Document, checkpoint: str = "") -> None:
    """Associate a trial component with what its job wrote.

    Args:
        context: the server.
        component: the trial component.
        checkpoint: the URI of the job's checkpoints, if it has any.
    """
    job = _component(component)
    for name, entry in component.get("OutputArtifacts", {}).items():
        if name == _MODEL or not name.startswith("SageMaker.Debug"):
            artifact = _artifact(context, entry["Value"], "Model" if name == _MODEL else "DataSet")
            associations.add(context, job, artifact, "Produced")
    if checkpoint:
        artifact = _artifact(context, checkpoint, "Checkpoint")
        associations.add(context, job, artifact, "Produced")


def add_package(context: Context, package: Document) -> None:
    """Record a new model package: what is in it, its group and its approval."""
    artifact = _artifact(context, package["ModelPackageArn"], "Model")
    specification = package.get("InferenceSpecification") or {}
    for part in _parts(context, specification.get("Containers", [])):
        associations.add(context, part, artifact, "ContributedTo")
    if group := package.get("ModelPackageGroupName"):
        source = {"SourceUri": context.arn("model-package-group", group), "SourceType": "ARN"}
        members = {"Source": source, "ContextType": "ModelGroup"}
        of_group = _entity(context, CONTEXT, f"{group}-aws-model-group", members)
        associations.add(context, artifact, of_group, "AssociatedWith")
        add_approval(context, package)


def add_approval(context: Context, package: Document) -> None:
    """Record that a version has the approval status that it has now."""
    group, version = package["ModelPackageGroupName"], package["ModelPackageVersion"]
    status = package["ModelApprovalStatus"]
    name = f"{group}-{version}-{status}-{time.time_ns() // 1_000_000}-aws-model-group"
    source = {"SourceUri": package["ModelPackageArn"], "SourceType": "ARN"}
    members = {"Source": source, "ActionType": "Approval", "Status": "Completed"}
    properties = {"Properties": {"ModelApprovalStatus": status}}
    action = _entity(context, ACTION, name, members | properties)
    artifact = _artifact(context, package["ModelPackageArn"], "Model")
    associations.add(context, action, artifact, "ContributedTo")


def add_deployment(context: Context, arn: str, name: str, config: Document) -> None:
    """Record that an endpoint serves a configuration; once for each configuration.

    Args:
        context: the server.
        arn: the endpoint's.
        name: the endpoint's.
        config: the configuration.
    """
    source = {"SourceUri": arn, "SourceType": "ARN"}
    config_name = config["EndpointConfigName"]
    with context.store.transaction():
        of_endpoint = _entity(
            context,
            CONTEXT,
            f"{name}-aws-endpoint",
            {"Source": source, "ContextType": "Endpoint"},
        )
        action = _entity(
            context,
            ACTION,
            f"{name}-{config_name}-aws-endpoint",
            {
                "Source": source,
                "ActionType": "ModelDeployment",
                "Status": "Completed",
                "Properties": {"EndpointConfigName": config_name},
            },
        )
        associations.add(context, action, of_endpoint, "AssociatedWith")
        for variant in config["ProductionVariants"]:
            model = context.store.get("model", variant.get("ModelName", "")) or {}
            containers = [model["PrimaryContainer"]] if "PrimaryContainer" in model else []
            for part in _parts(context, [*containers, *model.get("Containers", [])]):
                associations.add(context, part, action, "ContributedTo")


def _parts(context: Context, containers: list[Mapping[str, Any]]) -> Iterator[Entity]:
    """The artifacts of containers: images, models and model packages."""
    for container in containers:
        source = container.get("ModelDataSource", {}).get("S3DataSource", {})
        for uri, own_type in (
            (container.get("Image"), "Image"),
            (container.get("ModelDataUrl") or source.get("S3Uri"), "Model"),
            (_package_arn(context, container.get("ModelPackageName")), "Model"),
        ):
            if uri:
                yield _artifact(context, uri, own_type)


def _package_arn(context: Context, identifier: str | None) -> str | None:
    """The ARN of a model package, of which a model has a name or an ARN."""
    if identifier is None or identifier.startswith("arn:"):
        return identifier
    return context.arn("model-package", identifier)


def _artifact(context: Context, uri: str, own_type: str) -> Entity:
    """The artifact of a URI, which is created where there is none."""
    members = {"Source": {"SourceUri": uri}, "ArtifactType": own_type}
    return entities.ensure(context, ARTIFACT, members)[0]


def _entity(context: Context, kind: EntityKind, name: str, members: Mapping[str, Any]) -> Entity:
    """An action or context by name, which is created where there is none."""
    if len(name) > _LONGEST_NAME:  # the end of a name says what it is
        name = name[: _LONGEST_NAME - 40].rstrip("-") + name[-40:]
    return entities.ensure(context, kind, {kind.name_key: name, **members})[0]


def _component(component: Document) -> Entity:
    return Entity(
        component["TrialComponentArn"],
        "TrialComponent",
        component["Source"]["SourceType"],
        component["TrialComponentName"],
        component,
    )
