"""Versions that the emulator can serve, and clients whose endpoint is changed by somebody else."""

from __future__ import annotations

import io
import json
import tarfile
import time
from collections.abc import Callable
from typing import Any

from types_boto3_sagemaker import SageMakerClient
from types_boto3_sagemaker.literals import ModelApprovalStatusType

from model_registry.configuration import Placement
from model_registry.promotion import promote
from pipelines.serving import endpoint_status

Register = Callable[..., str]  # registers a version and returns its ARN
PLACEMENT = Placement("tally", "ml.m5.large", "arn:aws:iam::123456789012:role/tally-execution")


def archive(word: str, **files: str) -> bytes:
    """A model whose server has this word, with further files in `selftest/`."""
    packed = io.BytesIO()
    contents = {"word.txt": word, **{f"selftest/{name}": text for name, text in files.items()}}
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for name, text in contents.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(text)
            tar.addfile(entry, io.BytesIO(text.encode()))
    return packed.getvalue()


def self_tested(answer: int, expected: int) -> bytes:
    """A model that answers its self-test with one count, and has packed another, or the same.

    To the request "sleep" its server answers its word.
    """
    answers = {
        "requests": [
            {
                "file": "1.jpg",
                "content_type": "image/jpeg",
                "answers": {"model.onnx": {"count": expected}},
            }
        ]
    }
    packed = {"1.jpg": "sleep", "answers.json": json.dumps(answers)}
    return archive(json.dumps({"count": answer}), **packed)


def register(
    client: SageMakerClient,
    approval: ModelApprovalStatusType = "Approved",
    key: str = "model.tar.gz",
    group: str = "tally",
) -> str:
    image = "123456789012.dkr.ecr.us-east-1.amazonaws.com/plain:latest"
    return client.create_model_package(
        ModelPackageGroupName=group,
        ModelApprovalStatus=approval,
        InferenceSpecification={
            "Containers": [{"Image": image, "ModelDataUrl": f"s3://models/{key}"}],
            "SupportedContentTypes": ["image/jpeg"],
            "SupportedResponseMIMETypes": ["application/json"],
        },
    )["ModelPackageArn"]


def rest(client: SageMakerClient, name: str = "tally") -> None:
    while endpoint_status.require(client, name).busy:
        time.sleep(0.1)


def place(name: str, instance_type: str = "ml.m5.large") -> Placement:
    return Placement(name, instance_type, PLACEMENT.role_arn)


def serving(client: SageMakerClient, name: str, *keys: str) -> list[str]:
    """Serve a version for each archive, one after the other; return their ARNs."""
    arns = [register(client, key=key) for key in keys or ("model.tar.gz",)]
    for arn in arns:
        promote(client, arn, place(name), wait_seconds=30)
        rest(client, name)
    return arns


class Seen:
    """A client that changes the first description of the endpoint, and then calls `after`."""

    def __init__(
        self,
        client: SageMakerClient,
        after: Callable[[], object] = lambda: None,
        always: bool = False,
        **fields: Any,
    ) -> None:
        self._client, self._after, self._always, self._fields = client, after, always, fields

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def describe_endpoint(self, **request: Any) -> dict[str, Any]:
        fields = self._fields
        response: dict[str, Any] = {**self._client.describe_endpoint(**request)}
        if not self._always:
            self._fields = {}
        if fields:
            self._after()
        return response | fields


class Busy:
    """A client whose endpoint is Updating in the first description."""

    def __init__(self, client: SageMakerClient) -> None:
        self._client, self._calls = client, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def describe_endpoint(self, **request: Any) -> dict[str, Any]:
        response: dict[str, Any] = {**self._client.describe_endpoint(**request)}
        self._calls += 1
        return response | {"EndpointStatus": "Updating"} if self._calls == 1 else response


class Overtaken:
    """A client whose first update comes just after somebody else's update."""

    def __init__(self, client: SageMakerClient, other: Callable[[], object]) -> None:
        self._client = client
        self._other: Callable[[], object] | None = other

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def update_endpoint(self, **request: Any) -> Any:
        if self._other:
            other, self._other = self._other, None
            other()
        return self._client.update_endpoint(**request)
