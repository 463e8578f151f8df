"""The permissions of the two roles: enough for the calls that are made, and no wider."""

import json
from fnmatch import fnmatchcase
from types import SimpleNamespace
from typing import Any

import pytest

from model_registry.promotion import Placement, promote
from pipelines.parameters import ParameterError, parse
from pipelines.provisioning import setup
from pipelines.provisioning.template import Document, properties, role_policy
from pipelines.settings.model import Settings

# The members of a request that name its resource, and the resource's type in an ARN.
NAMED = {"EndpointName": "endpoint", "EndpointConfigName": "endpoint-config", "ModelName": "model"}


def allows(policy: Document, action: str, resource: str) -> bool:
    """Whether the policy lets the action be done to the resource."""
    return any(
        action in statement["Action"]
        and any(fnmatchcase(resource, pattern) for pattern in statement["Resource"])
        for statement in policy["Statement"]
    )


@pytest.mark.parametrize("resource", ["ExecutionRole", "PromotionRole"])
def test_setup_gives_the_permissions_of_the_template(
    aws: Any, template: dict[str, Any], on_aws: Settings, resource: str
) -> None:
    setup.setup(aws.session, on_aws)
    role = template["Resources"][resource]["Properties"]
    text = json.dumps(role).replace("${AWS::Region}", on_aws.region)
    role = json.loads(text.replace("${AWS::AccountId}", on_aws.account_id))
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
    assert wide == {"ecr:GetAuthorizationToken", "cloudwatch:PutMetricData"}


def test_jobs_cannot_write_code_or_data(on_aws: Settings) -> None:
    policy = role_policy("ExecutionRole", on_aws)
    for other in ("tally/code/train/0/sourcedir.tar.gz", "tally/data/bins/1.jpg", "bins/1.jpg"):
        resource = f"arn:aws:s3:::{on_aws.bucket_name}/{other}"
        assert not allows(policy, "s3:PutObject", resource)
        assert allows(policy, "s3:GetObject", resource)


@pytest.mark.parametrize("endpoint", ["tally", "tally-north"])
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
