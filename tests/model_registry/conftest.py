"""A model package group in moto, in process, and one in the emulator, which really serves."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws
from moto.sagemaker.models import SageMakerModelBackend
from types_boto3_sagemaker import SageMakerClient
from types_boto3_sagemaker.literals import ModelApprovalStatusType

import sagemaker_emulator
from tests.model_registry.served import Register, archive

GROUP = "tally"
ROOT = Path(__file__).resolve().parent.parent.parent
IMAGES = ROOT / "emulator" / "tests" / "images"
_MOTO_UPDATE = SageMakerModelBackend.update_model_package


@pytest.fixture
def session(monkeypatch: pytest.MonkeyPatch) -> Iterator[boto3.Session]:
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setattr(SageMakerModelBackend, "update_model_package", _update_model_package)
    with mock_aws():
        yield boto3.Session(region_name="us-east-1")


def _update_model_package(backend: SageMakerModelBackend, **request: Any) -> str:
    """As on AWS: what a request leaves out stays. moto forgets it."""
    package = backend.describe_model_package(request["model_package_arn"])
    for name in ("model_approval_status", "approval_description"):
        request[name] = request[name] or getattr(package, name)
    kept, new = package.customer_metadata_properties, request["customer_metadata_properties"]
    request["customer_metadata_properties"] = {**(kept or {}), **(new or {})}
    return _MOTO_UPDATE(backend, **request)


@pytest.fixture
def client(session: boto3.Session) -> SageMakerClient:
    return session.client("sagemaker")


@pytest.fixture
def register(client: SageMakerClient) -> Register:
    """Adds a version to the group and returns its ARN."""
    client.create_model_package_group(ModelPackageGroupName=GROUP)

    def add(
        approval: ModelApprovalStatusType = "PendingManualApproval",
        metrics_url: str = "",
        **metadata: str,
    ) -> str:
        statistics = {"ContentType": "application/json", "S3Uri": metrics_url}
        quality: dict[str, Any] = {"ModelMetrics": {"ModelQuality": {"Statistics": statistics}}}
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


@dataclass(frozen=True)
class Server:
    """An emulator with models in S3 and an empty group, and a session that signs for it."""

    url: str
    s3_url: str
    session: boto3.Session


@pytest.fixture(scope="session")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    state = tmp_path_factory.mktemp("registry") / "emulator"
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}

    def run(*arguments: str) -> None:
        command = [sys.executable, "-m", "sagemaker_emulator", *arguments, "--state", str(state)]
        subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, check=True)

    run("up", "--images", str(IMAGES))
    server = sagemaker_emulator.status(state)
    assert server is not None
    keys = server["environment"]
    session = boto3.Session(
        keys["AWS_ACCESS_KEY_ID"], keys["AWS_SECRET_ACCESS_KEY"], region_name="us-east-1"
    )
    s3 = session.client("s3", endpoint_url=server["s3_url"])
    s3.create_bucket(Bucket="models")
    s3.put_object(Bucket="models", Key="model.tar.gz", Body=archive("serve"))
    for word in ("crash", "slow"):
        s3.put_object(Bucket="models", Key=f"{word}/model.tar.gz", Body=archive(word))
    client = session.client("sagemaker", endpoint_url=server["url"])
    client.create_model_package_group(ModelPackageGroupName=GROUP)
    yield Server(server["url"], server["s3_url"], session)
    run("down")


@pytest.fixture(scope="session")
def emulated(emulator: Server) -> SageMakerClient:
    return emulator.session.client("sagemaker", endpoint_url=emulator.url)
