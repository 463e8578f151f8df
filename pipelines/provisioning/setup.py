"""What the pipeline needs around it, made where it is missing: the same calls on either target.

Image repositories, bucket, roles, model package group, the Lambda function that promotes, the rule
that calls it when a model version is approved, and the address that stands for "no model yet".
"""

import json
from typing import TYPE_CHECKING, Any

from pipelines import NAME
from pipelines.parameters import no_model
from pipelines.provisioning import container_images, policies, promoter
from pipelines.provisioning.bucket import bucket
from pipelines.provisioning.item import Item, SetupError, error_code, explained
from pipelines.settings.model import Settings

if TYPE_CHECKING:
    import boto3

NO_MODEL = (
    "This address stands for `no model is approved yet`: the pipeline's parameter ApprovedModel\n"
    "points here until a model version is approved. `python pipeline.py setup` made it.\n"
)


def setup(session: "boto3.Session", settings: Settings) -> list[Item]:
    """Make what is missing around the pipeline, and answer what was made or found.

    Args:
        session: The target's session.
        settings: Resolved settings.

    Raises:
        SetupError: A permission is missing, or a name is taken by somebody else.
    """
    with explained("ecr"):
        items = [_repository(session, name) for name in _repositories(settings)]
    with explained("s3"):
        items += [bucket(session, settings), _no_model(session, settings)]
    with explained("iam"):
        items += [_execution_role(session, settings), _promotion_role(session, settings)]
    with explained("sagemaker"):
        items.append(_package_group(session))
    with explained("lambda"):
        items.append(promoter.function(session, settings))
    with explained("events"):
        items.append(promoter.rule(session, settings))
    with explained("lambda"):
        items.append(promoter.permission(session, settings))
    return items


def _no_model(session: "boto3.Session", settings: Settings) -> Item:
    s3, address = session.client("s3"), no_model(settings)
    where = {"Bucket": settings.bucket_name, "Key": address.split("/", 3)[3] + "README.txt"}
    if error_code(lambda: s3.head_object(**where)) is None:
        return Item("no-model marker", address, "found")
    s3.put_object(**where, Body=NO_MODEL.encode())
    return Item("no-model marker", address, "made")


def _repositories(settings: Settings) -> list[str]:
    if not settings.images.from_ecr:
        return []
    return [f"{NAME}-{name}" for name in container_images.ours(settings)]


def _repository(session: "boto3.Session", name: str) -> Item:
    ecr = session.client("ecr")
    try:
        ecr.describe_repositories(repositoryNames=[name])
        return Item("image repository", name, "found")
    except ecr.exceptions.RepositoryNotFoundException:
        ecr.create_repository(
            repositoryName=name,
            # A tag is the hash of what the image is made of: what it names never changes.
            imageTagMutability="IMMUTABLE",
            imageScanningConfiguration={"scanOnPush": True},
            tags=[{"Key": "project", "Value": NAME}],
        )
        return Item("image repository", name, "made")


def _execution_role(session: "boto3.Session", settings: Settings) -> Item:
    name = settings.role_arn.rsplit("/", 1)[1]
    if name != f"{NAME}-execution":
        # Somebody chose a role of their own: its permissions are theirs to decide.
        if error_code(lambda: session.client("iam").get_role(RoleName=name)) == "NoSuchEntity":
            raise SetupError(f"The settings name a role that does not exist: {settings.role_arn}.")
        return Item("role", name, "found")
    return _role(session, name, policies.EXECUTION_SERVICES, policies.execution(settings))


def _promotion_role(session: "boto3.Session", settings: Settings) -> Item:
    return _role(
        session, promoter.FUNCTION, policies.PROMOTION_SERVICES, policies.promotion(settings)
    )


def _role(session: "boto3.Session", name: str, services: list[str], policy: Any) -> Item:
    iam = session.client("iam")
    found = error_code(lambda: iam.get_role(RoleName=name)) is None
    if not found:
        iam.create_role(
            RoleName=name,
            AssumeRolePolicyDocument=json.dumps(policies.trust(services)),
            Description="Made by Tally's setup.",
            Tags=[{"Key": "project", "Value": NAME}],
        )
    else:
        if NAME not in iam.list_role_policies(RoleName=name)["PolicyNames"]:
            # CloudFormation made it, or a person: its permissions are theirs to decide.
            return Item("role", name, "found")
        current = iam.get_role_policy(RoleName=name, PolicyName=NAME)["PolicyDocument"]
        if current == policy:
            return Item("role", name, "found")
    iam.put_role_policy(RoleName=name, PolicyName=NAME, PolicyDocument=json.dumps(policy))
    return Item("role", name, "updated" if found else "made")


def _package_group(session: "boto3.Session") -> Item:
    sagemaker = session.client("sagemaker")
    # A page has ten groups, and others may have the name in theirs.
    pages = sagemaker.get_paginator("list_model_package_groups").paginate(NameContains=NAME)
    found = [group for page in pages for group in page["ModelPackageGroupSummaryList"]]
    if any(group["ModelPackageGroupName"] == NAME for group in found):
        return Item("model package group", NAME, "found")
    sagemaker.create_model_package_group(
        ModelPackageGroupName=NAME,
        ModelPackageGroupDescription="Models that count the items in a photograph of one bin.",
        Tags=[{"Key": "project", "Value": NAME}],
    )
    return Item("model package group", NAME, "made")
