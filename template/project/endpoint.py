"""Model versions, and the endpoint that serves one of them under the project's name."""

import json
import mimetypes
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from target import ProjectError, Target


@dataclass(frozen=True)
class Version:
    """A version in the model registry, and the accuracy that it was registered with."""

    arn: str
    accuracy: str

    @property
    def number(self) -> str:
        """Its number, counted from 1."""
        return self.arn.rpartition("/")[2]


def newest(where: Target) -> Version:
    """The newest version that nobody has rejected.

    Raises:
        ProjectError: There is none.
    """
    try:
        packages = where.sagemaker.list_model_packages(
            ModelPackageGroupName=where.settings.name,
            SortBy="CreationTime",
            SortOrder="Descending",
        )["ModelPackageSummaryList"]
    except ClientError as error:
        if "does not exist" not in str(error):  # the group, before the first upsert
            raise
        packages = []
    left = [one for one in packages if one["ModelApprovalStatus"] != "Rejected"]
    if not left:
        raise ProjectError("There is no model version to approve: python pipeline.py start")
    arn = left[0]["ModelPackageArn"]
    package = where.sagemaker.describe_model_package(ModelPackageName=arn)
    return Version(arn, package.get("CustomerMetadataProperties", {}).get("accuracy", "unknown"))


def approve(where: Target, version: Version) -> None:
    """Approve a version in the registry."""
    where.sagemaker.update_model_package(
        ModelPackageArn=version.arn, ModelApprovalStatus="Approved"
    )


def deploy(where: Target, version: Version) -> None:
    """Create the endpoint with a version, or update it to that version, and wait for it.

    An update keeps the old version serving until the new one answers.
    """
    settings, sagemaker = where.settings, where.sagemaker
    name = f"{settings.name}-{version.number}-{time.strftime('%Y%m%d%H%M%S', time.gmtime())}"
    sagemaker.create_model(
        ModelName=name,
        ExecutionRoleArn=settings.role,
        Containers=[{"ModelPackageName": version.arn}],
    )
    variant = {
        "VariantName": "AllTraffic",
        "ModelName": name,
        "InstanceType": settings.endpoint_instance,
        "InitialInstanceCount": 1,
    }
    sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])
    request = {"EndpointName": settings.name, "EndpointConfigName": name}
    pages = sagemaker.get_paginator("list_endpoints").paginate(NameContains=settings.name)
    if settings.name in {one["EndpointName"] for page in pages for one in page["Endpoints"]}:
        sagemaker.update_endpoint(**request)
    else:
        sagemaker.create_endpoint(**request)
    waiter = sagemaker.get_waiter("endpoint_in_service")
    waiter.wait(EndpointName=settings.name, WaiterConfig={"Delay": 2, "MaxAttempts": 900})


def ask(where: Target, picture: Path) -> dict[str, Any]:
    """The endpoint's answer for a picture: {"class", "probability", "probabilities"}.

    Raises:
        ProjectError: There is no endpoint, or the picture cannot be read or is refused.
    """
    runtime = where.session.client("sagemaker-runtime")
    try:
        body = picture.read_bytes()
    except OSError as error:
        raise ProjectError(f"{picture} cannot be read: {error.strerror}") from None
    try:
        response = runtime.invoke_endpoint(
            EndpointName=where.settings.name,
            ContentType=mimetypes.guess_type(picture.name)[0] or "application/octet-stream",
            Body=body,
        )
    except runtime.exceptions.ValidationError as error:
        hint = "To have an endpoint: python pipeline.py approve"
        raise ProjectError(f"{error.response['Error']['Message']}\n{hint}") from None
    except runtime.exceptions.ModelError as error:
        refusal = error.response.get("OriginalMessage", str(error))
        raise ProjectError(f"{picture} was refused: {refusal}") from None
    answer: dict[str, Any] = json.load(response["Body"])
    return answer
