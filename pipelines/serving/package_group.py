"""The versions of the model package group: list, find, approve, reject."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from botocore.exceptions import ClientError

from model_registry.attempts import FAILED_DECISION, FAILURE
from model_registry.decisions import DECIDED
from model_registry.errors import RegistryError
from model_registry.versions import APPROVED, ModelVersion, describe

if TYPE_CHECKING:
    from types_boto3_sagemaker import SageMakerClient
    from types_boto3_sagemaker.literals import ModelApprovalStatusType
    from types_boto3_sagemaker.type_defs import ModelPackageSummaryTypeDef

PENDING: Final = "PendingManualApproval"
REJECTED: Final = "Rejected"


class NoGroupError(RegistryError):
    """There is no such model package group."""


def list_versions(
    client: SageMakerClient, group: str, approval: str | None = None
) -> list[ModelVersion]:
    """Return the versions of a group with an approval status, or all, newest first.

    Raises:
        NoGroupError: There is no such group.
    """
    return [
        describe(client, summary["ModelPackageArn"])
        for summary in _summaries(client, group, approval)
    ]


def newest(client: SageMakerClient, group: str, approval: str) -> ModelVersion | None:
    """Return the newest version with an approval status, or None.

    Raises:
        NoGroupError: There is no such group.
    """
    first = next(_summaries(client, group, approval), None)
    return describe(client, first["ModelPackageArn"]) if first else None


def approved_data_url(client: SageMakerClient, group: str) -> str | None:
    """Return where the newest approved version's model.tar.gz is; None if none is approved."""
    try:
        version = newest(client, group, APPROVED)
    except NoGroupError:
        return None
    return version.data_url if version else None


def find(client: SageMakerClient, group: str, version: int) -> ModelVersion:
    """Return the version with this number.

    Raises:
        NoGroupError: There is no such group.
        RegistryError: There is no such version; the message lists the existing ones.
    """
    numbers = []
    for summary in _summaries(client, group):
        if summary["ModelPackageVersion"] == version:
            return describe(client, summary["ModelPackageArn"])
        numbers.append(summary["ModelPackageVersion"])
    known = f"It has {', '.join(map(str, sorted(numbers)))}." if numbers else "It has none yet."
    raise RegistryError(f"Model package group {group} has no version {version}. {known}")


def decide(
    client: SageMakerClient,
    group: str,
    status: ModelApprovalStatusType,
    version: int | None = None,
    note: str = "",
) -> ModelVersion:
    """Approve or reject a version, by default the newest pending one.

    The approval rule deploys an approved version.

    Raises:
        RegistryError: Nothing is pending, there is no such version, or it has this status already.
    """
    chosen = choose(client, group, status, version)
    # What an earlier decision left must not stay with this one: its note, its time, its outcome.
    client.update_model_package(
        ModelPackageArn=chosen.arn,
        ModelApprovalStatus=status,
        ApprovalDescription=note or f"{status} with pipeline.py",
        CustomerMetadataPropertiesToRemove=[
            key for key in (DECIDED, FAILURE, FAILED_DECISION) if key in chosen.metadata
        ],
    )
    return describe(client, chosen.arn)


def choose(
    client: SageMakerClient,
    group: str,
    status: ModelApprovalStatusType,
    version: int | None = None,
) -> ModelVersion:
    """Return the version that would be approved or rejected, by default the newest pending one.

    Raises:
        RegistryError: Nothing is pending, there is no such version, or it has this status already.
    """
    chosen = newest(client, group, PENDING) if version is None else find(client, group, version)
    verb = "approve" if status == APPROVED else "reject"
    if chosen is None:
        raise RegistryError(
            f"Nothing to {verb}: no version of {group} is waiting for approval. "
            "`python pipeline.py models` lists the versions; "
            f"`python pipeline.py {verb} VERSION` decides on one of them again."
        )
    if chosen.approval == status:
        hint = f" To serve it, run `python pipeline.py promote {chosen.version}`."
        raise RegistryError(
            f"Version {chosen.version} of {group} is {status} already."
            f"{hint if status == APPROVED else ''}"
        )
    return chosen


def parse_version(text: str) -> int:
    """Return a version's number from `3`, `v3` or a model package's ARN.

    Raises:
        RegistryError: The text is none of these.
    """
    match = re.fullmatch(r"(?:v|arn:\S+/)?(\d+)", text.strip())
    if not match:
        raise RegistryError(
            f"{text!r} is not a model version. Give its number; "
            "`python pipeline.py models` lists them."
        )
    return int(match[1])


def version_number(package_arn: str) -> int | None:
    """Return the version at the end of a model package's ARN; None if there is none."""
    last = package_arn.rpartition("/")[2]
    return int(last) if last.isdigit() else None


def _summaries(
    client: SageMakerClient, group: str, approval: str | None = None
) -> Iterator[ModelPackageSummaryTypeDef]:
    pages = client.get_paginator("list_model_packages").paginate(
        ModelPackageGroupName=group,
        SortBy="CreationTime",
        SortOrder="Descending",
        **({"ModelApprovalStatus": approval} if approval else {}),  # type: ignore[arg-type]
    )
    try:
        for page in pages:
            yield from page["ModelPackageSummaryList"]
    except ClientError as error:
        if error.response["Error"]["Code"] == "AccessDeniedException" and group.startswith("arn:"):
            raise NoGroupError(
                f"The versions of {group} cannot be read: {error.response['Error']['Message']} "
                "Its account must name this one in `shared_registry.consumers` and run `setup`."
            ) from error
        if "does not exist" in error.response["Error"]["Message"]:
            raise NoGroupError(
                f"There is no model package group {group} yet. "
                "Create it and a first version: `python pipeline.py upsert start`."
            ) from error
        raise
