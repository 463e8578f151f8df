"""The AWS resources that the pipeline needs, created where they are missing, on either target.

Image repositories, bucket, roles, model package group, the Lambda function that promotes, the rule
that invokes it when a model version is approved, and the address that stands for "no model yet".
"""

import json
from typing import TYPE_CHECKING

from pipelines import NAME
from pipelines.parameters import no_model
from pipelines.provisioning import container_images, promoter, template
from pipelines.provisioning.bucket import bucket
from pipelines.provisioning.item import Item, SetupError, error_code, explained
from pipelines.settings.model import Settings

if TYPE_CHECKING:
    import boto3

NO_MODEL = (
    "This address stands for `no model is approved yet`: the pipeline's parameter ApprovedModel\n"
    "points here until a model version is approved. `python pipeline.py setup` created it.\n"
)


def setup(session: "boto3.Session", settings: Settings) -> list[Item]:
    """Create the missing resources that the pipeline needs.

    Args:
        session: The target's session.
        settings: Resolved settings.

    Returns:
        Every resource, created or not.

    Raises:
        SetupError: A permission is missing, or a name belongs to somebody else.
    """
    with explained("ecr"):
        names = container_images.ours(settings) if settings.images.from_ecr else {}
        items = [_repository(session, f"{NAME}-{name}") for name in names]
    with explained("s3"):
        items += [bucket(session, settings), _no_model(session, settings)]
    with explained("iam"):
        items += [
            _execution_role(session, settings),
            _role(session, settings, promoter.FUNCTION, "PromotionRole"),
        ]
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
    name, key = settings.bucket_name, address.split("/", 3)[3] + "README.txt"
    if error_code(lambda: s3.head_object(Bucket=name, Key=key)) is None:
        return Item("no-model marker", address, "exists")
    s3.put_object(Bucket=name, Key=key, Body=NO_MODEL.encode())
    return Item("no-model marker", address, "created")


def _repository(session: "boto3.Session", name: str) -> Item:
    ecr = session.client("ecr")
    try:
        ecr.describe_repositories(repositoryNames=[name])
        return Item("image repository", name, "exists")
    except ecr.exceptions.RepositoryNotFoundException:
        ecr.create_repository(
            repositoryName=name,
            # A tag is the hash of what the image is built from: its image never changes.
            imageTagMutability="IMMUTABLE",
            imageScanningConfiguration={"scanOnPush": True},
            tags=[{"Key": "project", "Value": NAME}],
        )
        return Item("image repository", name, "created")


def _execution_role(session: "boto3.Session", settings: Settings) -> Item:
    name = settings.role_arn.rsplit("/", 1)[1]
    if name == f"{NAME}-execution":
        return _role(session, settings, name, "ExecutionRole")
    # The settings name another role: its permissions are its owner's to decide.
    if error_code(lambda: session.client("iam").get_role(RoleName=name)) == "NoSuchEntity":
        raise SetupError(f"The settings name a role that does not exist: {settings.role_arn}.")
    return Item("role", name, "exists")


def _role(session: "boto3.Session", settings: Settings, name: str, resource: str) -> Item:
    """A role as the template describes it under the name `resource`."""
    iam, policy = session.client("iam"), template.role_policy(resource, settings)
    exists = error_code(lambda: iam.get_role(RoleName=name)) is None
    if not exists:
        trust = template.properties(resource, settings)["AssumeRolePolicyDocument"]
        iam.create_role(
            RoleName=name,
            AssumeRolePolicyDocument=json.dumps(trust),
            Description="Created by Tally's setup.",
            Tags=[{"Key": "project", "Value": NAME}],
        )
    # Without this policy, a person or a template made the role: its permissions are theirs.
    elif NAME not in iam.list_role_policies(RoleName=name)["PolicyNames"] or (
        iam.get_role_policy(RoleName=name, PolicyName=NAME)["PolicyDocument"] == policy
    ):
        return Item("role", name, "exists")
    iam.put_role_policy(RoleName=name, PolicyName=NAME, PolicyDocument=json.dumps(policy))
    return Item("role", name, "updated" if exists else "created")


def _package_group(session: "boto3.Session") -> Item:
    sagemaker = session.client("sagemaker")
    # A page has ten groups, and other groups may have the name in theirs.
    pages = sagemaker.get_paginator("list_model_package_groups").paginate(NameContains=NAME)
    groups = [group for page in pages for group in page["ModelPackageGroupSummaryList"]]
    if any(group["ModelPackageGroupName"] == NAME for group in groups):
        return Item("model package group", NAME, "exists")
    sagemaker.create_model_package_group(
        ModelPackageGroupName=NAME,
        ModelPackageGroupDescription="Models that count the items in a photograph of one bin.",
        Tags=[{"Key": "project", "Value": NAME}],
    )
    return Item("model package group", NAME, "created")
