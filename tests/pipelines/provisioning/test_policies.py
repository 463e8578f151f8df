"""The permissions of the two roles: enough for the calls that are made, and no wider."""

import json
from fnmatch import fnmatchcase
from types import SimpleNamespace
from typing import Any

import boto3
import pytest

from model_registry.configuration import Placement
from model_registry.promotion import promote
from pipelines.parameters import ParameterError, parse
from pipelines.provisioning import container_images, promoter, setup
from pipelines.provisioning.item import SetupError
from pipelines.provisioning.kinds.kind import Document
from pipelines.provisioning.template import properties, role_policy
from pipelines.settings import names
from pipelines.settings.layers import load
from pipelines.settings.model import Settings

# The members of a request that name its resource, and the resource's type in an ARN.
NAMED = {"EndpointName": "endpoint", "EndpointConfigName": "endpoint-config", "ModelName": "model"}


def allows(policy: Document, action: str, resource: str) -> bool:
    """Whether the policy lets the action be done to the resource; a refusal counts more."""
    effects = {
        statement["Effect"]
        for statement in policy["Statement"]
        if action in statement["Action"]
        and any(fnmatchcase(resource, pattern) for pattern in statement["Resource"])
    }
    return effects == {"Allow"}


@pytest.mark.parametrize("resource", ["ExecutionRole", "PromotionRole", "WatchRole"])
def test_setup_gives_the_permissions_of_the_template(
    aws: Any, on_aws: Settings, resource: str
) -> None:
    setup.setup(aws.session, on_aws)
    role = properties(resource, on_aws)
    iam, name = aws.session.client("iam"), role["RoleName"]
    policy = iam.get_role_policy(RoleName=name, PolicyName="tally")["PolicyDocument"]
    assert role["Policies"] == [{"PolicyName": "tally", "PolicyDocument": policy}]
    trust = iam.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"]
    assert role["AssumeRolePolicyDocument"] == trust


def test_permissions_follow_the_bucket_and_the_role_of_the_settings(on_aws: Settings) -> None:
    role = "arn:aws:iam::123456789012:role/team/builder"
    settings = on_aws.model_copy(update={"bucket": "my-bucket", "role": role})
    for resource in ("ExecutionRole", "PromotionRole"):
        assert "${" not in json.dumps(properties(resource, settings))
    policy = role_policy("ExecutionRole", settings)
    assert allows(policy, "s3:PutObject", "arn:aws:s3:::my-bucket/tally/executions/1/model.tar.gz")
    assert not allows(policy, "s3:PutObject", "arn:aws:s3:::tally-us-east-1-123456789012/tally/x")
    assert allows(role_policy("PromotionRole", settings), "iam:PassRole", role)


def test_only_settings_allow_a_version_to_be_registered_as_approved(on_aws: Settings) -> None:
    """Not a parameter of one start: a role that may only start the pipeline must not approve."""

    def statuses(settings: Settings) -> list[str]:
        (allowed,) = [
            statement["Condition"]["StringEquals"]["sagemaker:ModelApprovalStatus"]
            for statement in role_policy("ExecutionRole", settings)["Statement"]
            if "sagemaker:CreateModelPackage" in statement["Action"]
        ]
        return list(allowed)

    assert statuses(on_aws) == ["PendingManualApproval", "Rejected"]
    with pytest.raises(ParameterError, match="one of PendingManualApproval, Rejected"):
        parse(on_aws, ["ModelApprovalStatus=Approved"])
    quality = on_aws.quality.model_copy(update={"approval_status": "Approved"})
    automatic = on_aws.model_copy(update={"quality": quality})
    assert "Approved" in statuses(automatic)
    assert parse(automatic, ["ModelApprovalStatus=Approved"])


def test_no_permission_is_for_every_resource(on_aws: Settings) -> None:
    """`*` is used only where AWS supports no narrower resource."""
    wide = {
        action
        for policy in (role_policy("ExecutionRole", on_aws), role_policy("PromotionRole", on_aws))
        for statement in policy["Statement"]
        for action in statement["Action"]
        if statement["Resource"] == ["*"] or "*" in action
    }
    assert wide == {
        "ecr:GetAuthorizationToken",
        "cloudwatch:PutMetricData",
        "application-autoscaling:DescribeScalableTargets",
        "application-autoscaling:DescribeScalingPolicies",
    }


def test_jobs_cannot_write_code_or_data(on_aws: Settings) -> None:
    policy = role_policy("ExecutionRole", on_aws)
    for other in ("tally/code/train/0/sourcedir.tar.gz", "tally/data/bins/1.jpg", "bins/1.jpg"):
        resource = f"arn:aws:s3:::{on_aws.bucket_name}/{other}"
        assert not allows(policy, "s3:PutObject", resource)
        assert allows(policy, "s3:GetObject", resource)


@pytest.mark.parametrize("endpoint", ["tally", "tally-north", "tally-devices"])
def test_promotion_has_its_permissions_and_none_for_other_endpoints(
    aws: Any, on_aws: Settings, endpoint: str
) -> None:
    setup.setup(aws.session, on_aws)
    client = aws.session.client("sagemaker")
    policy, prefix = (
        role_policy("PromotionRole", on_aws),
        "arn:aws:sagemaker:us-east-1:123456789012:",
    )
    requested = set()

    def look(params: dict[str, Any], model: Any, **_: Any) -> None:
        names = [f"{prefix}{kind}/{params[key]}" for key, kind in NAMED.items() if key in params]
        names += [container["ModelPackageName"] for container in params.get("Containers", ())]
        for resource in names or [params.get("ResourceArn") or params["ModelPackageName"]]:
            assert allows(policy, f"sagemaker:{model.name}", resource), (model.name, resource)
        requested.add(model.name)

    versions = [
        client.create_model_package(
            ModelPackageGroupName="tally",
            ModelApprovalStatus="Approved",
            InferenceSpecification={
                "Containers": [{"Image": "inference:1", "ModelDataUrl": "s3://tally/m.tar.gz"}],
                "SupportedContentTypes": ["image/jpeg"],
                "SupportedResponseMIMETypes": ["application/json"],
            },
        )["ModelPackageArn"]
        for _ in range(2)
    ]
    client.meta.events.register("before-parameter-build.sagemaker", look)
    done: Any = (SimpleNamespace(status_code=200), {})  # moto has no UpdateEndpoint
    client.meta.events.register("before-call.sagemaker.UpdateEndpoint", lambda **_: done)
    for arn in versions:
        promote(client, arn, Placement(endpoint, "ml.m5.large", on_aws.role_arn), wait_seconds=5)
    assert {"CreateModel", "CreateEndpointConfig", "CreateEndpoint", "UpdateEndpoint"} < requested
    for action in ("CreateEndpoint", "UpdateEndpoint", "DeleteEndpoint"):
        for other in ("other-team", "tallyho", "prod-tally"):
            assert not allows(policy, f"sagemaker:{action}", f"{prefix}endpoint/{other}")


@pytest.mark.parametrize(
    ("action", "resource"),
    [
        ("sagemaker:UpdateEndpointWeightsAndCapacities", "sagemaker:{}:endpoint/tally"),
        (
            "cloudwatch:PutMetricAlarm",
            "cloudwatch:{}:alarm:TargetTracking-endpoint/tally/variant/AllTraffic-AlarmHigh-1",
        ),
    ],
)
def test_promotion_may_have_its_own_endpoints_scaled(
    on_aws: Settings, action: str, resource: str
) -> None:
    policy = role_policy("PromotionRole", on_aws)
    arn = f"arn:aws:{resource.format('us-east-1:123456789012')}"
    assert allows(policy, action, arn)
    assert not allows(policy, action, arn.replace("endpoint/tally", "endpoint/other"))


def test_promotion_may_make_scalable_targets_of_sagemaker_alone(on_aws: Settings) -> None:
    (statement,) = [
        one
        for one in role_policy("PromotionRole", on_aws)["Statement"]
        if "application-autoscaling:RegisterScalableTarget" in one["Action"]
    ]
    assert statement["Condition"] == {
        "StringEquals": {"application-autoscaling:service-namespace": "sagemaker"}
    }


PLACES = [{"stage": "prod"}, {"stage": "dev"}, {"stage": "staging"}, {"region": "eu-west-1"}]


def _of(place: dict[str, str]) -> Settings:
    variables = {f"PIPELINE_{key.upper()}": value for key, value in place.items()}
    return load("aws", variables).resolved("123456789012", container_images.tags())


def _everything(session: boto3.Session) -> dict[str, Any]:
    """What setup made in one region, and in IAM."""
    iam = session.client("iam")
    roles = [role["RoleName"] for role in iam.list_roles()["Roles"]]
    functions = session.client("lambda").list_functions()["Functions"]
    rules = session.client("events").list_rules()["Rules"]
    groups = session.client("logs").describe_log_groups()["logGroups"]
    schedules = session.client("scheduler").list_schedules()["Schedules"]
    return {
        **{r: iam.get_role_policy(RoleName=r, PolicyName="tally")["PolicyDocument"] for r in roles},
        **{
            one["FunctionArn"]: (one["LastModified"], one["Role"], one["Environment"])
            for one in functions
        },
        **{one["Arn"]: one["EventPattern"] for one in rules},
        **{one["logGroupName"]: one["retentionInDays"] for one in groups},
        **{one["Arn"]: one["Target"] for one in schedules},
    }


@pytest.mark.parametrize("second", PLACES[1:], ids=str)
def test_setup_elsewhere_touches_nothing_of_the_first(aws: Any, second: dict[str, str]) -> None:
    setup.setup(aws.session, _of(PLACES[0]))
    first = _everything(aws.session)
    assert len(first) == 13
    elsewhere = _of(second)
    session = boto3.Session(region_name=elsewhere.region)
    items = setup.setup(session, elsewhere)
    shared = {"image repository"} if elsewhere.stage != "prod" else set()
    assert {item.kind for item in items if item.state == "exists"} == shared
    there = _everything(session)
    function = elsewhere.arn("lambda", f"function:{elsewhere.function_name}")
    assert there[function][2]["Variables"] == promoter.environment(elsewhere)
    log = f"/aws/lambda/{elsewhere.function_name}"
    assert there[log] == elsewhere.security.log_days
    assert {item.state for item in setup.setup(aws.session, _of(PLACES[0]))} == {"exists"}
    after = _everything(aws.session)
    assert {key: after[key] for key in first} == first


@pytest.mark.parametrize("place", PLACES, ids=str)
def test_the_roles_reach_nothing_of_another_stage_or_region(place: dict[str, str]) -> None:
    settings = _of(place)
    others = [_of(other) for other in PLACES if other != place]
    for resource in ("ExecutionRole", "PromotionRole"):
        policy = role_policy(resource, settings)
        for other in others:
            for action, arn in (
                ("s3:GetObject", f"arn:aws:s3:::{other.bucket_name}/tally/executions/1/m.tar.gz"),
                ("iam:PassRole", other.role_arn),
                ("sagemaker:UpdateEndpoint", other.arn("sagemaker", f"endpoint/{other.endpoint}")),
                (
                    "sagemaker:UpdateEndpointWeightsAndCapacities",
                    other.arn("sagemaker", f"endpoint/{other.endpoint}"),
                ),
                ("sagemaker:CreateModel", other.arn("sagemaker", f"model/{other.name}-v1-0a")),
                ("lambda:InvokeFunction", other.arn("lambda", f"function:{other.function_name}")),
                (
                    "sagemaker:DescribeModelPackage",
                    other.arn("sagemaker", f"model-package/{other.name}/1"),
                ),
            ):
                assert not allows(policy, action, arn), (resource, arn)


def test_permissions_for_another_place_are_never_rewritten(aws: Any, on_aws: Settings) -> None:
    """A role that somebody has renamed or copied: setup must not take it from its pipeline."""
    setup.setup(aws.session, on_aws)
    iam, name = aws.session.client("iam"), "tally-execution-us-east-1"
    there = json.dumps(role_policy("ExecutionRole", _of({"region": "eu-west-1"})))
    iam.put_role_policy(RoleName=name, PolicyName="tally", PolicyDocument=there)
    with pytest.raises(SetupError, match="another place: arn:aws:ecr:eu-west-1:"):
        setup.setup(aws.session, on_aws)
    kept = iam.get_role_policy(RoleName=name, PolicyName="tally")["PolicyDocument"]
    assert kept == json.loads(there)


@pytest.mark.parametrize("region", ["cn-north-1", "us-gov-west-1"])
def test_the_template_names_no_partition(region: str) -> None:
    settings = _of({"region": region})
    for resource in ("ExecutionRole", "PromotionRole", "BucketPolicy", "RetrainingRole", "Scoring"):
        text = json.dumps(properties(resource, settings))
        assert "arn:aws:" not in text and f"arn:{names.partition(region)}:" in text


KEY = "arn:aws:kms:us-east-1:123456789012:key/0a1b"


def test_networks_and_keys_need_permissions_of_their_own() -> None:
    def added(role: str = "ExecutionRole", **security: Any) -> set[str]:
        plain, changed = _of({}), _of({f"security_{k}": v for k, v in security.items()})
        before, after = (role_policy(role, one) for one in (plain, changed))
        new = [one for one in after["Statement"] if one not in before["Statement"]]
        assert all(one["Resource"] == [KEY] for one in new if "kms" in one["Action"][0])
        return {action for statement in new for action in statement["Action"]}

    assert added() == set()
    network = added(subnets="[subnet-0a]", security_groups="[sg-0a]")
    assert "ec2:CreateNetworkInterface" in network and "kms:Decrypt" not in network
    assert added(kms_key=KEY) == {
        "kms:CreateGrant",
        "kms:Decrypt",
        "kms:DescribeKey",
        "kms:GenerateDataKey",
    }
    assert added("PromotionRole", subnets="[subnet-0a]", security_groups="[sg-0a]") == set()
    promotion = added("PromotionRole", kms_key=KEY)
    assert promotion == {"kms:CreateGrant", "kms:Decrypt", "kms:DescribeKey"}


def test_no_role_may_delete_a_version_of_an_object(on_aws: Settings) -> None:
    for resource in ("ExecutionRole", "PromotionRole", "RetrainingRole", "WatchRole"):
        for statement in role_policy(resource, on_aws)["Statement"]:
            forbidden = [one for one in statement["Action"] if one.startswith("s3:Delete")]
            assert forbidden == [], resource


@pytest.mark.parametrize(
    ("action", "resource"),
    [
        ("cloudwatch:DescribeAlarms", "cloudwatch:us-east-1:123456789012:alarm:tally-errors"),
        ("events:PutEvents", "events:us-east-1:123456789012:event-bus/default"),
        ("s3:GetObject", "s3:::tally-us-east-1-123456789012/tally/executions/1/model.tar.gz"),
        ("sagemaker:InvokeEndpoint", "sagemaker:us-east-1:123456789012:endpoint/tally"),
        ("sqs:SendMessage", "sqs:us-east-1:123456789012:tally-lost-approvals"),
    ],
)
def test_promotion_may_watch_test_and_tell(on_aws: Settings, action: str, resource: str) -> None:
    policy = role_policy("PromotionRole", on_aws)
    assert allows(policy, action, f"arn:aws:{resource}")
    assert not allows(policy, action, f"arn:aws:{resource.replace('tally', 'other')}x")


def test_promotion_may_note_an_outcome_but_neither_approve_nor_reject(on_aws: Settings) -> None:
    (statement,) = [
        one
        for one in role_policy("PromotionRole", on_aws)["Statement"]
        if "sagemaker:UpdateModelPackage" in one["Action"]
    ]
    assert statement["Condition"] == {"Null": {"sagemaker:ModelApprovalStatus": "true"}}


def test_sagemaker_may_read_the_alarms_with_the_execution_role(on_aws: Settings) -> None:
    policy = role_policy("ExecutionRole", on_aws)
    alarm = "arn:aws:cloudwatch:us-east-1:123456789012:alarm:tally-errors"
    assert allows(policy, "cloudwatch:DescribeAlarms", alarm)


def test_a_job_that_watches_may_start_the_pipeline_that_trains_and_no_other(
    on_aws: Settings,
) -> None:
    """The calls of steps/watching/retraining.py; the emulator records no caller of a job's own."""
    policy = role_policy("ExecutionRole", on_aws)
    pipeline = on_aws.arn("sagemaker", f"pipeline/{on_aws.name}")
    for action, resource in (
        ("ListPipelineExecutions", pipeline),
        ("ListPipelineParametersForExecution", f"{pipeline}/execution/1"),
        ("StartPipelineExecution", pipeline),
    ):
        assert allows(policy, f"sagemaker:{action}", resource)
    watching = on_aws.arn("sagemaker", f"pipeline/{on_aws.watch_name}")
    assert not allows(policy, "sagemaker:StartPipelineExecution", watching)
