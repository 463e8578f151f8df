"""An emulator with a bucket, for the tests of the desk, and a model that answers as told."""

from __future__ import annotations

import functools
import io
import tarfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
import pytest

import sagemaker_emulator
from model_registry import endpoint as endpoints
from model_registry.promotion import Placement, promote
from pipelines.provisioning import container_images
from pipelines.settings.layers import load
from pipelines.settings.model import Settings

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client
    from types_boto3_sagemaker import SageMakerClient

IMAGES = Path(__file__).parent / "images"
IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/counter:latest"
ROLE = "arn:aws:iam::123456789012:role/tally-execution"
GROUP = "tally"


@dataclass
class Emulated:
    """A running emulator.

    Attributes:
        state: The folder of its state.
        environment: The variables that its clients need.
    """

    state: Path
    environment: dict[str, str] = field(default_factory=dict)

    def session(self) -> boto3.Session:
        """A session that signs for it; its clients need the environment, too."""
        keys = self.environment
        return boto3.Session(
            keys["AWS_ACCESS_KEY_ID"], keys["AWS_SECRET_ACCESS_KEY"], region_name="us-east-1"
        )

    @functools.cached_property
    def s3(self) -> S3Client:
        """A client of its S3."""
        url = self.environment["AWS_ENDPOINT_URL_S3"]
        return self.session().client("s3", endpoint_url=url)

    @functools.cached_property
    def sagemaker(self) -> SageMakerClient:
        """A client of its SageMaker API."""
        url = self.environment["AWS_ENDPOINT_URL"]
        return self.session().client("sagemaker", endpoint_url=url)

    def settings(self, bucket: str, endpoint: str = "tally") -> Settings:
        """The local settings, with a bucket and an endpoint of a test's own."""
        values = {"PIPELINE_BUCKET": bucket, "PIPELINE_ENDPOINT": endpoint}
        return load("local", values).resolved("123456789012", container_images.tags())

    def serve(self, name: str = "tally") -> str:
        """Serve the model at an endpoint; return the ARN of its version."""
        client = self.sagemaker
        if not client.list_model_package_groups()["ModelPackageGroupSummaryList"]:
            client.create_model_package_group(ModelPackageGroupName=GROUP)
            self.s3.create_bucket(Bucket="models")
            packed = io.BytesIO()
            tarfile.open(fileobj=packed, mode="w:gz").close()
            self.s3.put_object(Bucket="models", Key="model.tar.gz", Body=packed.getvalue())
        arn = client.create_model_package(
            ModelPackageGroupName=GROUP,
            ModelApprovalStatus="Approved",
            InferenceSpecification={
                "Containers": [{"Image": IMAGE, "ModelDataUrl": "s3://models/model.tar.gz"}],
                "SupportedContentTypes": ["image/jpeg", "application/json"],
                "SupportedResponseMIMETypes": ["application/json"],
            },
        )["ModelPackageArn"]
        promote(client, arn, Placement(name, "ml.m5.large", ROLE), wait_seconds=30)
        while (state := endpoints.read(client, name)) and state.busy:
            time.sleep(0.05)
        return arn


@pytest.fixture(scope="session")
def emulated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulated]:
    state = tmp_path_factory.mktemp("desk") / "emulator"
    server = sagemaker_emulator.up(state, IMAGES)
    yield Emulated(state, dict(server["environment"]))
    sagemaker_emulator.down(state)
