"""The model registry: model package groups and the packages in them, which are their versions."""

import copy
import time
from datetime import UTC, datetime
from typing import Any

from sagemaker_emulator.aws.dispatch import Context, operation
from sagemaker_emulator.aws.pages import page
from sagemaker_emulator.errors import ApiError, invalid
from sagemaker_emulator.sagemaker.registry import groups

_KIND = "model-package"
_EVENT = "SageMaker Model Package State Change"
# UpdateModelPackage replaces these as a whole.
_REPLACED = (
    "ModelApprovalStatus",
    "ApprovalDescription",
    "InferenceSpecification",
    "ModelCard",
    "ModelLifeCycle",
    "SourceUri",
    "ModelPackageRegistrationType",
)


@operation("CreateModelPackage")
def create_model_package(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Keep a package: in a group it becomes the next version, pending unless said otherwise."""
    group, name = request.get("ModelPackageGroupName"), request.get("ModelPackageName")
    if (group is None) == (name is None):
        raise invalid("give either ModelPackageGroupName (a version) or ModelPackageName")
    kept = {key: value for key, value in request.items() if key != "Tags"}
    with context.store.transaction():
        if group:
            group = groups.name_of(group)
            again = _of_token(context, group, request.get("ClientToken"))
            if again:
                return {"ModelPackageArn": again["ModelPackageArn"]}
            version = groups.next_version(context, group)
            name = f"{group}/{version}"
            kept |= {"ModelPackageGroupName": group, "ModelPackageVersion": version}
            kept.setdefault("ModelApprovalStatus", "PendingManualApproval")
        arn = context.arn("model-package", str(name))
        document = {
            "CertifyForMarketplace": False,
            **kept,
            "ModelPackageName": name,
            "ModelPackageArn": arn,
            "CreationTime": time.time(),
            "ModelPackageStatus": "Completed",
            "ModelPackageStatusDetails": {"ValidationStatuses": [], "ImageScanStatuses": []},
        }
        if not context.store.create(_KIND, str(name), document):
            raise ApiError("ConflictException", f"Model Package already exists: {arn}")
        context.tag(arn, request.get("Tags"))
        # In the transaction: a version that is kept is a version whose event will be delivered.
        _tell(context, document)
    return {"ModelPackageArn": arn}


@operation("DescribeModelPackage")
def describe_model_package(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """A package by ARN, by name, or as `group/version`."""
    return _get(context, request["ModelPackageName"])


@operation("UpdateModelPackage")
def update_model_package(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Approve, reject or annotate a package; what changed is told to EventBridge."""
    with context.store.transaction():
        document = _get(context, request["ModelPackageArn"])
        before = copy.deepcopy(document)
        status = request.get("ModelApprovalStatus")
        if status and "ModelPackageVersion" not in document:
            raise invalid("ModelApprovalStatus belongs to a version in a group; this has no group")
        document |= {key: request[key] for key in _REPLACED if key in request}
        properties = document.get("CustomerMetadataProperties", {})
        properties |= request.get("CustomerMetadataProperties", {})
        for key in request.get("CustomerMetadataPropertiesToRemove", []):
            properties.pop(key, None)
        if properties:
            document["CustomerMetadataProperties"] = properties
        added = request.get("AdditionalInferenceSpecificationsToAdd", [])
        if added:
            document["AdditionalInferenceSpecifications"] = [
                *document.get("AdditionalInferenceSpecifications", []),
                *added,
            ]
        changed = [key for key in document if document[key] != before.get(key)]
        document["LastModifiedTime"] = time.time()
        context.store.put(_KIND, document["ModelPackageName"], document)
        if changed:
            _tell(context, document, UpdatedModelPackageFields=changed)
    return {"ModelPackageArn": document["ModelPackageArn"]}


@operation("ListModelPackages")
def list_model_packages(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Versions of a group, or packages without one; `ModelPackageType` Both gives all."""
    group = request.get("ModelPackageGroupName")
    if group:
        group = groups.get(context, group)["ModelPackageGroupName"]
    wanted = request.get("ModelPackageType", "Versioned" if group else "Unversioned")
    packages = []
    for document in context.store.list(_KIND, f"{group}/" if group else ""):
        versioned = "ModelPackageVersion" in document
        approval = request.get("ModelApprovalStatus", document.get("ModelApprovalStatus"))
        if wanted in ("Both", "Versioned" if versioned else "Unversioned") and (
            approval == document.get("ModelApprovalStatus")
        ):
            packages.append(document)
    return page(
        request,
        packages,
        "ModelPackageSummaryList",
        name="ModelPackageName",
        sort={"Name": "ModelPackageName"},
        default_size=100,
    )


@operation("DeleteModelPackage")
def delete_model_package(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Forget a package; its version number is not given again."""
    document = _get(context, request["ModelPackageName"])
    context.store.delete(_KIND, document["ModelPackageName"])
    context.store.delete("tags", document["ModelPackageArn"])
    return {}


def _get(context: Context, identifier: str) -> dict[str, Any]:
    name = identifier.partition(":model-package/")[2] or identifier
    document = context.store.get(_KIND, name)
    if document is None:
        raise invalid(f"ModelPackage {context.arn('model-package', name)} does not exist.")
    return document


def _of_token(context: Context, group: str, token: str | None) -> dict[str, Any] | None:
    """The package that an earlier try of the same request made."""
    versions = context.store.list(_KIND, f"{group}/") if token else []
    return next((version for version in versions if version.get("ClientToken") == token), None)


def _tell(context: Context, document: dict[str, Any], **more: Any) -> None:
    """Emit the event that AWS documents for a changed model package."""
    told = (
        "ModelPackageGroupName",
        "ModelPackageName",
        "ModelPackageVersion",
        "ModelPackageArn",
        "ModelPackageDescription",
        "InferenceSpecification",
        "ModelPackageStatus",
        "ModelPackageStatusDetails",
        "CertifyForMarketplace",
        "ModelApprovalStatus",
        "ModelLifeCycle",
        "MetadataProperties",
        "CustomerMetadataProperties",
    )
    detail = {key: document[key] for key in told if key in document} | more
    if "ModelPackageVersion" in document:
        detail.pop("ModelPackageName")
    for key in ("CreationTime", "LastModifiedTime"):
        if key in document:
            when = datetime.fromtimestamp(document[key], UTC)
            detail[key] = when.strftime("%Y-%m-%dT%H:%M:%SZ")
    context.emit(_EVENT, detail, [document["ModelPackageArn"]])
