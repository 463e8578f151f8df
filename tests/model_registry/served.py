"""Versions that the emulator can serve, for the tests that update an endpoint."""

import io
import tarfile
import time

from model_registry import endpoint as endpoints
from model_registry.promotion import Placement

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


def rest(client, name="tally"):
    while endpoints.read(client, name).busy:
        time.sleep(0.1)


def place(name, instance_type="ml.m5.large"):
    return Placement(name, instance_type, PLACEMENT.role_arn)
