"""Lambda: layers, archives that functions share; their Python and programs are found first.

A layer's code is kept as a function's is, under a name that no function can have. It stays when a
version is deleted, as functions that have it go on, on AWS, too.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.aws.dispatch import Response, operation
from sagemaker_emulator.services.functions import code, code_address
from sagemaker_emulator.services.functions.function import invalid_value, missing
from sagemaker_emulator.services.functions.pages import page
from sagemaker_emulator.storage.store import Document

if TYPE_CHECKING:
    from types_boto3_lambda import type_defs as types

_VERSION, _LAYER = "layer-version", "layer"
_MOST = 5  # layers of a function
_SHOWN = ("Description", "CompatibleRuntimes", "CompatibleArchitectures", "LicenseInfo")
_FILTERS = ("CompatibleRuntime", "CompatibleArchitecture", "Marker", "MaxItems")


@operation(
    "PublishLayerVersion",
    "lambda",
    honours=("LayerName", "Content.ZipFile", "Content.S3Bucket", "Content.S3Key"),
    keeps=_SHOWN,
)
def publish_layer(context: Context, request: types.PublishLayerVersionRequestTypeDef) -> Response:
    """Unpack an archive as the next version of a layer; numbers are never used again."""
    name = _name(context, request["LayerName"])
    archive = code.read_archive(context, request["Content"])
    with code.changing:
        kept = code.keep(context, f"layer:{name}", archive)
    with context.store.transaction():
        number = int((context.store.get(_LAYER, name) or {}).get("LastVersion", 0)) + 1
        arn = f"arn:aws:lambda:{context.region}:{context.account}:layer:{name}"
        version: Document = {
            **{key: value for key, value in request.items() if key in _SHOWN},
            "LayerName": name,
            "LayerArn": arn,
            "LayerVersionArn": f"{arn}:{number}",
            "Version": number,
            "CreatedDate": time.strftime("%Y-%m-%dT%H:%M:%S.000+0000", time.gmtime()),
            "Code": kept,
        }
        context.store.put(_VERSION, f"{name}:{number}", version)
        context.store.put(_LAYER, name, {"LastVersion": number})
    return _described(context, version)


@operation("GetLayerVersion", "lambda", honours=("LayerName", "VersionNumber"))
def get_layer_version(context: Context, request: types.GetLayerVersionRequestTypeDef) -> Response:
    """A version of a layer, and where its archive is."""
    name, number = _name(context, request["LayerName"]), request["VersionNumber"]
    version = context.store.get(_VERSION, f"{name}:{number}")
    if version is None:
        raise missing("The resource you requested does not exist.")
    return _described(context, version)


@operation("GetLayerVersionByArn", "lambda", honours=("Arn",))
def get_layer_version_by_arn(
    context: Context, request: types.GetLayerVersionByArnRequestTypeDef
) -> Response:
    """A version of a layer by its ARN."""
    version = _by_arn(context, request["Arn"])
    if version is None:
        raise missing("The resource you requested does not exist.")
    return _described(context, version)


@operation("DeleteLayerVersion", "lambda", honours=("LayerName", "VersionNumber"))
def delete_layer_version(
    context: Context, request: types.DeleteLayerVersionRequestTypeDef
) -> Response:
    """Delete a version: no function gets it any more; as on AWS, there need be none."""
    name = _name(context, request["LayerName"])
    context.store.delete(_VERSION, f"{name}:{request['VersionNumber']}")
    return {}


@operation("ListLayerVersions", "lambda", honours=("LayerName", *_FILTERS))
def list_layer_versions(
    context: Context, request: types.ListLayerVersionsRequestTypeDef
) -> Response:
    """The versions of a layer, the latest first."""
    versions = _versions(context, _name(context, request["LayerName"]), request)
    shown, marker = page(
        "ListLayerVersions",
        request,
        versions,
        lambda version: (None, version["Version"]),
        descending=True,
    )
    return {"LayerVersions": shown, "NextMarker": marker}


@operation("ListLayers", "lambda", honours=_FILTERS)
def list_layers(context: Context, request: types.ListLayersRequestTypeDef) -> Response:
    """The layers that have versions, each with its latest, by name."""
    layers = []
    for name, _ in context.store.items(_LAYER):
        if versions := _versions(context, name, request):
            latest = {k: v for k, v in versions[0].items() if k not in ("LayerArn", "LayerName")}
            arn = versions[0]["LayerArn"]
            layers.append({"LayerName": name, "LayerArn": arn, "LatestMatchingVersion": latest})
    shown, marker = page("ListLayers", request, layers, lambda layer: (None, layer["LayerName"]))
    return {"Layers": shown, "NextMarker": marker}


def get_version(context: Context, layer: str, number: int) -> Document:
    """A version by the layer's name or ARN.

    Raises:
        ApiError: There is none.
    """
    name = _name(context, layer)
    version = context.store.get(_VERSION, f"{name}:{number}")
    if version is None:
        arn = f"arn:aws:lambda:{context.region}:{context.account}:layer:{name}:{number}"
        raise missing(f"Layer version {arn} does not exist.")
    return version


def keep_policy(context: Context, version: Document, policy: Document) -> None:
    """Write a version's policy; it goes with the version."""
    key = f"{version['LayerName']}:{version['Version']}"
    context.store.update(_VERSION, key, Policy=policy)


def of_function(context: Context, arns: Sequence[str]) -> list[Document]:
    """The layers that a function is to have, as its document keeps them.

    Raises:
        ApiError: There are too many, or there is no such version, or two of one layer.
    """
    if len(arns) > _MOST:
        raise invalid_value(f"Function may have at most {_MOST} layers, not {len(arns)}.")
    versions = []
    for arn in arns:
        version = _by_arn(context, arn)
        if version is None:
            raise invalid_value(
                f"Layer version {arn} does not exist. The emulator has the layers that were "
                "published to it: fetch the archive of another account's with GetLayerVersion on "
                "AWS, and publish it here."
            )
        versions.append(version)
    if len({version["LayerArn"] for version in versions}) < len(versions):
        raise invalid_value("Two different versions of the same layer are not allowed.")
    return [
        {
            "Arn": version["LayerVersionArn"],
            "CodeSize": version["Code"]["CodeSize"],
            "Owner": f"layer:{version['LayerName']}",
            "Folder": version["Code"]["Folder"],
        }
        for version in versions
    ]


def folders_of(context: Context, function: Document) -> list[Path]:
    """Where the layers of a function are unpacked; what a later one has hides an earlier one's."""
    layers = [
        {"FunctionName": layer["Owner"], "Folder": layer["Folder"]}
        for layer in function.get("Layers") or ()
    ]
    return [code.folder_of(context, layer) for layer in reversed(layers)]


def environment(folders: Sequence[Path], before: Mapping[str, str]) -> dict[str, str]:
    """PATH and LD_LIBRARY_PATH with the `bin` and `lib` of layers before what they hold.

    Args:
        folders: of the layers.
        before: the environment without them.
    """
    return {
        name: os.pathsep.join(
            [*(str(folder / part) for folder in folders), *filter(None, [before.get(name)])]
        )
        for name, part in (("PATH", "bin"), ("LD_LIBRARY_PATH", "lib"))
        if folders
    }


def _name(context: Context, identifier: str) -> str:
    """The name in a layer's name or ARN.

    Raises:
        ApiError: It is an ARN of another region or account.
    """
    if not identifier.startswith("arn:"):
        return identifier
    own = f"arn:aws:lambda:{context.region}:{context.account}:layer:"
    if not identifier.startswith(own):
        raise missing("The resource you requested does not exist.")
    return identifier.removeprefix(own).partition(":")[0]


def _by_arn(context: Context, arn: str) -> Document | None:
    own = f"arn:aws:lambda:{context.region}:{context.account}:layer:"
    return context.store.get(_VERSION, arn.removeprefix(own)) if arn.startswith(own) else None


def _versions(context: Context, name: str, request: Mapping[str, Any]) -> list[Document]:
    """The versions of a layer that a request is for, the latest first."""

    def is_for(version: Document, filtered: str, listed: str) -> bool:
        return request.get(filtered) in (None, *version.get(listed, ()))

    found = [
        version
        for version in context.store.list(_VERSION, f"{name}:")
        if is_for(version, "CompatibleRuntime", "CompatibleRuntimes")
        and is_for(version, "CompatibleArchitecture", "CompatibleArchitectures")
    ]
    return sorted(found, key=lambda version: -int(version["Version"]))


def _described(context: Context, version: Document) -> Document:
    kept = version["Code"]
    place = {"FunctionName": f"layer:{version['LayerName']}", "Folder": kept["Folder"]}
    location = code_address.address(context, place)
    return version | {"Content": {**kept, "Location": location}}
