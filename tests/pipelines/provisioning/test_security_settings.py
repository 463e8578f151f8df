"""The settings of security: keys, kept versions, logs, a budget."""

from typing import Any

import pytest

from pipelines.provisioning import container_images, setup
from pipelines.settings.layers import SettingsError, load
from pipelines.settings.model import Settings

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
