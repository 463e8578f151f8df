"""The model registry: model package groups and the packages in them, which are their versions."""

from __future__ import annotations

import copy
import json
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sagemaker_emulator.aws import s3_client
from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.aws.dispatch import Response, operation
from sagemaker_emulator.aws.members import paths
from sagemaker_emulator.aws.pages import CREATED, Stored, page
from sagemaker_emulator.errors import ApiError, invalid
from sagemaker_emulator.sagemaker import tags
from sagemaker_emulator.sagemaker.defaults import with_user
from sagemaker_emulator.sagemaker.lineage import tracking
from sagemaker_emulator.sagemaker.registry import groups
from sagemaker_emulator.sagemaker.registry.package_source import with_specification
from sagemaker_emulator.storage.store import Document

if TYPE_CHECKING:
    from types_boto3_sagemaker import type_defs as types

_KIND = "model-package"
# The packages that ClientTokens made, by group.
_TOKEN = "model-package-token"
_EVENT = "SageMaker Model Package State Change"
_KEPT = """
    ModelPackageDescription ModelPackageRegistrationType MetadataProperties ModelMetrics Domain Task
    SamplePayloadUrl DriftCheckBaselines AdditionalInferenceSpecifications SkipModelValidation
    SecurityConfig ModelCard ModelLifeCycle
"""
# UpdateModelPackage replaces each of these whole, but of a card only the members that it has.
_REPLACED = (
    "ModelApprovalStatus",
    "ApprovalDescription",
    "InferenceSpecification",
    "ModelCard",
    "ModelLifeCycle",
    "SourceUri",
    "ModelPackageRegistrationType",
)


@operation(
    "CreateModelPackage",
    honours=paths(
        "ModelPackageName ModelPackageGroupName ModelApprovalStatus ClientToken Tags "
        "CertifyForMarketplace InferenceSpecification CustomerMetadataProperties SourceUri"
    ),
    keeps=paths(_KEPT),
)
def create_package(context: Context, request: types.CreateModelPackageInputTypeDef) -> Response:
    """Create a package; in a group it becomes the next version, by default pending approval."""
    group, name = request.get("ModelPackageGroupName"), request.get("ModelPackageName")
    if group is None and name is None:
        raise invalid("Missing ARN.")
    if group is not None and name is not None:
        raise invalid(
            "Both ModelPackageName and ModelPackageGroupName are provided in the input. Cannot "
            "determine which one to use."
        )
    if group is not None and request.get("Tags"):
        raise invalid(
            "Tags are not supported in Model Package versions. Please add them to the Model "
            "Package Group"
        )
    kept = with_specification(context, request)
    kept.pop("Tags", None)
    if "InferenceSpecification" in kept:
        kept["InferenceSpecification"] = _with_etags(context, kept["InferenceSpecification"])
    with context.store.transaction():
        if group:
            group = groups.name_of(group)
            token = f"{group}/{request['ClientToken']}" if "ClientToken" in request else ""
            earlier = context.store.get(_TOKEN, token) if token else None
            if earlier and context.store.get(_KIND, earlier["ModelPackageName"]):
                return {"ModelPackageArn": earlier["ModelPackageArn"]}
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
        if group and token:
            made = {"ModelPackageArn": arn, "ModelPackageName": name}
            context.store.put(_TOKEN, token, made)
        tags.add(context, arn, request.get("Tags"))
        tracking.add_package(context, document)
        # In the transaction: a version is kept only if its event is kept for delivery.
        _emit_change(context, document)
    return {"ModelPackageArn": arn}


@operation("DescribeModelPackage", honours=paths("ModelPackageName IncludedData"))
def describe_package(context: Context, request: types.DescribeModelPackageInputTypeDef) -> Response:
    """A package by ARN, by name, or as `group/version`."""
    if request.get("IncludedData") == "MetadataOnly":
        raise invalid("IncludedData: the emulator returns AllData; a model card is not encrypted.")
    return with_user(context, shown(_get(context, request["ModelPackageName"])))


@operation("BatchDescribeModelPackage", honours=paths("ModelPackageArnList"))
def describe_packages(
    context: Context, request: types.BatchDescribeModelPackageInputTypeDef
) -> Response:
    """Packages by ARN, with an error for each that is not there."""
    summaries, errors = {}, {}
    for arn in request["ModelPackageArnList"]:
        try:
            package = shown(_get(context, arn))
        except ApiError as error:
            errors[arn] = {"ErrorCode": error.code, "ErrorResponse": error.message}
            continue
        summaries[arn] = {"InferenceSpecification": {}, "ModelPackageGroupName": "", **package}
    return {"ModelPackageSummaries": summaries, "BatchDescribeModelPackageErrorMap": errors}


@operation(
    "UpdateModelPackage",
    honours=paths("""
        ModelPackageArn ModelApprovalStatus ApprovalDescription CustomerMetadataProperties
        CustomerMetadataPropertiesToRemove AdditionalInferenceSpecificationsToAdd
        InferenceSpecification SourceUri ModelCard ModelLifeCycle ModelPackageRegistrationType
        ClientToken
    """),
)
def update_package(context: Context, request: types.UpdateModelPackageInputTypeDef) -> Response:
    """Approve, reject or annotate a package, and emit an event of what changed."""
    with context.store.transaction():
        document = _get(context, request["ModelPackageArn"])
        before = copy.deepcopy(document)
        status = request.get("ModelApprovalStatus")
        if status and "ModelPackageVersion" not in document:
            raise invalid("ModelApprovalStatus belongs to a version in a group; this has no group")
        changes = with_specification(context, request)
        # The SDK's update_model_card sends either the content or the status.
        if "ModelCard" in changes:
            changes["ModelCard"] = document.get("ModelCard", {}) | changes["ModelCard"]
        document |= {key: value for key, value in changes.items() if key in _REPLACED}
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
        if "ModelApprovalStatus" in changed:
            tracking.add_approval(context, document)
        if changed:
            _emit_change(context, document, UpdatedModelPackageFields=changed)
    return {"ModelPackageArn": document["ModelPackageArn"]}


@operation(
    "ListModelPackages",
    honours=paths(CREATED + "ModelApprovalStatus ModelPackageGroupName ModelPackageType"),
)
def list_packages(context: Context, request: types.ListModelPackagesInputTypeDef) -> Response:
    """Versions of a group, or packages without one; `ModelPackageType` Both lists all.

    Newest first, against its reference: AWS's own samples (`get_approved_package` of its MLOps
    templates) request no order and deploy the first.
    """
    group = request.get("ModelPackageGroupName")
    if group:
        group = groups.get(context, group)["ModelPackageGroupName"]
    requested = request.get("ModelPackageType", "Versioned" if group else "Unversioned")

    def keep(document: Document) -> bool:
        versioned = "ModelPackageVersion" in document
        approval = request.get("ModelApprovalStatus", document.get("ModelApprovalStatus"))
        return requested in ("Both", "Versioned" if versioned else "Unversioned") and (
            approval == document.get("ModelApprovalStatus")
        )

    packages = Stored(
        context.store,
        _KIND,
        f"{group}/" if group else "",
        keep,
        holds=json.dumps(status) if (status := request.get("ModelApprovalStatus")) else "",
        name_lacks="/" if requested == "Unversioned" else "",
    )
    listed = page(
        "ListModelPackages",
        request,
        packages,
        "ModelPackageSummaryList",
        "ModelPackage",
        identity="ModelPackageArn",
        size=100,
    )
    summaries = [shown(package) for package in listed["ModelPackageSummaryList"]]
    return {**listed, "ModelPackageSummaryList": summaries}


@operation("DeleteModelPackage", honours=paths("ModelPackageName"))
def delete_package(context: Context, request: types.DeleteModelPackageInputTypeDef) -> Response:
    """Forget a package; its version number is not used again."""
    with context.store.transaction():
        document = _get(context, request["ModelPackageName"])
        context.store.delete(_KIND, document["ModelPackageName"])
        context.store.delete("tags", document["ModelPackageArn"])
    return {}


def _with_etags(context: Context, specification: Any) -> Document:
    """An inference specification with the ETag of each container's model data, as AWS adds it."""
    containers = []
    for container in specification.get("Containers", []):
        filled = dict(container)
        url = container.get("ModelDataUrl", "")
        if url.startswith("s3://") and "ModelDataETag" not in container:
            bucket, _, key = url.removeprefix("s3://").partition("/")
            if key and (etag := s3_client.etag(context, bucket, key)):
                filled["ModelDataETag"] = etag
        containers.append(filled)
    return {**specification, "Containers": containers}


def _get(context: Context, identifier: str) -> Document:
    name = identifier.partition(":model-package/")[2] or identifier
    document = context.store.get(_KIND, name)
    if document is None:
        raise invalid(f"ModelPackage {context.arn('model-package', name)} does not exist.")
    return document


def shown(document: Document) -> Document:
    """A package as responses have it: a version has no name of its own."""
    if "ModelPackageVersion" not in document:
        return document
    return {key: value for key, value in document.items() if key != "ModelPackageName"}


def _emit_change(context: Context, document: Document, **more: object) -> None:
    """Emit the event that AWS documents for a changed model package."""
    members = (
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
    detail = {key: document[key] for key in members if key in document} | more
    if "ModelPackageVersion" in document:
        detail.pop("ModelPackageName")
    for key in ("CreationTime", "LastModifiedTime"):
        if key in document:
            when = datetime.fromtimestamp(document[key], UTC)
            detail[key] = when.strftime("%Y-%m-%dT%H:%M:%SZ")
    context.events.emit(_EVENT, detail, [document["ModelPackageArn"]])
