"""Names of a stage's resources, and ARNs and hosts of other partitions."""

import pytest

from pipelines.settings.layers import SettingsError, load
from pipelines.settings.model import Settings
from pipelines.settings.names import PlaceError

ACCOUNT = "123456789012"


def resolved(**variables: str) -> Settings:
    values = {f"PIPELINE_{name.upper()}": value for name, value in variables.items()}
    return load("aws", values).resolved(ACCOUNT, {"training": "0" * 16})


@pytest.mark.parametrize(
    ("stage", "name"), [("prod", "tally"), ("staging", "tally-staging"), ("dev", "tally-dev")]
)
def test_a_stage_has_names_of_its_own(stage: str, name: str) -> None:
    settings = resolved(stage=stage)
    assert (settings.name, settings.endpoint) == (name, name)
    assert settings.bucket_name == f"{name}-us-east-1-{ACCOUNT}"
    assert settings.function_name == f"{name}-promote"
    assert settings.role_arn == f"arn:aws:iam::{ACCOUNT}:role/{name}-execution-us-east-1"


def test_stages_share_the_images_which_are_named_by_their_content() -> None:
    assert resolved(stage="dev").images == resolved(stage="prod").images


def test_regions_share_no_name_that_iam_knows() -> None:
    roles = {resolved(region=region).role_arn for region in ("us-east-1", "eu-west-1")}
    assert len(roles) == 2


@pytest.mark.parametrize(
    ("region", "partition", "host"),
    [
        ("us-east-1", "aws", "amazonaws.com"),
        ("us-gov-west-1", "aws-us-gov", "amazonaws.com"),
        ("cn-north-1", "aws-cn", "amazonaws.com.cn"),
    ],
)
def test_arns_and_hosts_are_those_of_the_partition(region: str, partition: str, host: str) -> None:
    settings = resolved(region=region)
    assert settings.role_arn == f"arn:{partition}:iam::{ACCOUNT}:role/tally-execution-{region}"
    assert settings.registry == f"{ACCOUNT}.dkr.ecr.{region}.{host}"
    assert settings.arn("lambda", "function:f") == (
        f"arn:{partition}:lambda:{region}:{ACCOUNT}:function:f"
    )


@pytest.mark.parametrize(
    "role",
    [
        "arn:aws:iam::999999999999:role/builder",
        "arn:aws-cn:iam::123456789012:role/builder",
        "arn:aws:iam::123456789012:user/builder",
        "arn:aws:iam:us-east-1:123456789012:role/builder",
    ],
)
def test_a_role_of_another_place_is_refused(role: str) -> None:
    with pytest.raises(PlaceError, match="arn:aws:iam::123456789012:role/NAME"):
        resolved(role=role)


@pytest.mark.parametrize(
    ("stage", "endpoint"),
    [("prod", "tally-dev"), ("prod", "tally-staging-a"), ("dev", "tally"), ("dev", "tally-devil")],
)
def test_a_stage_uses_no_endpoint_of_another(stage: str, endpoint: str) -> None:
    with pytest.raises(SettingsError, match=rf"endpoint in \$PIPELINE_ENDPOINT.*stage {stage}"):
        load("aws", {"PIPELINE_STAGE": stage, "PIPELINE_ENDPOINT": endpoint})


def test_an_unknown_stage_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"stage in .PIPELINE_STAGE.*one of dev, staging, prod"):
        load("aws", {"PIPELINE_STAGE": "production"})
