"""When somebody decided to serve a version, kept on the version itself.

A version's time of last change cannot tell: any note, by us or by a person, changes it too.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from model_registry.attempts import failed
from model_registry.versions import APPROVED, ModelVersion, describe

if TYPE_CHECKING:
    from types_boto3_sagemaker import SageMakerClient

DECIDED: Final = "decided_at"  # metadata of a version, ISO 8601 in UTC


def record(client: SageMakerClient, version: ModelVersion, decided_at: datetime) -> None:
    """Keep on the version when it was approved, unless a later approval is kept there."""
    before = recorded(version)
    if before is None or before < decided_at:
        client.update_model_package(
            ModelPackageArn=version.arn,
            CustomerMetadataProperties={DECIDED: decided_at.astimezone(UTC).isoformat()},
        )


def recorded(version: ModelVersion) -> datetime | None:
    """When the version was approved last, as far as the function has heard of it."""
    written = version.metadata.get(DECIDED)
    return datetime.fromisoformat(written) if written else None


def last(client: SageMakerClient, group: str, endpoint: str) -> ModelVersion | None:
    """The approved version that somebody decided on last for an endpoint, if it can be served.

    Versions whose deployment failed for their last decision are left out.
    """
    pages = client.get_paginator("list_model_packages").paginate(
        ModelPackageGroupName=group, ModelApprovalStatus=APPROVED
    )
    arns = [one["ModelPackageArn"] for page in pages for one in page["ModelPackageSummaryList"]]
    decided = {
        moment: version
        for version in (describe(client, arn) for arn in arns)
        if (moment := recorded(version))
        and version.metadata.get("endpoint_name") == endpoint
        and not failed(version, moment)
    }
    return decided[max(decided)] if decided else None
