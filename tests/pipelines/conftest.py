"""Settings that are the same on every machine, and moto as AWS over real HTTP."""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.iam.access_control import PermissionResult
from moto.s3.models import FakeBucket
from moto.sagemaker.responses import SageMakerResponse
from moto.server import ThreadedMotoServer

from pipelines.provisioning import container_images
from pipelines.provisioning import template as cloudformation
from pipelines.settings.layers import load
from pipelines.settings.model import Settings

ACCOUNT = "123456789012"
DOCKER = "application/vnd.docker.distribution.manifest.v2+json"


@dataclass
class Aws:
    session: boto3.Session
    url: str

    def put_image(self, image: str, kind: str = DOCKER) -> None:
        """Have ECR hold an image, whose repository is there."""
        repository, tag = image.split("/", 1)[1].split(":")
        manifest = {
            "schemaVersion": 2,
            "mediaType": kind,
            "config": {"digest": f"sha256:{tag:0<64}", "size": 1},
            "layers": [],
        }
        self.session.client("ecr").put_image(
            repositoryName=repository, imageManifest=json.dumps(manifest), imageTag=tag
        )


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    running = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    yield f"http://{host}:{port}"
    running.stop()


@pytest.fixture
def aws(server: str, monkeypatch: pytest.MonkeyPatch) -> Aws:
    """An empty account."""
    for variable in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(variable)
    # Moto reads no condition: what refuses plain HTTP would refuse everything.
    neutral = PermissionResult.NEUTRAL
    monkeypatch.setattr(FakeBucket, "get_permission", lambda *arguments: neutral)
    _add_group_policies(monkeypatch)
    for variable, value in {
        "AWS_ENDPOINT_URL": server,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }.items():
        monkeypatch.setenv(variable, value)
    session = boto3.Session(region_name="us-east-1")
    import httpx

    httpx.post(f"{server}/moto-api/reset")
    return Aws(session, server)


def _add_group_policies(monkeypatch: pytest.MonkeyPatch) -> None:
    """The policies of model package groups, which moto does not have."""
    policies: dict[str, str] = {}

    def name(request: Any) -> str:
        return str(json.loads(request.body)["ModelPackageGroupName"])

    def get(request: Any) -> Any:
        if name(request) in policies:
            return json.dumps({"ResourcePolicy": policies[name(request)]})
        error = {"__type": "ValidationException", "message": "Cannot find a resource policy."}
        return json.dumps(error), {"status": 400}

    def put(request: Any) -> str:
        policies[name(request)] = json.loads(request.body)["ResourcePolicy"]
        return json.dumps({"ModelPackageGroupArn": f"arn:{name(request)}"})

    def delete(request: Any) -> str:
        del policies[name(request)]
        return ""

    for operation, method in (("get", get), ("put", put), ("delete", delete)):
        name_ = f"{operation}_model_package_group_policy"
        monkeypatch.setattr(SageMakerResponse, name_, method, raising=False)


@pytest.fixture
def local() -> Settings:
    """The local settings as they are in the repository, with a source that is the same anywhere."""
    return _fixed("local")


@pytest.fixture
def on_aws() -> Settings:
    return _fixed("aws")


def _fixed(target: str) -> Settings:
    settings = load(target, {"PIPELINE_DATA_SOURCE": "s3://aft-vbi-pds"})
    return settings.resolved(ACCOUNT, container_images.tags())


@pytest.fixture
def bins(tmp_path: Path) -> Path:
    """A folder laid out like ABID, with three bins of each of the counts 1 and 2."""
    folder = tmp_path / "bins"
    for part in ("bin-images", "metadata"):
        (folder / part).mkdir(parents=True)
    for number in range(6):
        (folder / f"bin-images/0000{number}.jpg").write_text(f"picture {number}")
        record = {"BIN_FCSKU_DATA": {}, "EXPECTED_QUANTITY": 1 + number % 2}
        (folder / f"metadata/0000{number}.json").write_text(json.dumps(record))
    return folder


@pytest.fixture(scope="session")
def template() -> dict[str, Any]:
    """The CloudFormation template, with what is after a function's name in its place."""
    whole: dict[str, Any] = _flat(cloudformation.load())
    return whole


def _flat(node: Any) -> Any:
    if isinstance(node, list):
        return [_flat(one) for one in node]
    if not isinstance(node, dict):
        return node
    if len(node) == 1:
        ((name, argument),) = node.items()
        if name == "Ref":
            return f"${{{argument}}}"
        if name == "Fn::GetAtt":
            return ".".join(argument)
        if str(name).startswith("Fn::") or (name == "Condition" and isinstance(argument, str)):
            return _flat(argument)
    return {key: _flat(value) for key, value in node.items()}
