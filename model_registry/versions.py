"""One version of the model package group, read from SageMaker."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

from model_registry.endpoint import is_missing
from model_registry.errors import NotApprovedError

if TYPE_CHECKING:
    from types_boto3_sagemaker import SageMakerClient
    from types_boto3_sagemaker.type_defs import ContainerDefinitionUnionTypeDef, TagTypeDef

APPROVED: Final = "Approved"


@dataclass(frozen=True)
class ModelVersion:
    """One model package of the group, as DescribeModelPackage answers it."""

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
    data_etag: str = ""
    image: str = ""


def describe(client: SageMakerClient, arn: str) -> ModelVersion:
    """Return the model package with this ARN."""
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
        image=containers[0].get("Image", ""),
        data_etag=containers[0].get("ModelDataETag", "").strip('"'),
        metrics_url=statistics.get("S3Uri", ""),
        note=package.get("ApprovalDescription", ""),
        metadata=package.get("CustomerMetadataProperties", {}),
    )


def find(client: SageMakerClient, arn: str) -> ModelVersion | None:
    """Return the model package with this ARN; None: it has been deleted."""
    try:
        return describe(client, arn)
    except ClientError as error:
        if is_missing(error):
            return None
        raise


def account_of(arn: str) -> str:
    """The account in an ARN."""
    return arn.split(":")[4] if arn.count(":") > 4 else ""


def describe_approved(client: SageMakerClient, arn: str) -> ModelVersion:
    """Return the model package with this ARN, which must be approved.

    Raises:
        NotApprovedError: It is not.
    """
    version = describe(client, arn)
    if version.approval != APPROVED:
        raise NotApprovedError(
            f"Version {version.version} of {version.group} is {version.approval}, and only an "
            f"approved version may serve. Approve it: `python pipeline.py approve "
            f"{version.version}`."
        )
    return version


def create_model(
    client: SageMakerClient,
    name: str,
    version: ModelVersion,
    role_arn: str,
    tags: Sequence[TagTypeDef] = (),
    security: Mapping[str, Any] | None = None,
    containers: Sequence[ContainerDefinitionUnionTypeDef] | None = None,
) -> None:
    """Create the SageMaker model of a version, which an endpoint or a transform job runs.

    Args:
        client: A boto3 SageMaker client.
        name: The model's name.
        version: The version.
        role_arn: The role that its containers have.
        tags: The model's tags.
        security: Its network, as `security.Security.of_model` says.
        containers: What it runs; by default what the version names, which must be approved then.

    Raises:
        ClientError: There is a model of that name already.
    """
    client.create_model(
        ModelName=name,
        ExecutionRoleArn=role_arn,
        Containers=containers or [{"ModelPackageName": version.arn}],
        Tags=tags,
        **(security or {}),
    )


def containers_of(
    client: SageMakerClient, version: ModelVersion
) -> list[ContainerDefinitionUnionTypeDef]:
    """The containers that a version names, as CreateModel takes them."""
    package = client.describe_model_package(ModelPackageName=version.arn)
    request = client.meta.service_model.operation_model("CreateModel").input_shape
    taken: Any = getattr(request, "members", {})["PrimaryContainer"]
    named: Any = package["InferenceSpecification"]["Containers"]
    return [
        {key: value for key, value in one.items() if key in taken.members and value}  # type: ignore[misc]
        for one in named
    ]


def _data_url(container: Mapping[str, Any]) -> str:
    source = container.get("ModelDataSource", {}).get("S3DataSource", {})
    return container.get("ModelDataUrl") or str(source.get("S3Uri", ""))
