"""The AWS resources that the pipeline needs, created where they are missing, on either target.

Image repositories, bucket, roles, model package group, the Lambda function that promotes, the rules
that invoke it, the queue of what it could not do, the alarms that roll a deployment back, and the
address that stands for "no model yet".
"""

import json
from typing import TYPE_CHECKING, cast

from pipelines import NAME
from pipelines.parameters import no_model
from pipelines.provisioning import alarms, container_images, promoter, rules, template
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
            _role(session, settings, settings.global_name("promote"), "PromotionRole"),
        ]
    with explained("sagemaker"):
        items.append(_package_group(session, settings.name))
    with explained("sqs"):
        items.append(promoter.lost_approvals(session, settings))
    with explained("cloudwatch"):
        items += alarms.alarms(session, settings)
    with explained("lambda"):
        items.append(promoter.function(session, settings))
        items.append(promoter.failure_destination(session, settings))
    with explained("events"):
        items += rules.rules(session, settings)
    with explained("lambda"):
        items += rules.permissions(session, settings)
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
    if name == settings.global_name("execution"):
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
    elif NAME not in iam.list_role_policies(RoleName=name)["PolicyNames"]:
        return Item("role", name, "exists")
    else:
        current = iam.get_role_policy(RoleName=name, PolicyName=NAME)["PolicyDocument"]
        if current == policy:
            return Item("role", name, "exists")
        _check_place(name, cast("template.Document", current), settings)
    iam.put_role_policy(RoleName=name, PolicyName=NAME, PolicyDocument=json.dumps(policy))
    return Item("role", name, "updated" if exists else "created")


def _check_place(role: str, policy: template.Document, settings: Settings) -> None:
    """Refuse to rewrite permissions for another place, which would disarm a pipeline there.

    Raises:
        SetupError: An ARN of the policy names another partition, region, account or stage.
    """
    partition = settings.arn("iam", "").split(":")[1]
    for statement in policy["Statement"]:
        resources = statement.get("Resource", [])
        for arn in [resources] if isinstance(resources, str) else resources:
            if not (parts := arn.split(":", 5))[5:]:
                continue  # `*`
            elsewhere = (
                parts[1] != partition
                or parts[3] not in ("", settings.region)
                or parts[4] not in ("", settings.account_id)
                or (
                    parts[5].startswith("model-package-group/")
                    and parts[5] != f"model-package-group/{settings.name}"
                )
            )
            if elsewhere:
                raise SetupError(
                    f"The role {role} has permissions for another place: {arn}. They stay as they "
                    f"are; this setup is for stage {settings.stage} in {settings.region}, account "
                    f"{settings.account_id}. Use another role (`role` in the settings), or delete "
                    f"the role's policy {NAME} if nothing needs it."
                )


def _package_group(session: "boto3.Session", name: str) -> Item:
    sagemaker = session.client("sagemaker")
    # A page has ten groups, and other groups may have the name in theirs.
    pages = sagemaker.get_paginator("list_model_package_groups").paginate(NameContains=name)
    groups = [group for page in pages for group in page["ModelPackageGroupSummaryList"]]
    if any(group["ModelPackageGroupName"] == name for group in groups):
        return Item("model package group", name, "exists")
    sagemaker.create_model_package_group(
        ModelPackageGroupName=name,
        ModelPackageGroupDescription="Models that count the items in a photograph of one bin.",
        Tags=[{"Key": "project", "Value": NAME}],
    )
    return Item("model package group", name, "created")
