"""Model package groups."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.aws.dispatch import Response, operation
from sagemaker_emulator.aws.members import paths
from sagemaker_emulator.aws.pages import CREATED, Stored, page
from sagemaker_emulator.errors import ApiError, invalid
from sagemaker_emulator.sagemaker import tags
from sagemaker_emulator.sagemaker.defaults import with_user
from sagemaker_emulator.storage.store import Document

if TYPE_CHECKING:
    from types_boto3_sagemaker import type_defs as types

_KIND = "model-package-group"


@operation(
    "CreateModelPackageGroup",
    honours=paths("ModelPackageGroupName ModelPackageGroupDescription Tags"),
)
def create_group(context: Context, request: types.CreateModelPackageGroupInputTypeDef) -> Response:
    """Make an empty group."""
    name = request["ModelPackageGroupName"]
    arn = context.arn(_KIND, name)
    document = {
        "ModelPackageGroupName": name,
        "ModelPackageGroupArn": arn,
        "CreationTime": time.time(),
        "ModelPackageGroupStatus": "Completed",
        "LastVersion": 0,
    }
    if "ModelPackageGroupDescription" in request:
        document["ModelPackageGroupDescription"] = request["ModelPackageGroupDescription"]
    with context.store.transaction():
        if not context.store.create(_KIND, name, document):
            raise invalid(f"Model Package Group already exists: {arn}")
        tags.add(context, arn, request.get("Tags"))
    return {"ModelPackageGroupArn": arn}


@operation("DescribeModelPackageGroup", honours=paths("ModelPackageGroupName"))
def describe_group(
    context: Context, request: types.DescribeModelPackageGroupInputTypeDef
) -> Response:
    """A group by name or ARN."""
    return with_user(context, get(context, request["ModelPackageGroupName"]))


@operation("ListModelPackageGroups", honours=paths(CREATED + "CrossAccountFilterOption"))
def list_groups(context: Context, request: types.ListModelPackageGroupsInputTypeDef) -> Response:
    """Groups by name part and creation time."""
    return page(
        "ListModelPackageGroups",
        request,
        # No other account shares anything with this one.
        []
        if request.get("CrossAccountFilterOption") == "CrossAccount"
        else Stored(context.store, _KIND, name_holds=request.get("NameContains", "")),
        "ModelPackageGroupSummaryList",
        "ModelPackageGroup",
        order="Ascending",  # by its reference
    )


@operation("DeleteModelPackageGroup", honours=paths("ModelPackageGroupName"))
def delete_group(context: Context, request: types.DeleteModelPackageGroupInputTypeDef) -> Response:
    """Forget an empty group."""
    with context.store.transaction():
        group = get(context, request["ModelPackageGroupName"])
        name, arn = group["ModelPackageGroupName"], group["ModelPackageGroupArn"]
        versions = context.store.list("model-package", f"{name}/")
        if versions:
            raise ApiError(
                "ConflictException",
                f"Model package group {name} cannot be deleted while it holds "
                f"{len(versions)} model package(s); delete those first",
            )
        context.store.delete(_KIND, name)
        context.store.delete("model-package-group-policy", name)
        context.store.delete("tags", arn)
    return {}


def get(context: Context, identifier: str) -> Document:
    """A group's document by name or ARN.

    Raises:
        ApiError: There is none.
    """
    document = context.store.get(_KIND, name_of(identifier))
    if document is None:
        raise invalid("Model Package Group does not exist.")
    return document


def name_of(identifier: str) -> str:
    """The name in an ARN; a name stays as it is."""
    return identifier.rpartition("/")[2]


def next_version(context: Context, name: str) -> int:
    """The number of the next version; a deleted version's number is not used again."""
    version = int(get(context, name)["LastVersion"]) + 1
    context.store.update(_KIND, name, LastVersion=version)
    return version
