"""The model registry through boto3."""

import uuid
from typing import Any

import pytest
from botocore.exceptions import ClientError
from emulator_process import Emulator

IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/image:latest"
INFERENCE = {
    "Containers": [{"Image": IMAGE, "ModelDataUrl": "s3://bucket/model.tar.gz"}],
    "SupportedContentTypes": ["image/jpeg"],
    "SupportedResponseMIMETypes": ["application/json"],
}


@pytest.fixture
def sagemaker(emulator: Emulator) -> Any:
    return emulator.client("sagemaker")


@pytest.fixture
def group(sagemaker: Any) -> Any:
    name = f"group-{uuid.uuid4().hex[:8]}"
    sagemaker.create_model_package_group(
        ModelPackageGroupName=name,
        ModelPackageGroupDescription="counts things",
        Tags=[{"Key": "team", "Value": "stock"}],
    )
    return name


def create(sagemaker: Any, group: str, **more: Any) -> Any:
    return sagemaker.create_model_package(
        ModelPackageGroupName=group, InferenceSpecification=INFERENCE, **more
    )["ModelPackageArn"]


def test_versions_count_up_and_begin_pending(sagemaker: Any, group: str) -> None:
    first, second = create(sagemaker, group), create(sagemaker, group)
    assert (first.rpartition("/")[2], second.rpartition("/")[2]) == ("1", "2")
    package = sagemaker.describe_model_package(ModelPackageName=second)
    assert package["ModelApprovalStatus"] == "PendingManualApproval"
    assert package["ModelPackageVersion"] == 2
    assert package["ModelPackageStatus"] == "Completed"
    assert package["InferenceSpecification"]["Containers"][0]["Image"] == IMAGE


def test_deleted_version_number_is_not_used_again(sagemaker: Any, group: str) -> None:
    sagemaker.delete_model_package(ModelPackageName=create(sagemaker, group))
    assert create(sagemaker, group).endswith("/2")


def test_list_filters_by_approval_and_orders_newest_first(sagemaker: Any, group: str) -> None:
    arns = [create(sagemaker, group) for _ in range(3)]
    sagemaker.update_model_package(
        ModelPackageArn=arns[1], ModelApprovalStatus="Approved", ApprovalDescription="looked at"
    )
    listed = sagemaker.list_model_packages(ModelPackageGroupName=group)["ModelPackageSummaryList"]
    assert [item["ModelPackageArn"] for item in listed] == arns[::-1]
    approved = sagemaker.list_model_packages(
        ModelPackageGroupName=group, ModelApprovalStatus="Approved"
    )["ModelPackageSummaryList"]
    assert [item["ModelPackageVersion"] for item in approved] == [2]


def test_list_gives_pages(sagemaker: Any, group: str) -> None:
    arns = [create(sagemaker, group) for _ in range(5)]
    paginator = sagemaker.get_paginator("list_model_packages")
    pages = list(
        paginator.paginate(
            ModelPackageGroupName=group, SortOrder="Ascending", PaginationConfig={"PageSize": 2}
        )
    )
    assert len(pages) == 3
    listed = [item["ModelPackageArn"] for page in pages for item in page["ModelPackageSummaryList"]]
    assert listed == arns


def test_customer_metadata_is_merged_and_removed(sagemaker: Any, group: str) -> None:
    arn = create(sagemaker, group, CustomerMetadataProperties={"a": "1", "b": "2"})
    sagemaker.update_model_package(
        ModelPackageArn=arn,
        CustomerMetadataProperties={"c": "3"},
        CustomerMetadataPropertiesToRemove=["a"],
    )
    package = sagemaker.describe_model_package(ModelPackageName=arn)
    assert package["CustomerMetadataProperties"] == {"b": "2", "c": "3"}


def test_the_same_client_token_makes_one_version(sagemaker: Any, group: str) -> None:
    token = uuid.uuid4().hex
    first = create(sagemaker, group, ClientToken=token)
    assert create(sagemaker, group, ClientToken=token) == first


def test_a_group_that_holds_versions_is_not_deleted(sagemaker: Any, group: str) -> None:
    arn = create(sagemaker, group)
    with pytest.raises(ClientError, match=r"ConflictException.*1 model package"):
        sagemaker.delete_model_package_group(ModelPackageGroupName=group)
    sagemaker.delete_model_package(ModelPackageName=arn)
    sagemaker.delete_model_package_group(ModelPackageGroupName=group)
    with pytest.raises(ClientError, match=r"ValidationException.*does not exist"):
        sagemaker.describe_model_package_group(ModelPackageGroupName=group)


def test_group_name_is_unique(sagemaker: Any, group: str) -> None:
    with pytest.raises(ClientError, match="already exists"):
        sagemaker.create_model_package_group(ModelPackageGroupName=group)


def test_tags_of_a_resource(sagemaker: Any, group: str) -> None:
    arn = sagemaker.describe_model_package_group(ModelPackageGroupName=group)[
        "ModelPackageGroupArn"
    ]
    sagemaker.add_tags(
        ResourceArn=arn, Tags=[{"Key": "team", "Value": "depot"}, {"Key": "x", "Value": "y"}]
    )
    assert sagemaker.list_tags(ResourceArn=arn)["Tags"] == [
        {"Key": "team", "Value": "depot"},
        {"Key": "x", "Value": "y"},
    ]
    sagemaker.delete_tags(ResourceArn=arn, TagKeys=["x", "not-there"])
    assert len(sagemaker.list_tags(ResourceArn=arn)["Tags"]) == 1


@pytest.mark.parametrize(
    "arn, message",
    [
        ("arn:aws:sagemaker:us-east-1:123456789012:model/nothing", "does not exist"),
        ("arn:aws:sagemaker:eu-west-1:123456789012:model/nothing", "of this account"),
    ],
    ids=["missing", "elsewhere"],
)
def test_tags_need_a_resource(sagemaker: Any, arn: Any, message: str) -> None:
    with pytest.raises(ClientError, match=message):
        sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "a", "Value": "b"}])


def test_models_by_package_and_by_image(emulator: Emulator, sagemaker: Any, group: str) -> None:
    role = "arn:aws:iam::123456789012:role/pipeline"
    arn = create(sagemaker, group)
    name = f"model-{uuid.uuid4().hex[:8]}"
    sagemaker.create_model(
        ModelName=name, ExecutionRoleArn=role, Containers=[{"ModelPackageName": arn}]
    )
    assert sagemaker.describe_model(ModelName=name)["Containers"] == [
        {"ModelPackageName": arn, "Mode": "SingleModel"}
    ]
    listed = sagemaker.list_models(NameContains=name)["Models"]
    assert [model["ModelName"] for model in listed] == [name]
    sagemaker.delete_model(ModelName=name)
    with pytest.raises(ClientError, match="Could not find model"):
        sagemaker.describe_model(ModelName=name)


def test_a_model_without_its_data_is_refused(sagemaker: Any) -> None:
    with pytest.raises(ClientError, match=r"Could not find model data at s3://nowhere/model\.tar"):
        sagemaker.create_model(
            ModelName="no-data",
            PrimaryContainer={"Image": "plain", "ModelDataUrl": "s3://nowhere/model.tar.gz"},
        )


def test_a_package_keeps_the_etag_that_its_model_data_had(
    emulator: Emulator, sagemaker: Any, group: str
) -> None:
    s3, bucket = emulator.client("s3"), f"bucket-{uuid.uuid4().hex[:8]}"
    s3.create_bucket(Bucket=bucket)
    written = s3.put_object(Bucket=bucket, Key="model.tar.gz", Body=b"first")["ETag"].strip('"')
    container = {"Image": IMAGE, "ModelDataUrl": f"s3://{bucket}/model.tar.gz"}
    arn = sagemaker.create_model_package(
        ModelPackageGroupName=group,
        InferenceSpecification={**INFERENCE, "Containers": [container]},
    )["ModelPackageArn"]
    s3.put_object(Bucket=bucket, Key="model.tar.gz", Body=b"second")
    package = sagemaker.describe_model_package(ModelPackageName=arn)
    assert package["InferenceSpecification"]["Containers"] == [
        {**container, "ModelDataETag": written}
    ]


def test_versions_are_described_together(sagemaker: Any, group: str) -> None:
    first, second = create(sagemaker, group), create(sagemaker, group)
    missing = f"{first.rpartition('/')[0]}/9"
    found = sagemaker.batch_describe_model_package(ModelPackageArnList=[first, second, missing])
    summaries = found["ModelPackageSummaries"]
    assert {arn: each["ModelPackageVersion"] for arn, each in summaries.items()} == {
        first: 1,
        second: 2,
    }
    assert summaries[first]["InferenceSpecification"]["Containers"][0]["Image"] == IMAGE
    error = found["BatchDescribeModelPackageErrorMap"][missing]
    assert error["ErrorCode"] == "ValidationException"
    assert "does not exist" in error["ErrorResponse"]


def test_a_package_is_cloned_by_its_arn(sagemaker: Any, group: str) -> None:
    source = create(sagemaker, group)
    clone = sagemaker.create_model_package(ModelPackageGroupName=group, SourceUri=source)
    described = sagemaker.describe_model_package(ModelPackageName=clone["ModelPackageArn"])
    assert described["SourceUri"] == source
    assert described["InferenceSpecification"] == INFERENCE


def test_a_model_is_registered_by_its_arn(sagemaker: Any, group: str) -> None:
    """So that the SDK's `register(source_uri=…)` of a model gives a package that serves."""
    image = "123456789012.dkr.ecr.us-east-1.amazonaws.com/plain:latest"
    container = {"Image": image, "Environment": {"A": "b"}, "Mode": "SingleModel"}
    role = "arn:aws:iam::123456789012:role/emulator"
    model = sagemaker.create_model(
        ModelName=f"model-{uuid.uuid4().hex[:8]}", ExecutionRoleArn=role, PrimaryContainer=container
    )["ModelArn"]
    package = sagemaker.create_model_package(ModelPackageGroupName=group, SourceUri=model)
    described = sagemaker.describe_model_package(ModelPackageName=package["ModelPackageArn"])
    assert described["InferenceSpecification"]["Containers"] == [
        {"Image": image, "Environment": {"A": "b"}}
    ]


def test_a_source_without_containers_is_refused(sagemaker: Any, group: str) -> None:
    package = sagemaker.create_model_package(ModelPackageGroupName=group)["ModelPackageArn"]
    model = sagemaker.create_model(
        ModelName=f"model-{uuid.uuid4().hex[:8]}",
        ExecutionRoleArn="arn:aws:iam::123456789012:role/emulator",
        PrimaryContainer={"ModelPackageName": package},
    )["ModelArn"]
    with pytest.raises(ClientError, match="has no InferenceSpecification: give the request one"):
        sagemaker.create_model_package(ModelPackageGroupName=group, SourceUri=model)


def test_a_source_that_is_not_there_is_refused(sagemaker: Any, group: str) -> None:
    arn = "arn:aws:sagemaker:us-east-1:123456789012:model/none"
    with pytest.raises(ClientError, match="Could not find model"):
        sagemaker.create_model_package(ModelPackageGroupName=group, SourceUri=arn)


def test_a_card_keeps_what_an_update_leaves_out(sagemaker: Any, group: str) -> None:
    card = {"ModelCardContent": '{"a": 1}', "ModelCardStatus": "Draft"}
    arn = create(sagemaker, group, ModelCard=card)
    sagemaker.update_model_package(
        ModelPackageArn=arn, ModelCard={"ModelCardStatus": "PendingReview"}
    )
    described = sagemaker.describe_model_package(ModelPackageName=arn)
    assert described["ModelCard"] == {**card, "ModelCardStatus": "PendingReview"}


def test_a_group_that_is_not_there_lists_no_versions(sagemaker: Any) -> None:
    listed = sagemaker.list_model_packages(ModelPackageGroupName="none")
    assert listed["ModelPackageSummaryList"] == []
