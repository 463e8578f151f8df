"""What a model package takes from its SourceUri: another package that it clones, or a model."""

import re
from collections.abc import Mapping
from typing import Any

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.errors import invalid
from sagemaker_emulator.sagemaker.registry.models import containers_of
from sagemaker_emulator.storage.store import Document

_RESOURCE = re.compile(r"arn:[^:]+:sagemaker:[^:]*:[^:]*:(model|model-package)/(.+)")
_OF_A_MODEL = ("ContainerHostname", "Image", "ModelDataUrl", "ModelDataSource", "Environment")


def with_specification(context: Context, request: Mapping[str, Any]) -> Document:
    """A request with the InferenceSpecification of its source, where it has none of its own.

    To clone a package, SourceUri is its ARN, and to register a model, that model's ARN; so the
    reference of CreateModelPackage has it. The SDK sends no InferenceSpecification then
    (`create_model_package_from_containers`), and its tests expect that of the source.

    Raises:
        ApiError: The package or the model is not there, or the model is of a package without one.
    """
    source = _RESOURCE.fullmatch(request.get("SourceUri", ""))
    if source is None or "InferenceSpecification" in request:
        return dict(request)
    kind, name = source.groups()
    if kind == "model-package":
        package = context.call("DescribeModelPackage", ModelPackageName=request["SourceUri"])
        specification = package.get("InferenceSpecification")
        return (
            {**request, "InferenceSpecification": specification} if specification else {**request}
        )
    model = context.call("DescribeModel", ModelName=name)
    containers = [each for own in containers_of(model) for each in _containers(context, own)]
    return {**request, "InferenceSpecification": {"Containers": containers}}


def _containers(context: Context, container: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """A model's container as packages have it; of one that is a package, that package's."""
    if name := container.get("ModelPackageName"):
        package = context.call("DescribeModelPackage", ModelPackageName=name)
        if "InferenceSpecification" not in package:
            raise invalid(
                f"Model package {package['ModelPackageArn']}, of which the model of SourceUri is, "
                "has no InferenceSpecification: give the request one."
            )
        containers: list[Mapping[str, Any]] = package["InferenceSpecification"]["Containers"]
        return containers
    return [{key: container[key] for key in _OF_A_MODEL if key in container}]
