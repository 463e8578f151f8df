"""Teardown: everything of one stage, nothing of another, and again after an interruption."""

import json
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from moto.sagemaker.models import sagemaker_backends

from pipelines.provisioning import container_images, setup, teardown, watching
from pipelines.provisioning.item import SetupError
from pipelines.provisioning.teardown import Plan, TeardownError
from pipelines.settings.layers import load
from pipelines.settings.model import Settings

ACCOUNT = "123456789012"


def _of(**place: str) -> Settings:
    variables = {f"PIPELINE_{key.upper()}": value for key, value in place.items()}
    return load("aws", variables).resolved(ACCOUNT, container_images.tags())


def _used(settings: Settings) -> boto3.Session:
    """A stage that has been set up, has a pipeline, and serves a version."""
    session = boto3.Session(region_name=settings.region)
    setup.setup(session, settings)
    _answer(session, "DeleteModelPackage", {})  # moto has none
    _delete_group(session)
    client, name = session.client("sagemaker"), settings.name
    client.create_pipeline(
        PipelineName=name,
        PipelineDefinition=json.dumps({"Version": "2020-12-01", "Steps": []}),
        RoleArn=settings.role_arn,
        ClientRequestToken="0" * 32,
    )
    image: Any = {"Image": "inference:1", "ModelDataUrl": "s3://tally/m.tar.gz"}
    package = client.create_model_package(
        ModelPackageGroupName=name,
        InferenceSpecification={
            "Containers": [image],
            "SupportedContentTypes": ["image/jpeg"],
            "SupportedResponseMIMETypes": ["application/json"],
        },
    )["ModelPackageArn"]
    model, config = f"{name}-v1-0a1b", f"{name}-v1-20260101"
    container: Any = {"ModelPackageName": package}
    client.create_model(ModelName=model, Containers=[container], ExecutionRoleArn=settings.role_arn)
    client.create_endpoint_config(
        EndpointConfigName=config,
        ProductionVariants=[
            {
                "VariantName": "AllTraffic",
                "ModelName": model,
                "InstanceType": "ml.m5.large",
                "InitialInstanceCount": 2,
            }
        ],
    )
    client.create_endpoint(EndpointName=name, EndpointConfigName=config)
    session.client("s3").put_object(Bucket=settings.bucket_name, Key="tally/a", Body=b"1")
    watching.schedule(session, settings, "rate(1 day)")
    return session


def _answer(session: boto3.Session, operation: str, response: dict[str, Any]) -> None:
    """Answer an operation in moto's place."""
    answer: Any = (SimpleNamespace(status_code=200), response)
    session.events.register(f"before-call.sagemaker.{operation}", lambda **_: answer)


def _delete_group(session: boto3.Session) -> None:
    """Let moto forget a model package group, which it cannot by itself."""

    def forget(params: dict[str, Any], **_: Any) -> Any:
        groups = sagemaker_backends[ACCOUNT][session.region_name].model_package_groups
        groups.pop(json.loads(params["body"])["ModelPackageGroupName"])
        return SimpleNamespace(status_code=200), {}

    session.events.register("before-call.sagemaker.DeleteModelPackageGroup", forget)


def _named(plan: Plan) -> list[tuple[str, str]]:
    return [(part.kind, part.name) for part in plan.deleted]


def _nothing(part: object) -> None:
    """Reports nothing."""


def test_the_endpoint_goes_first_and_its_price_is_shown(aws: Any) -> None:
    prod = _of()
    plan = teardown.plan(_used(prod), prod, everything=False)
    first = plan.deleted[0]
    assert (first.kind, first.name) == ("endpoint", "tally")
    assert first.cost == "0.23 USD an hour, 166 a month (2 ml.m5.large)"
    assert _named(plan)[1:5] == [
        ("schedule", "tally-watch"),
        ("pipeline", "tally"),
        ("endpoint configuration", "tally-v1-20260101"),
        ("model", "tally-v1-0a1b"),
    ]


def test_models_images_and_bucket_stay_unless_all_is_deleted(aws: Any) -> None:
    prod = _of()
    session = _used(prod)
    plan = teardown.plan(session, prod, everything=False)
    assert {part.kind for part, _ in plan.left} == {
        "bucket",
        "image repository",
        "model package group",
    }
    teardown.carry_out(plan, _nothing)
    assert teardown.plan(session, prod, everything=False).deleted == ()
    teardown.carry_out(teardown.plan(session, prod, everything=True), _nothing)
    assert teardown.plan(session, prod, everything=True) == Plan((), ())
    assert session.client("s3").list_buckets()["Buckets"] == []
    assert session.client("iam").list_roles()["Roles"] == []
    assert session.client("lambda").list_functions()["Functions"] == []
    assert session.client("ecr").describe_repositories()["repositories"] == []


@pytest.mark.parametrize("other", [{"stage": "dev"}, {"region": "eu-west-1"}], ids=str)
def test_no_other_stage_or_region_is_touched(aws: Any, other: dict[str, str]) -> None:
    prod, elsewhere = _of(), _of(**other)
    here, there = _used(prod), _used(elsewhere)
    before = _named(teardown.plan(there, elsewhere, everything=True))
    plan = teardown.plan(here, prod, everything=True)
    kept = {part.kind for part, reason in plan.left if "the stage dev uses it" in reason}
    assert kept == ({"image repository"} if "stage" in other else set())
    teardown.carry_out(plan, _nothing)
    # The last stage of the region has the repositories for itself.
    images = [("image repository", f"tally-{name}") for name in container_images.NAMES]
    after = _named(teardown.plan(there, elsewhere, everything=True))
    assert [one for one in after if one not in images] == [
        one for one in before if one not in images
    ]


def test_an_interrupted_teardown_continues(aws: Any) -> None:
    prod = _of()
    session = _used(prod)
    whole = teardown.plan(session, prod, everything=True)

    def interrupted(part: teardown.Part) -> None:
        if part.kind == "Lambda function":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        teardown.carry_out(whole, interrupted)
    rest = teardown.plan(session, prod, everything=True)
    assert 0 < len(rest.deleted) < len(whole.deleted)
    assert set(_named(rest)) < set(_named(whole))
    teardown.carry_out(rest, _nothing)
    assert teardown.plan(session, prod, everything=True).deleted == ()


@pytest.mark.parametrize("everything", [False, True])
def test_nothing_is_deleted_twice(aws: Any, everything: bool) -> None:
    watched = _of(watch_schedule="rate(1 day)")
    parts = _named(teardown.plan(_used(watched), watched, everything=everything))
    assert ("schedule", "tally-watch") in parts
    assert len(parts) == len({*parts})


def test_a_bucket_of_ones_own_stays(aws: Any) -> None:
    mine = _of(bucket="my-bucket")
    plan = teardown.plan(_used(mine), mine, everything=True)
    ((bucket, reason),) = [(part, why) for part, why in plan.left if part.kind == "bucket"]
    assert bucket.name == "my-bucket" and "may hold other things" in reason


def test_a_running_execution_is_stopped_first(aws: Any) -> None:
    prod = _of()
    session = _used(prod)
    running = {
        "PipelineExecutionArn": prod.arn("sagemaker", "pipeline/tally/execution/x1"),
        "PipelineExecutionStatus": "Executing",
    }
    _answer(session, "ListPipelineExecutions", {"PipelineExecutionSummaries": [running]})
    with pytest.raises(TeardownError, match=r"execution/x1 is running\. Stop it"):
        teardown.plan(session, prod, everything=True)


def test_a_missing_permission_is_named(aws: Any) -> None:
    prod = _of()
    session = _used(prod)
    plan = teardown.plan(session, prod, everything=False)

    def refuse(**_: Any) -> Any:
        error: Any = {"Error": {"Code": "AccessDeniedException", "Message": "not you"}}
        raise session.client("iam").exceptions.ClientError(error, "DeleteRole")

    role = next(part for part in plan.deleted if part.kind == "role")
    stuck = teardown.Part(role.kind, role.name, role.cost, role.service, refuse)
    with pytest.raises(SetupError, match="iam:DeleteRole"):
        teardown.carry_out(Plan((stuck,), ()), _nothing)
