"""The versions in a model package group: list, describe, find, approve, reject."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from model_registry.errors import NoGroupError, NotApprovedError, RegistryError

PENDING, APPROVED, REJECTED = "PendingManualApproval", "Approved", "Rejected"


@dataclass(frozen=True)
class ModelVersion:
    """One model package of the group, as DescribeModelPackage tells it."""

    group: str
    version: int
    arn: str
    approval: str
    created: datetime
    modified: datetime
    data_url: str
    metrics_url: str
    note: str
    metadata: dict[str, str] = field(default_factory=dict)


def list_versions(client: Any, group: str, approval: str | None = None) -> list[ModelVersion]:
    """Every version of a group, newest first.

    Args:
        client: A boto3 SageMaker client.
        group: The model package group's name.
        approval: Only versions with this `ModelApprovalStatus`.

    Raises:
        RegistryError: There is no such group.
    """
    return [
        describe(client, summary["ModelPackageArn"])
        for summary in _summaries(client, group, approval)
    ]


def newest(client: Any, group: str, approval: str) -> ModelVersion | None:
    """The newest version with an approval status, or None.

    Raises:
        RegistryError: There is no such group.
    """
    first = next(_summaries(client, group, approval), None)
    return describe(client, first["ModelPackageArn"]) if first else None


def approved_data_url(client: Any, group: str) -> str | None:
    """Where the newest approved version's model.tar.gz is; None while nothing is approved."""
    try:
        version = newest(client, group, APPROVED)
    except NoGroupError:
        return None
    return version.data_url if version else None


def find(client: Any, group: str, version: int) -> ModelVersion:
    """The version of that number.

    Raises:
        RegistryError: There is no such group or no such version; the message lists those there are.
    """
    numbers = []
    for summary in _summaries(client, group):
        if summary["ModelPackageVersion"] == version:
            return describe(client, summary["ModelPackageArn"])
        numbers.append(summary["ModelPackageVersion"])
    known = f"It has {', '.join(map(str, sorted(numbers)))}." if numbers else "It has none yet."
    raise RegistryError(f"Model package group {group} has no version {version}. {known}")


def describe(client: Any, arn: str) -> ModelVersion:
    """A model package by its ARN."""
    package = client.describe_model_package(ModelPackageName=arn)
    containers = package.get("InferenceSpecification", {}).get("Containers") or [{}]
    statistics = package.get("ModelMetrics", {}).get("ModelQuality", {}).get("Statistics", {})
    return ModelVersion(
        group=package.get("ModelPackageGroupName", ""),
        version=package.get("ModelPackageVersion", 0),
        arn=package["ModelPackageArn"],
        approval=package.get("ModelApprovalStatus", ""),
        created=package["CreationTime"],
        modified=package.get("LastModifiedTime") or package["CreationTime"],
        data_url=_data_url(containers[0]),
        metrics_url=statistics.get("S3Uri", ""),
        note=package.get("ApprovalDescription", ""),
        metadata=package.get("CustomerMetadataProperties", {}),
    )


def approved(client: Any, arn: str) -> ModelVersion:
    """A model package by its ARN, which must be approved.

    Raises:
        NotApprovedError: It is not.
    """
    version = describe(client, arn)
    if version.approval != APPROVED:
        raise NotApprovedError(
            f"Version {version.version} of {version.group} is {version.approval}, and only an "
            "approved version may answer. "
            f"`python pipeline.py approve {version.version}` approves it."
        )
    return version


def create_model(client: Any, name: str, version: ModelVersion, role_arn: str) -> None:
    """Make the SageMaker model that an endpoint or a transform job serves, of a version.

    Raises:
        ClientError: There is a model of that name already.
    """
    client.create_model(
        ModelName=name,
        ExecutionRoleArn=role_arn,
        Containers=[{"ModelPackageName": version.arn}],
    )


def approve(client: Any, group: str, version: int | None = None, note: str = "") -> ModelVersion:
    """Approve a version (the newest pending by default): the approval rule then deploys it.

    Raises:
        RegistryError: Nothing is pending, there is no such version, or it is approved already.
    """
    return _decide(client, group, version, APPROVED, note)


def reject(client: Any, group: str, version: int | None = None, note: str = "") -> ModelVersion:
    """Reject a version; the newest pending one by default.

    Raises:
        RegistryError: Nothing is pending, there is no such version, or it is rejected already.
    """
    return _decide(client, group, version, REJECTED, note)


def parse_version(text: str) -> int:
    """A version's number from `3`, `v3` or a model package's ARN.

    Raises:
        RegistryError: The text is none of these.
    """
    found = re.fullmatch(r"(?:v|arn:\S+/)?(\d+)", text.strip())
    if not found:
        raise RegistryError(
            f"{text!r} is not a model version; give its number, "
            "as `python pipeline.py models` lists it."
        )
    return int(found[1])


def _decide(client: Any, group: str, version: int | None, status: str, note: str) -> ModelVersion:
    chosen = newest(client, group, PENDING) if version is None else find(client, group, version)
    word = "approve" if status == APPROVED else "reject"
    if chosen is None:
        raise RegistryError(
            f"Nothing to {word}: no version of {group} is waiting for approval. "
            "`python pipeline.py models` lists the versions; "
            f"`python pipeline.py {word} VERSION` decides on one of them again."
        )
    if chosen.approval == status:
        serve = (
            f" To serve it, run `python pipeline.py promote {chosen.version}`."
            if word == "approve"
            else ""
        )
        raise RegistryError(f"Version {chosen.version} of {group} is {status} already.{serve}")
    # The description is always sent: an earlier decision's words must not stand beside this one.
    client.update_model_package(
        ModelPackageArn=chosen.arn,
        ModelApprovalStatus=status,
        ApprovalDescription=note or f"{status} with pipeline.py",
    )
    return describe(client, chosen.arn)


def _summaries(client: Any, group: str, approval: str | None = None) -> Iterator[dict[str, Any]]:
    request = {"ModelPackageGroupName": group, "SortBy": "CreationTime", "SortOrder": "Descending"}
    if approval:
        request["ModelApprovalStatus"] = approval
    try:
        for page in client.get_paginator("list_model_packages").paginate(**request):
            yield from page["ModelPackageSummaryList"]
    except ClientError as error:
        if "does not exist" in error.response["Error"]["Message"]:
            raise NoGroupError(
                f"There is no model package group {group} yet. "
                "Run `python pipeline.py upsert start` first."
            ) from error
        raise


def _data_url(container: dict[str, Any]) -> str:
    source = container.get("ModelDataSource", {}).get("S3DataSource", {})
    return container.get("ModelDataUrl") or source.get("S3Uri", "")
