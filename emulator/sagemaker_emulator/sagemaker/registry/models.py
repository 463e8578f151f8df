"""Models: a container image with the artifacts that it serves."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.aws.dispatch import Response, operation
from sagemaker_emulator.aws.members import paths
from sagemaker_emulator.aws.pages import CREATED, Stored, page
from sagemaker_emulator.errors import invalid
from sagemaker_emulator.sagemaker import tags
from sagemaker_emulator.sagemaker.defaults import MODEL, fill
from sagemaker_emulator.storage.store import Document

if TYPE_CHECKING:
    from types_boto3_sagemaker import type_defs as types

_KIND = "model"
_HONOURED_CONTAINER = """{
    Image ModelDataUrl ModelDataSource{S3DataSource{S3Uri CompressionType}} Environment
    ModelPackageName Mode AdditionalModelDataSources InferenceSpecificationName
}"""
_HONOURED = f"""
    ModelName Tags PrimaryContainer{_HONOURED_CONTAINER} Containers{_HONOURED_CONTAINER}
"""
_KEPT_CONTAINER = """{
    ContainerHostname ImageConfig ModelDataSource{S3DataSource{S3DataType ModelAccessConfig}}
}"""
_KEPT = f"""
    PrimaryContainer{_KEPT_CONTAINER} Containers{_KEPT_CONTAINER}
    ExecutionRoleArn VpcConfig EnableNetworkIsolation InferenceExecutionConfig
"""
_UNSUPPORTED = {
    "AdditionalModelDataSources": "the emulator fetches one model: pack all into ModelDataUrl",
    "InferenceSpecificationName": "the emulator takes a package's InferenceSpecification alone: "
    "leave it out, or name Image and ModelDataUrl",
}


@operation("CreateModel", honours=paths(_HONOURED), keeps=paths(_KEPT))
def create_model(context: Context, request: types.CreateModelInputTypeDef) -> Response:
    """Create a model; a container with ModelPackageName uses that package's image and data."""
    name = request["ModelName"]
    containers = [request["PrimaryContainer"]] if "PrimaryContainer" in request else []
    containers += request.get("Containers", [])
    if not containers:
        raise invalid("CreateModel needs a PrimaryContainer or Containers")
    if len(containers) > 1:
        raise invalid(
            f"model {name} has {len(containers)} containers; the emulator serves one, and neither "
            "chains containers (Serial) nor chooses among them (Direct): make a model of each, or "
            "one image that does the work of all"
        )
    for container in containers:
        if container.get("Mode") == "MultiModel":
            raise invalid(
                f"a container of model {name} has Mode MultiModel; the emulator serves one model "
                "in a container: make a model of each, and a production variant or endpoint of each"
            )
        for key, instead in _UNSUPPORTED.items():
            if key in container:
                raise invalid(f"a container of model {name} has {key}; {instead}")
        if "ModelPackageName" in container:
            context.call("DescribeModelPackage", ModelPackageName=container["ModelPackageName"])
        elif not container.get("Image"):
            raise invalid(f"a container of model {name} has neither Image nor ModelPackageName")
        elif problem := context.containers.problem(container["Image"]):
            raise invalid(f"Requested image {container['Image']} not found. {problem}")
        data, packed = data_of(container)
        if data and not (context.s3.file(data) if packed else context.s3.anything_under(data)):
            raise invalid(f"Could not find model data at {data}.")
    arn = context.arn("model", name)
    kept = {key: value for key, value in request.items() if key != "Tags"}
    document = kept | {"ModelArn": arn, "CreationTime": time.time()}
    with context.store.transaction():
        if not context.store.create(_KIND, name, document):
            raise invalid(f'Cannot create already existing model "{arn}".')
        tags.add(context, arn, request.get("Tags"))
    return {"ModelArn": arn}


def data_of(container: Mapping[str, Any]) -> tuple[str, bool]:
    """Where a container's model is in S3, empty if it has none, and whether it is an archive."""
    if source := container.get("ModelDataSource", {}).get("S3DataSource"):
        return source["S3Uri"], source["CompressionType"] == "Gzip"
    return container.get("ModelDataUrl", ""), True


@operation("DescribeModel", honours=paths("ModelName"))
def describe_model(context: Context, request: types.DescribeModelInputTypeDef) -> Response:
    """The model as it was created."""
    return fill(_get(context, request["ModelName"]), MODEL)


@operation("ListModels", honours=paths(CREATED))
def list_models(context: Context, request: types.ListModelsInputTypeDef) -> Response:
    """Models by name part and creation time."""
    return page(
        "ListModels",
        request,
        Stored(context.store, _KIND, name_holds=request.get("NameContains", "")),
        "Models",
        "Model",
    )


@operation("DeleteModel", honours=paths("ModelName"))
def delete_model(context: Context, request: types.DeleteModelInputTypeDef) -> Response:
    """Forget a model; endpoints that serve it keep doing so until they are updated."""
    with context.store.transaction():
        document = _get(context, request["ModelName"])
        context.store.delete(_KIND, document["ModelName"])
        context.store.delete("tags", document["ModelArn"])
    return {}


def _get(context: Context, name: str) -> Document:
    document = context.store.get(_KIND, name)
    if document is None:
        raise invalid(f'Could not find model "{context.arn("model", name)}".')
    return document
