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
    ModelPackageName Mode AdditionalModelDataSources InferenceSpecificationName ContainerHostname
    MultiModelConfig{ModelCacheSetting}
}"""
_HONOURED = f"""
    ModelName Tags PrimaryContainer{_HONOURED_CONTAINER} Containers{_HONOURED_CONTAINER}
    InferenceExecutionConfig{{Mode}}
"""
_KEPT_CONTAINER = """{
    ImageConfig ModelDataSource{S3DataSource{S3DataType ModelAccessConfig}}
}"""
_KEPT = f"""
    PrimaryContainer{_KEPT_CONTAINER} Containers{_KEPT_CONTAINER}
    ExecutionRoleArn VpcConfig EnableNetworkIsolation
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
    if ("PrimaryContainer" in request) == bool(request.get("Containers")):
        raise invalid("CreateModel needs either a PrimaryContainer or Containers")
    containers = containers_of(request)
    _check_names(request)
    for container in containers:
        for key, instead in _UNSUPPORTED.items():
            if key in container:
                raise invalid(f"a container of model {name} has {key}; {instead}")
        if "ModelPackageName" in container:
            context.call("DescribeModelPackage", ModelPackageName=container["ModelPackageName"])
        elif not container.get("Image"):
            raise invalid(f"a container of model {name} has neither Image nor ModelPackageName")
        elif problem := context.containers.problem(container["Image"]):
            raise invalid(f"Requested image {container['Image']} not found. {problem}")
        if is_multi_model(container):
            _check_multi_model(name, container)
            continue  # the models may come later
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


def containers_of(model: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The containers of CreateModel's request or of DescribeModel's response."""
    return model.get("Containers") or [model["PrimaryContainer"]]


def is_direct(model: Mapping[str, Any]) -> bool:
    """Whether a request goes to one of a model's containers alone, which it names."""
    return bool(model.get("InferenceExecutionConfig", {}).get("Mode") == "Direct")


def is_multi_model(container: Mapping[str, Any]) -> bool:
    """Whether a container serves many models, each of which a request names."""
    return bool(container.get("Mode") == "MultiModel")


def _check_multi_model(name: str, container: Mapping[str, Any]) -> None:
    """Check where the models of a multi-model container are.

    Raises:
        ApiError: they are not below a prefix.
    """
    if "ModelPackageName" not in container and not container.get("ModelDataUrl"):
        raise invalid(
            f"a container of model {name} has Mode MultiModel and needs ModelDataUrl, the prefix "
            "of S3 below which its models are, each a .tar.gz"
        )


def _check_names(model: Mapping[str, Any]) -> None:
    """Check that the containers can be told apart.

    Rules: API reference of ContainerDefinition (ContainerHostname); developer guide, "Create a
    multi-container endpoint".

    Raises:
        ApiError: one of them has no name and needs one, or two have the same.
    """
    place = f"model {model['ModelName']}"
    names = [each.get("ContainerHostname") for each in containers_of(model)]
    named = [name for name in names if name]
    if is_direct(model) and len(names) < 2:
        raise invalid(
            f"{place}: InferenceExecutionConfig Mode Direct needs more than one container in "
            "Containers; leave InferenceExecutionConfig out"
        )
    if len(named) < len(names) and (named or is_direct(model)):
        why = "in the Mode Direct" if is_direct(model) else "where one of them has it"
        raise invalid(f"{place}: every container needs a ContainerHostname {why}")
    if len(set(named)) < len(named):
        raise invalid(f"{place}: each ContainerHostname must differ, and they are {named}")


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
