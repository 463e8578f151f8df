"""A registry that other accounts promote from: what `setup` opens there, and in the others."""

import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from model_registry.errors import RegistryError
from pipelines.commands import versions
from pipelines.provisioning import setup
from pipelines.provisioning.template import properties, role_policy
from pipelines.settings.layers import SettingsError, load
from pipelines.settings.model import Settings
from pipelines.settings.security import SharedRegistry
from tests.pipelines.provisioning.test_policies import allows

PRODUCTION, SECOND, REGISTRY = "210987654321", "321098765432", "345678901234"
GROUP = f"arn:aws:sagemaker:us-east-1:{REGISTRY}:model-package-group/tally-staging"


def shared(settings: Settings, *consumers: str, stage: str = "prod") -> Settings:
    registry = SharedRegistry(consumers=consumers)
    return settings.model_copy(update={"shared_registry": registry, "stage": stage})


def policies(aws: Any, settings: Settings) -> list[dict[str, Any]]:
    """Those of the group, the bucket and the repository; {} for none."""
    sagemaker, ecr = aws.session.client("sagemaker"), aws.session.client("ecr")
    group, bucket = {"ModelPackageGroupName": "tally"}, {"Bucket": settings.bucket_name}
    reads: list[Callable[[], str]] = [
        lambda: sagemaker.get_model_package_group_policy(**group)["ResourcePolicy"],
        lambda: aws.session.client("s3").get_bucket_policy(**bucket)["Policy"],
        lambda: ecr.get_repository_policy(repositoryName="tally-inference")["policyText"],
    ]
    found = []
    for read in reads:
        try:
            found.append(json.loads(read()))
        except sagemaker.exceptions.ClientError:
            found.append({})
    return found


def opened(policy: dict[str, Any]) -> list[dict[str, Any]]:
    return [one for one in policy.get("Statement", []) if one["Sid"].startswith("SharedBy")]


def test_setup_opens_versions_models_and_image_and_nothing_else(aws: Any, on_aws: Settings) -> None:
    setup.setup(aws.session, shared(on_aws, PRODUCTION))
    group, bucket, repository = [opened(one) for one in policies(aws, on_aws)]
    assert set(group[0]["Action"]) == {
        "sagemaker:CreateModel",
        "sagemaker:DescribeModelPackage",
        "sagemaker:DescribeModelPackageGroup",
        "sagemaker:ListModelPackages",
    }
    assert bucket[0]["Action"] == "s3:GetObject"
    assert bucket[0]["Resource"] == f"arn:aws:s3:::{on_aws.bucket_name}/tally/executions/*"
    assert "ecr:BatchGetImage" in repository[0]["Action"]
    for (statement,) in (group, bucket, repository):
        assert PRODUCTION in json.dumps(statement["Principal"])
    again = setup.setup(aws.session, shared(on_aws, PRODUCTION))
    assert {item.state for item in again} == {"exists"}


def test_an_account_that_is_no_longer_named_loses_its_access(aws: Any, on_aws: Settings) -> None:
    setup.setup(aws.session, shared(on_aws, PRODUCTION, SECOND))
    setup.setup(aws.session, shared(on_aws, SECOND))
    assert PRODUCTION not in json.dumps(policies(aws, on_aws))
    assert all(opened(one) for one in policies(aws, on_aws))
    setup.setup(aws.session, shared(on_aws))
    assert [opened(one) for one in policies(aws, on_aws)] == [[], [], []]


def test_what_another_stage_or_a_person_opened_stays(aws: Any, on_aws: Settings) -> None:
    ecr, s3 = aws.session.client("ecr"), aws.session.client("s3")
    setup.setup(aws.session, shared(on_aws, PRODUCTION))
    policy = policies(aws, on_aws)[1]
    theirs = {**policy["Statement"][0], "Sid": "Theirs"}
    policy["Statement"].append(theirs)
    s3.put_bucket_policy(Bucket=on_aws.bucket_name, Policy=json.dumps(policy))
    text = ecr.get_repository_policy(repositoryName="tally-inference")["policyText"]
    other = text.replace("SharedByprod", "SharedBydev")
    ecr.set_repository_policy(repositoryName="tally-inference", policyText=other)
    setup.setup(aws.session, shared(on_aws))
    _, bucket, repository = policies(aws, on_aws)
    assert [one["Sid"] for one in bucket["Statement"]] == ["Theirs", "OnlyEncryptedTransport"]
    assert [one["Sid"] for one in repository["Statement"]] == ["SharedBydev"]


@pytest.fixture
def production(on_aws: Settings) -> Settings:
    """The settings of an account that promotes from another one's registry."""
    return on_aws.model_copy(update={"shared_registry": SharedRegistry(group=GROUP)})


def test_production_may_read_and_serve_the_versions_of_the_registry(production: Settings) -> None:
    promotion = role_policy("PromotionRole", production)
    execution = role_policy("ExecutionRole", production)
    version = f"arn:aws:sagemaker:us-east-1:{REGISTRY}:model-package/tally-staging/3"
    model = f"arn:aws:s3:::tally-staging-us-east-1-{REGISTRY}/tally/executions/1/model.tar.gz"
    image = f"arn:aws:ecr:us-east-1:{REGISTRY}:repository/tally-inference"
    for action in ("CreateModel", "DescribeModelPackage"):
        assert allows(promotion, f"sagemaker:{action}", version)
    assert allows(promotion, "sagemaker:ListModelPackages", GROUP)
    assert not allows(promotion, "sagemaker:UpdateModelPackage", version)
    for policy in (promotion, execution):
        assert allows(policy, "s3:GetObject", model)
    assert allows(execution, "ecr:BatchGetImage", image)
    assert (
        properties("Promotion", production)["Environment"]["Variables"]["MODEL_PACKAGE_GROUP"]
        == GROUP
    )


def test_setup_changes_the_roles_there_and_back(
    aws: Any, on_aws: Settings, production: Settings
) -> None:
    """Statements for the registry's account are no sign of a role of another place."""
    for settings in (on_aws, production, on_aws):
        items = setup.setup(aws.session, settings)
        assert "tally-promote-us-east-1" in {one.name for one in items if one.state != "exists"}


def test_production_follows_the_decisions_of_the_registry_alone(
    aws: Any, on_aws: Settings, production: Settings
) -> None:
    """Its own group decides nothing there, in a stack as after `setup`, there and back."""
    events = aws.session.client("events")
    for settings, state, group in (
        (on_aws, "ENABLED", "tally"),
        (production, "DISABLED", "tally-staging"),
        (on_aws, "ENABLED", "tally"),
    ):
        setup.setup(aws.session, settings)
        for logical, name in (
            ("ModelApproved", "tally-model-approved"),
            ("VersionWaits", "tally-version-waits"),
        ):
            assert events.describe_rule(Name=name)["State"] == state
            assert properties(logical, settings)["State"] == state
        for name in ("tally-endpoint-rests", "tally-endpoint-bakes", "tally-deployment-failed"):
            assert events.describe_rule(Name=name)["State"] == "ENABLED"
        told = json.loads(events.describe_rule(Name="tally-deployment-failed")["EventPattern"])
        assert told["detail"]["ModelPackageGroupName"] == [group]


def test_decisions_are_made_in_the_account_of_the_registry(production: Settings) -> None:
    target: Any = SimpleNamespace(settings=production)
    with pytest.raises(RegistryError, match=f"approve 3` signed in to {REGISTRY}"):
        versions._refuse_elsewhere(target, "approve 3")


@pytest.mark.parametrize(
    ("target", "setting", "value", "message"),
    [
        ("aws", "GROUP", GROUP.replace("us-east-1", "eu-west-1"), "must be in us-east-1"),
        ("aws", "CONSUMERS", "['1']", "twelve digits"),
        ("local", "CONSUMERS", f"['{PRODUCTION}']", "for AWS only"),
    ],
)
def test_settings_that_cannot_work_are_refused(
    target: str, setting: str, value: str, message: str
) -> None:
    with pytest.raises(SettingsError, match=message):
        load(target, {f"PIPELINE_SHARED_REGISTRY_{setting}": value})
