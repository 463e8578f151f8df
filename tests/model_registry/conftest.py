"""A model package group in moto: the same boto3 calls, answered in process."""

import boto3
import pytest
from moto import mock_aws

GROUP = "tally"


@pytest.fixture
def session(monkeypatch):
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws():
        yield boto3.Session(region_name="us-east-1")


@pytest.fixture
def client(session):
    return session.client("sagemaker")


@pytest.fixture
def register(client):
    """Adds a version to the group and answers its ARN."""
    client.create_model_package_group(ModelPackageGroupName=GROUP)

    def add(approval="PendingManualApproval", metrics_url="", **metadata):
        statistics = {"ContentType": "application/json", "S3Uri": metrics_url}
        quality = {"ModelMetrics": {"ModelQuality": {"Statistics": statistics}}}
        return client.create_model_package(
            ModelPackageGroupName=GROUP,
            ModelApprovalStatus=approval,
            InferenceSpecification={
                "Containers": [
                    {
                        "Image": "123456789012.dkr.ecr.us-east-1.amazonaws.com/tally-inference:1",
                        "ModelDataUrl": "s3://tally/model.tar.gz",
                    }
                ],
                "SupportedContentTypes": ["image/jpeg"],
                "SupportedResponseMIMETypes": ["application/json"],
            },
            CustomerMetadataProperties=metadata,
            **(quality if metrics_url else {}),
        )["ModelPackageArn"]

    return add
