"""Setup: missing resources are created, existing ones stay, and errors name the permission."""

import io
import json
import zipfile
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from pipelines.provisioning import promoter, setup
from pipelines.provisioning import template as cloudformation
from pipelines.provisioning.item import Item, SetupError
from pipelines.provisioning.kinds import KINDS, versioning
from pipelines.settings.model import Settings


def test_everything_is_created_once(aws: Any, local: Settings) -> None:
    first = setup.setup(aws.session, local)
    assert {(item.kind, item.name) for item in first} == {
        ("bucket", "tally-us-east-1-123456789012"),
        ("no-model marker", "s3://tally-us-east-1-123456789012/tally/no-model/"),
        ("role", "tally-execution-us-east-1"),
        ("role", "tally-promote-us-east-1"),
        ("role", "tally-watch-us-east-1"),
        ("model package group", "tally"),
        ("queue", "tally-lost-approvals"),
        ("alarm", "tally-errors"),
        ("alarm", "tally-latency"),
        ("alarm", "tally-self-test"),
        ("alarm", "tally-lost-approvals"),
        ("topic", "tally-notifications"),
        ("topic policy", "arn:aws:sns:us-east-1:123456789012:tally-notifications"),
        ("EventBridge rule", "tally-execution-failed"),
        ("EventBridge rule", "tally-version-waits"),
        ("EventBridge rule", "tally-deployment-failed"),
        ("alarm", "tally-watch"),
        ("Lambda function", "tally-promote"),
        ("event retries", "tally-promote"),
        ("EventBridge rule", "tally-model-approved"),
        ("EventBridge rule", "tally-endpoint-rests"),
        ("permission", "tally-model-approved may invoke tally-promote"),
        ("permission", "tally-endpoint-rests may invoke tally-promote"),
        ("EventBridge rule", "tally-endpoint-bakes"),
        ("permission", "tally-endpoint-bakes may invoke tally-promote"),
    }
    # A new topic has SNS's policy, which the template's replaces.
    assert {item.state for item in first} == {"created"}
    second = setup.setup(aws.session, local)
    assert [(item.kind, item.name) for item in second] == [(i.kind, i.name) for i in first]
    assert {item.state for item in second} == {"exists"}


def test_on_aws_there_is_a_repository_for_each_image(aws: Any, on_aws: Settings) -> None:
    made = [item for item in setup.setup(aws.session, on_aws) if item.kind == "image repository"]
    assert [(item.name, item.state) for item in made] == [
        ("tally-processing", "created"),
        ("tally-training", "created"),
        ("tally-inference", "created"),
    ]
    described = aws.session.client("ecr").describe_repositories()["repositories"]
    assert {repository["imageTagMutability"] for repository in described} == {"IMMUTABLE"}
    assert {item.state for item in setup.setup(aws.session, on_aws)} == {"exists"}


def test_changed_code_and_permissions_are_updated(aws: Any, local: Settings) -> None:
    setup.setup(aws.session, local)
    aws.session.client("iam").put_role_policy(
        RoleName="tally-execution-us-east-1",
        PolicyName="tally",
        PolicyDocument=json.dumps(cloudformation.role_policy("PromotionRole", local)),
    )
    old = io.BytesIO()
    with zipfile.ZipFile(old, "w") as archive:
        archive.writestr("old.py", "")
    aws.session.client("lambda").update_function_code(
        FunctionName="tally-promote", ZipFile=old.getvalue()
    )
    aws.session.client("lambda").update_function_configuration(
        FunctionName="tally-promote", Timeout=3
    )
    assert not promoter.is_current(aws.session, local)
    states = {(item.kind, item.name): item.state for item in setup.setup(aws.session, local)}
    assert promoter.is_current(aws.session, local)
    function = aws.session.client("lambda").get_function_configuration(FunctionName="tally-promote")
    assert function["Timeout"] == 600
    assert states["role", "tally-execution-us-east-1"] == "updated"
    assert states["Lambda function", "tally-promote"] == "updated"
    assert states["role", "tally-promote-us-east-1"] == "exists"


def test_a_role_from_the_settings_must_exist(aws: Any, local: Settings) -> None:
    other = local.model_copy(update={"role": "arn:aws:iam::123456789012:role/team/builder"})
    with pytest.raises(SetupError, match="does not exist"):
        setup.setup(aws.session, other)
    aws.session.client("iam").create_role(
        RoleName="builder", Path="/team/", AssumeRolePolicyDocument="{}"
    )
    items = setup.setup(aws.session, other)
    assert ("builder", "exists") in [(item.name, item.state) for item in items]


def test_a_missing_permission_is_named(
    aws: Any, local: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A user who may do nothing, in an account that checks (moto does, after n calls)."""
    import httpx

    iam = aws.session.client("iam")
    iam.create_user(UserName="nobody")
    key = iam.create_access_key(UserName="nobody")["AccessKey"]
    httpx.post(f"{aws.url}/moto-api/reset-auth", content="0")
    try:
        nobody = boto3.Session(key["AccessKeyId"], key["SecretAccessKey"], region_name="us-east-1")
        with pytest.raises(SetupError) as caught:
            setup.setup(nobody, local)
    finally:
        httpx.post(f"{aws.url}/moto-api/reset-auth", content="inf")
    assert "s3:" in str(caught.value) or "may not use it" in str(caught.value)


def test_a_bucket_that_keeps_no_former_versions_stays_and_is_noted_with_the_command(
    aws: Any, on_aws: Settings
) -> None:
    s3, name = aws.session.client("s3"), on_aws.bucket_name
    s3.create_bucket(Bucket=name)

    def noted() -> Item:
        (bucket,) = [one for one in setup.setup(aws.session, on_aws) if one.kind == "bucket"]
        assert bucket.state == "exists"
        return bucket

    command = f"put-bucket-versioning --bucket {name} --versioning-configuration Status=Enabled"
    assert command in noted().note and "never enabled" in noted().note
    assert "Status" not in s3.get_bucket_versioning(Bucket=name)
    for status in ("Enabled", "Suspended"):
        s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": status})
        assert ("(suspended)" in noted().note) == (status == "Suspended")
    assert str(noted()).splitlines()[1].startswith("note       The bucket has no versioning")


def test_what_may_not_be_read_of_a_bucket_is_named(
    aws: Any, on_aws: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    setup.setup(aws.session, on_aws)
    denied: Any = {"Error": {"Code": "AccessDenied", "Message": "no"}}
    s3 = aws.session.client("s3")

    def refuse(**_: Any) -> None:
        raise ClientError(denied, "GetBucketVersioning")

    monkeypatch.setattr(s3, "get_bucket_versioning", refuse)
    assert "s3:GetBucketVersioning is missing" in versioning.note(s3, on_aws, "tally")


def test_setup_makes_every_resource_of_the_template(aws: Any, on_aws: Settings) -> None:
    """Whoever adds one to the template adds it to setup, too, or learns here what is missing."""
    setup.setup(aws.session, on_aws)
    described = cloudformation.resources(on_aws)
    # Parameters or settings that are empty by default ask for the others.
    optional = (
        "HasRetraining",
        "CreatesProvider",
        "HasBudget",
        "HasKey",
        "Notifies",
    )
    assert {one.logical for one in described} == {
        logical
        for logical, one in cloudformation.load()["Resources"].items()
        if one.get("Condition") not in optional
    }
    for resource in described:
        assert KINDS[resource.type].exists(aws.session, resource), resource.logical
    assert {item.state for item in setup.setup(aws.session, on_aws)} == {"exists"}
