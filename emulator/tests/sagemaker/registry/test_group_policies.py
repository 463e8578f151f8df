"""Resource policies of model package groups."""

import json
import uuid
from typing import Any

import pytest
from botocore.exceptions import ClientError
from emulator_process import Emulator

POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"AWS": "arn:aws:iam::999999999999:root"},
            "Action": ["sagemaker:DescribeModelPackage", "sagemaker:ListModelPackages"],
            "Resource": "arn:aws:sagemaker:us-east-1:123456789012:model-package/*",
        }
    ],
}


@pytest.fixture
def sagemaker(emulator: Emulator) -> Any:
    return emulator.client("sagemaker")


@pytest.fixture
def group(sagemaker: Any) -> str:
    name = f"group-{uuid.uuid4().hex[:8]}"
    sagemaker.create_model_package_group(ModelPackageGroupName=name)
    return name


def test_a_policy_is_kept_replaced_and_deleted(sagemaker: Any, group: str) -> None:
    for version in ("2012-10-17", "2008-10-17"):
        text = json.dumps({**POLICY, "Version": version})
        sagemaker.put_model_package_group_policy(ModelPackageGroupName=group, ResourcePolicy=text)
        found = sagemaker.get_model_package_group_policy(ModelPackageGroupName=group)
        assert found["ResourcePolicy"] == text
    assert "ResourcePolicy" not in sagemaker.describe_model_package_group(
        ModelPackageGroupName=group
    )
    sagemaker.delete_model_package_group_policy(ModelPackageGroupName=group)
    with pytest.raises(ClientError, match="Cannot find a resource policy"):
        sagemaker.get_model_package_group_policy(ModelPackageGroupName=group)


def test_a_new_group_does_not_inherit_the_policy_of_a_deleted_one(
    sagemaker: Any, group: str
) -> None:
    text = json.dumps(POLICY)
    sagemaker.put_model_package_group_policy(ModelPackageGroupName=group, ResourcePolicy=text)
    sagemaker.delete_model_package_group(ModelPackageGroupName=group)
    sagemaker.create_model_package_group(ModelPackageGroupName=group)
    with pytest.raises(ClientError, match="Cannot find a resource policy"):
        sagemaker.get_model_package_group_policy(ModelPackageGroupName=group)


@pytest.mark.parametrize("text", ["no json", "[]", "{}"])
def test_what_is_no_policy_is_refused(sagemaker: Any, group: str, text: str) -> None:
    with pytest.raises(ClientError, match="not a JSON policy document"):
        sagemaker.put_model_package_group_policy(ModelPackageGroupName=group, ResourcePolicy=text)
