"""Versions that the emulator can serve, and clients whose endpoint is changed by somebody else."""

import io
import tarfile
import time
from typing import TYPE_CHECKING

from model_registry import endpoint as endpoints
from model_registry.promotion import Placement, promote

if TYPE_CHECKING:
    from types_boto3_sagemaker import SageMakerClient
else:
    SageMakerClient = object  # each class below passes on what it does not change

PLACEMENT = Placement("tally", "ml.m5.large", "arn:aws:iam::123456789012:role/tally-execution")


def archive(word):
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        entry = tarfile.TarInfo("word.txt")
        entry.size = len(word)
        tar.addfile(entry, io.BytesIO(word.encode()))
    return packed.getvalue()


def register(client, approval="Approved", key="model.tar.gz", group="tally"):
    image = "123456789012.dkr.ecr.us-east-1.amazonaws.com/plain:latest"
    container = {"Image": image, "ModelDataUrl": f"s3://models/{key}"}
    return client.create_model_package(
        ModelPackageGroupName=group,
        ModelApprovalStatus=approval,
        InferenceSpecification={
            "Containers": [container],
            "SupportedContentTypes": ["image/jpeg"],
            "SupportedResponseMIMETypes": ["application/json"],
        },
    )["ModelPackageArn"]


def existing_endpoint(client, name) -> endpoints.Endpoint:
    endpoint = endpoints.read(client, name)
    assert endpoint is not None
    return endpoint


def rest(client, name="tally"):
    while existing_endpoint(client, name).busy:
        time.sleep(0.1)


def place(name, instance_type="ml.m5.large"):
    return Placement(name, instance_type, PLACEMENT.role_arn)


def serving(client, name, *keys):
    """Serve a version for each archive, one after the other; return their ARNs."""
    arns = [register(client, key=key) for key in keys or ("model.tar.gz",)]
    for arn in arns:
        promote(client, arn, place(name), wait_seconds=30)
        rest(client, name)
    return arns


class Seen(SageMakerClient):
    """A client that changes the first description of the endpoint, and then calls `after`."""

    def __init__(self, client, after=lambda: None, always=False, **fields):
        self._client, self._after, self._always, self._fields = client, after, always, fields

    def __getattr__(self, name):
        return getattr(self._client, name)

    def describe_endpoint(self, **request):
        fields, found = self._fields, self._client.describe_endpoint(**request)
        if not self._always:
            self._fields = {}
        if fields:
            self._after()
        return found | fields


class Busy(SageMakerClient):
    """A client whose endpoint is Updating in the first description."""

    def __init__(self, client) -> None:
        self._client, self._looks = client, 0

    def __getattr__(self, name):
        return getattr(self._client, name)

    def describe_endpoint(self, **request):
        found = self._client.describe_endpoint(**request)
        self._looks += 1
        return found | {"EndpointStatus": "Updating"} if self._looks == 1 else found


class Overtaken(SageMakerClient):
    """A client whose first update comes just after somebody else's update."""

    def __init__(self, client, other) -> None:
        self._client, self._other = client, other

    def __getattr__(self, name):
        return getattr(self._client, name)

    def update_endpoint(self, **request):
        if self._other:
            other, self._other = self._other, None
            other()
        return self._client.update_endpoint(**request)
