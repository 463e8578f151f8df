"""The permissions of the two roles: as in the template, enough for what is called, and no wider."""

import json
from fnmatch import fnmatchcase
from types import SimpleNamespace
from typing import Any

import pytest

from model_registry.promotion import Placement, promote
from pipelines.parameters import ParameterError, parse
from pipelines.provisioning import policies, setup
from pipelines.settings.model import Settings

# The members of a request that name what it is about, and what that is in an ARN.
NAMED = {"EndpointName": "endpoint", "EndpointConfigName": "endpoint-config", "ModelName": "model"}


def allows(policy: policies.Document, action: str, resource: str) -> bool:
    """Whether the policy lets the action be done to the resource."""
    return any(
        action in statement["Action"]
        and any(fnmatchcase(resource, pattern) for pattern in statement["Resource"])
        for statement in policy["Statement"]
    )


@pytest.mark.parametrize(
    ("resource", "policy", "services"),
    [
        ("ExecutionRole", policies.execution, policies.EXECUTION_SERVICES),
        ("PromotionRole", policies.promotion, policies.PROMOTION_SERVICES),
    ],
    ids=["execution", "promotion"],
)
def test_the_template_gives_the_same_permissions(
    template: dict[str, Any], on_aws: Settings, resource: str, policy: Any, services: list[str]
) -> None:
    role = template["Resources"][resource]["Properties"]
    text = json.dumps(role).replace("${AWS::Region}", on_aws.region)
    role = json.loads(text.replace("${AWS::AccountId}", on_aws.account_id))
    assert role["Policies"] == [{"PolicyName": "tally", "PolicyDocument": policy(on_aws)}]
    assert role["AssumeRolePolicyDocument"] == policies.trust(services)
    assert on_aws.role_arn.endswith("/tally-execution")


def test_only_settings_let_a_version_enter_the_registry_approved(on_aws: Settings) -> None:
    """Not a parameter of one start: a role that may only start the pipeline must not approve."""

    def statuses(settings: Settings) -> list[str]:
        (found,) = [
            statement["Condition"]["StringEquals"]["sagemaker:ModelApprovalStatus"]
            for statement in policies.execution(settings)["Statement"]
            if "sagemaker:CreateModelPackage" in statement["Action"]
        ]
        return list(found)

    assert statuses(on_aws) == ["PendingManualApproval", "Rejected"]
    with pytest.raises(ParameterError, match="one of PendingManualApproval, Rejected"):
        parse(on_aws, ["ModelApprovalStatus=Approved"])
    quality = on_aws.quality.model_copy(update={"approval_status": "Approved"})
    automatic = on_aws.model_copy(update={"quality": quality})
    assert "Approved" in statuses(automatic)
    assert parse(automatic, ["ModelApprovalStatus=Approved"])


def test_no_permission_is_for_everything(on_aws: Settings) -> None:
    """`*` stands only where AWS knows no narrower resource."""
    wide = {
        action
        for policy in (policies.execution(on_aws), policies.promotion(on_aws))
        for statement in policy["Statement"]
        for action in statement["Action"]
        if statement["Resource"] == ["*"] or "*" in action
    }
    assert wide == {"ecr:GetAuthorizationToken", "cloudwatch:PutMetricData"}


def test_jobs_write_nowhere_but_where_jobs_write(on_aws: Settings) -> None:
    policy = policies.execution(on_aws)
    for other in ("tally/code/train/0/sourcedir.tar.gz", "tally/data/bins/1.jpg", "bins/1.jpg"):
        place = f"arn:aws:s3:::{on_aws.bucket_name}/{other}"
        assert not allows(policy, "s3:PutObject", place)
        assert allows(policy, "s3:GetObject", place)


@pytest.mark.parametrize("endpoint", ["tally", "tally-north"])
def test_promotion_may_do_what_it_does_and_touches_no_other_endpoint(
    aws: Any, on_aws: Settings, endpoint: str
) -> None:
    setup.setup(aws.session, on_aws)
    client = aws.session.client("sagemaker")
    policy, place = policies.promotion(on_aws), "arn:aws:sagemaker:us-east-1:123456789012:"
    asked = set()

    def look(params: dict[str, Any], model: Any, **_: Any) -> None:
        names = [f"{place}{kind}/{params[key]}" for key, kind in NAMED.items() if key in params]
        names += [container["ModelPackageName"] for container in params.get("Containers", ())]
        for resource in names or [params.get("ResourceArn", params.get("ModelPackageName"))]:
            assert allows(policy, f"sagemaker:{model.name}", resource), (model.name, resource)
        asked.add(model.name)

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
    done = (SimpleNamespace(status_code=200), {})  # moto knows no UpdateEndpoint
    client.meta.events.register("before-call.sagemaker.UpdateEndpoint", lambda **_: done)
    for arn in versions:
        promote(client, arn, Placement(endpoint, "ml.m5.large", on_aws.role_arn), wait_seconds=5)
    assert {"CreateModel", "CreateEndpointConfig", "CreateEndpoint", "UpdateEndpoint"} < asked
    for action in ("CreateEndpoint", "UpdateEndpoint", "DeleteEndpoint"):
        for other in ("other-team", "tallyho", "prod-tally"):
            assert not allows(policy, f"sagemaker:{action}", f"{place}endpoint/{other}")
