"""Setup: missing resources are created, existing ones stay, and errors name the permission."""

import io
import json
import os
import re
import zipfile
from pathlib import Path
from typing import Any

import boto3
import pytest

from pipelines.parameters import no_model
from pipelines.provisioning import alarms, by_settings, container_images, promoter, setup
from pipelines.provisioning import template as cloudformation
from pipelines.provisioning.item import SetupError
from pipelines.provisioning.kinds import KINDS, storage
from pipelines.provisioning.kinds.functions import package
from pipelines.root import ROOT
from pipelines.settings.layers import SettingsError, load
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


def test_a_new_bucket_is_protected_as_in_the_template(
    aws: Any, on_aws: Settings, template: dict[str, Any]
) -> None:
    setup.setup(aws.session, on_aws)
    s3, name = aws.session.client("s3"), on_aws.bucket_name
    properties = template["Resources"]["Bucket"]["Properties"]
    access = s3.get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"]
    assert access == properties["PublicAccessBlockConfiguration"]
    assert s3.get_bucket_tagging(Bucket=name)["TagSet"] == on_aws.tag_list
    rules = s3.get_bucket_lifecycle_configuration(Bucket=name)["Rules"]
    assert [
        (
            rule["ID"],
            rule["Status"],
            rule["Filter"]["Prefix"],
            rule.get("Expiration", {}).get("Days"),
            rule.get("AbortIncompleteMultipartUpload"),
        )
        for rule in rules
    ] == [
        (
            rule["Id"],
            rule["Status"],
            rule.get("Prefix", ""),
            rule.get("ExpirationInDays"),
            rule.get("AbortIncompleteMultipartUpload"),
        )
        for rule in properties["LifecycleConfiguration"]["Rules"]
    ]
    written = cloudformation.properties("BucketPolicy", on_aws)["PolicyDocument"]
    assert [one["Sid"] for one in written["Statement"]] == ["OnlyEncryptedTransport"]
    assert json.loads(s3.get_bucket_policy(Bucket=name)["Policy"]) == written


def test_a_bucket_that_cannot_be_protected_is_deleted(
    aws: Any, on_aws: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage, "lifecycle_rule", lambda rule: {"ID": "x", "Status": "Maybe"})
    with pytest.raises(SetupError, match="PutBucketLifecycleConfiguration"):
        setup.setup(aws.session, on_aws)
    assert aws.session.client("s3").list_buckets()["Buckets"] == []


def test_an_existing_bucket_is_not_changed(aws: Any, on_aws: Settings) -> None:
    s3 = aws.session.client("s3")
    s3.create_bucket(Bucket=on_aws.bucket_name)
    setup.setup(aws.session, on_aws)
    with pytest.raises(s3.exceptions.ClientError, match="NoSuchBucketPolicy"):
        s3.get_bucket_policy(Bucket=on_aws.bucket_name)


def test_a_permission_that_cloudformation_created_is_recognised(aws: Any, local: Settings) -> None:
    setup.setup(aws.session, local)
    function = aws.session.client("lambda")
    function.remove_permission(FunctionName="tally-promote", StatementId="tally-model-approved")
    function.add_permission(
        FunctionName="tally-promote",
        StatementId="tally-ModelApprovedMayPromote-1ABC",
        Action="lambda:InvokeFunction",
        Principal="events.amazonaws.com",
        SourceArn="arn:aws:events:us-east-1:123456789012:rule/tally-model-approved",
    )
    assert {item.state for item in setup.setup(aws.session, local)} == {"exists"}


def test_the_rule_invokes_the_function_for_approved_versions(aws: Any, local: Settings) -> None:
    setup.setup(aws.session, local)
    events = aws.session.client("events")
    pattern = json.loads(events.describe_rule(Name="tally-model-approved")["EventPattern"])
    assert pattern["detail"] == {
        "ModelPackageGroupName": ["tally"],
        "ModelApprovalStatus": ["Approved"],
    }
    targets = events.list_targets_by_rule(Rule="tally-model-approved")["Targets"]
    function = aws.session.client("lambda").get_function(FunctionName="tally-promote")
    assert [target["Arn"] for target in targets] == [function["Configuration"]["FunctionArn"]]
    variables = function["Configuration"]["Environment"]["Variables"]
    assert variables["EXECUTION_ROLE"] == local.role_arn
    assert variables["MODEL_PACKAGE_GROUP"] == "tally"


def test_the_address_for_no_model_has_a_file(aws: Any, local: Settings) -> None:
    setup.setup(aws.session, local)
    key = no_model(local).split("/", 3)[3] + "README.txt"
    body = aws.session.client("s3").get_object(Bucket=local.bucket_name, Key=key)["Body"]
    assert b"no model is approved" in body.read()


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


def test_the_functions_zip_is_the_same_every_time() -> None:
    packed = package()
    for file in (ROOT / "model_registry").glob("*.py"):
        os.utime(file)
    assert package() == packed
    names = zipfile.ZipFile(io.BytesIO(packed)).namelist()
    assert "model_registry/lambda_handler.py" in names
    assert not [name for name in names if "__pycache__" in name]


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


def test_function_and_rule_are_those_of_the_template(
    aws: Any, local: Settings, template: dict[str, Any]
) -> None:
    setup.setup(aws.session, local)
    described = template["Resources"]["Promotion"]["Properties"]
    client = aws.session.client("lambda")
    function = client.get_function_configuration(FunctionName="tally-promote")
    assert described["FunctionName"] == "${Name}-promote"
    for member in ("Handler", "Runtime", "Timeout", "MemorySize", "Description"):
        assert function[member] == described[member]
    described = template["Resources"]["ModelApproved"]["Properties"]
    rule = aws.session.client("events").describe_rule(Name="tally-model-approved")
    assert described["Name"] == "${Name}-model-approved"
    pattern = cloudformation.properties("ModelApproved", local)["EventPattern"]
    assert json.loads(rule["EventPattern"]) == pattern


def test_the_function_gets_what_the_template_gives_it(aws: Any, on_aws: Settings) -> None:
    setup.setup(aws.session, on_aws)
    described = cloudformation.properties("Promotion", on_aws)["Environment"]["Variables"]
    client = aws.session.client("lambda")
    function = client.get_function_configuration(FunctionName="tally-promote")
    variables = function["Environment"]["Variables"]
    assert set(variables) == set(described)
    for name in ("CAPTURE", "ROLLOUT", "SCALING", "SECURITY", "SERVERLESS", "TAGS"):
        assert json.loads(variables[name]) == json.loads(described[name])
    for name in ("INSTANCE_COUNT", "MODEL_PACKAGE_GROUP", "STOP_AT"):
        assert variables[name] == described[name]


def test_the_alarms_are_those_of_the_template(aws: Any, on_aws: Settings) -> None:
    for resource in alarms.RESOURCES:
        described = cloudformation.properties(resource, on_aws)
        assert by_settings.changed(resource, described, on_aws) == described
    setup.setup(aws.session, on_aws)
    client = aws.session.client("cloudwatch")
    made = client.describe_alarms(AlarmNames=list(on_aws.alarm_names))["MetricAlarms"]
    assert [one["AlarmName"] for one in made] == [
        "tally-errors",
        "tally-latency",
        "tally-self-test",
    ]


def test_the_alarms_have_the_limits_and_the_endpoint_of_the_settings(on_aws: Settings) -> None:
    rollout = on_aws.rollout.model_copy(update={"max_error_share": 0.1, "max_latency": 0.5})
    north = on_aws.model_copy(update={"rollout": rollout, "endpoint": "tally-north"})
    errors, latency = (
        by_settings.changed(alarm, cloudformation.properties(alarm, north), north)
        for alarm in ("ErrorsAlarm", "LatencyAlarm")
    )
    assert (errors["AlarmName"], errors["Threshold"]) == ("tally-north-errors", 0.1)
    assert latency["Threshold"] == 500_000
    assert {"Name": "EndpointName", "Value": "tally-north"} in errors["Dimensions"]


def test_an_approval_that_fails_for_good_goes_to_the_queue(aws: Any, on_aws: Settings) -> None:
    setup.setup(aws.session, on_aws)
    url = aws.session.client("sqs").get_queue_url(QueueName="tally-lost-approvals")["QueueUrl"]
    arn = aws.session.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    config = aws.session.client("lambda").get_function_event_invoke_config(
        FunctionName="tally-promote"
    )
    destination = config["DestinationConfig"]["OnFailure"]["Destination"]
    assert destination == arn["Attributes"]["QueueArn"]
    assert config["MaximumEventAgeInSeconds"] == 21600


def test_the_address_of_the_settings_is_subscribed_once(aws: Any, on_aws: Settings) -> None:
    told = on_aws.model_copy(update={"notify": "stock@example.com"})
    states = [
        item.state
        for _ in range(2)
        for item in setup.setup(aws.session, told)
        if item.kind == "subscription"
    ]
    assert states == ["created", "exists"]
    subscriptions = aws.session.client("sns").list_subscriptions()["Subscriptions"]
    assert [one["Endpoint"] for one in subscriptions] == ["stock@example.com"]


def test_only_one_branch_of_one_repository_may_retrain(template: dict[str, Any]) -> None:
    role = template["Resources"]["RetrainingRole"]["Properties"]
    condition = role["AssumeRolePolicyDocument"]["Statement"][0]["Condition"]["StringEquals"]
    subject = condition["token.actions.githubusercontent.com:sub"]
    assert subject == "repo:${GitHubRepository}:ref:refs/heads/${GitHubBranch}"
    actions = [a for s in role["Policies"][0]["PolicyDocument"]["Statement"] for a in s["Action"]]
    assert not [a for a in actions if "*" in a or "Endpoint" in a or "UpdateModelPackage" in a]


@pytest.mark.parametrize(
    ("repository", "accepted"),
    [
        ("", True),
        ("octo-cat/my.repo", True),
        ("octo-cat@123456/my.repo@456789", True),
        ("octo-cat@123456/my.repo", False),
        ("octo-cat@*/my.repo@*", False),
        ("octo-cat/*", False),
        ("octo-cat/my.repo:ref:refs/heads/other", False),
    ],
)
def test_a_repository_is_named_as_in_githubs_tokens(
    template: dict[str, Any], repository: str, accepted: bool
) -> None:
    """With ids since July 2026, and without: what is trusted is one repository, word for word."""
    allowed = template["Parameters"]["GitHubRepository"]["AllowedPattern"]
    assert bool(re.fullmatch(allowed, repository)) == accepted


def test_resources_that_outlive_the_stack_can_be_left_out_of_the_next_one(
    template: dict[str, Any],
) -> None:
    """`RetainedResources=exist` leaves them out, so nothing else may refer to them."""
    resources = template["Resources"]
    kept = {name for name, one in resources.items() if one.get("DeletionPolicy") == "Retain"}
    assert kept == {
        "Bucket",
        "BucketPolicy",
        "ProcessingImages",
        "TrainingImages",
        "InferenceImages",
        "Models",
    }
    created = ("CreatesRetained", "CreatesRepositories")
    assert {name for name, one in resources.items() if one.get("Condition") in created} == kept
    others = [one for name, one in resources.items() if name not in kept]
    said = json.dumps([*others, template["Outputs"]])
    for name in kept:
        assert not re.search(rf'"{name}"|"{name}\.|\$\{{{name}\b', said), name


def test_the_template_is_free_of_aliases() -> None:
    """CloudFormation refuses YAML anchors."""
    text = Path(ROOT / "infrastructure" / "tally.yaml").read_text()
    assert "<<:" not in text


def test_setup_makes_every_resource_of_the_template(aws: Any, on_aws: Settings) -> None:
    """Whoever adds one to the template adds it to setup, too, or learns here what is missing."""
    setup.setup(aws.session, on_aws)
    described = cloudformation.resources(on_aws)
    # Parameters or settings that are empty by default ask for the others.
    optional = (
        "HasRetraining",
        "CreatesProvider",
        "KeepsLogs",
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


SECURED = {
    "PIPELINE_SECURITY_KMS_KEY": "arn:aws:kms:us-east-1:123456789012:key/0a1b",
    "PIPELINE_SECURITY_LOG_DAYS": "90",
    "PIPELINE_SECURITY_BUDGET": "200",
    "PIPELINE_SECURITY_BUDGET_EMAIL": "a@example.com",
}


def test_a_new_bucket_keeps_versions_and_uses_the_key(aws: Any) -> None:
    secured = load("aws", SECURED).resolved("123456789012", container_images.tags())
    setup.setup(aws.session, secured)
    s3, name = aws.session.client("s3"), secured.bucket_name
    assert s3.get_bucket_versioning(Bucket=name)["Status"] == "Enabled"
    (rule,) = s3.get_bucket_encryption(Bucket=name)["ServerSideEncryptionConfiguration"]["Rules"]
    encryption = rule["ApplyServerSideEncryptionByDefault"]
    assert encryption == {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": secured.security.kms_key}
    rules = s3.get_bucket_lifecycle_configuration(Bucket=name)["Rules"]
    days = [one["NoncurrentVersionExpiration"] for one in rules if one["ID"] == "former-versions"]
    assert [one["NoncurrentDays"] for one in days] == [90]


def test_logs_are_kept_for_days_and_a_budget_writes(aws: Any, on_aws: Settings) -> None:
    secured = load("aws", SECURED).resolved("123456789012", container_images.tags())
    logs = aws.session.client("logs")
    logs.create_log_group(logGroupName="/aws/lambda/tally-promote")  # by the function's first run
    states = {(item.kind, item.name): item.state for item in setup.setup(aws.session, secured)}
    assert states["log group", "/aws/lambda/tally-promote"] == "updated"
    groups = logs.describe_log_groups()["logGroups"]
    assert {one["logGroupName"]: one["retentionInDays"] for one in groups} == {
        "/aws/lambda/tally-promote": 90,
        "/aws/sagemaker/Endpoints/tally": 90,
    }
    budgets = aws.session.client("budgets")
    described = budgets.describe_budget(AccountId="123456789012", BudgetName="tally-us-east-1")
    assert float(described["Budget"]["BudgetLimit"]["Amount"]) == 200
    assert {item.state for item in setup.setup(aws.session, secured)} == {"exists"}


@pytest.mark.parametrize(
    ("target", "variables", "message"),
    [
        ("aws", {"SUBNETS": "[subnet-0a]"}, "subnets and security_groups need each other"),
        ("aws", {"SUBNETS": "[vpc-0a]"}, "such as subnet-0a1b2c3d"),
        ("aws", {"KMS_KEY": "alias/mine"}, "the ARN of a KMS key"),
        ("aws", {"BUDGET": "5"}, "budget needs budget_email"),
        ("local", {"ISOLATED": "true"}, "for AWS only"),
    ],
)
def test_security_settings_that_cannot_be_kept_are_refused(
    target: str, variables: dict[str, str], message: str
) -> None:
    named = {f"PIPELINE_SECURITY_{key}": value for key, value in variables.items()}
    with pytest.raises(SettingsError, match=message):
        load(target, named)
