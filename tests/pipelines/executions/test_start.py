"""What is seen to before an execution begins to cost."""

from typing import Any

import pytest

from pipelines import NAME
from pipelines.executions import start as starting
from pipelines.executions.execution import ExecutionError
from pipelines.settings.model import Settings


def test_an_approved_model_that_is_gone_is_missed_before_anything_is_trained(
    aws: Any, local: Settings
) -> None:
    client, s3 = aws.session.client("sagemaker"), aws.session.client("s3")
    role = f"arn:aws:iam::{local.account}:role/{NAME}-execution"
    definition = '{"Version": "2020-12-01", "Steps": []}'
    client.create_pipeline(PipelineName=NAME, RoleArn=role, PipelineDefinition=definition)
    client.create_model_package_group(ModelPackageGroupName=NAME)
    model = {"Bucket": "models", "Key": "3/model.tar.gz"}
    container = {"Image": "tally-inference:1", "ModelDataUrl": "s3://models/3/model.tar.gz"}
    client.create_model_package(
        ModelPackageGroupName=NAME,
        ModelApprovalStatus="Approved",
        InferenceSpecification={"Containers": [container]},
    )
    given = ["DataSource=s3://bucket/bins"]

    with pytest.raises(ExecutionError, match=r"there is no s3://models/3/model.tar.gz"):
        starting.start(aws.session, local, given)
    s3.create_bucket(Bucket="models")
    with pytest.raises(ExecutionError, match=r"`reject VERSION`.*-p ApprovedModel="):
        starting.start(aws.session, local, given)
    assert not client.list_pipeline_executions(PipelineName=NAME)["PipelineExecutionSummaries"]
    s3.put_object(**model, Body=b"a model")
    arn = starting.start(aws.session, local, given)
    asked = client.list_pipeline_parameters_for_execution(PipelineExecutionArn=arn)
    assert {"Name": "ApprovedModel", "Value": container["ModelDataUrl"]} in asked[
        "PipelineParameters"
    ]
