"""Jobs and endpoints in AWS's framework images, on a real server."""

import io
import json
import tarfile
from collections.abc import Callable
from typing import Any

import pytest
from emulator_process import BUCKET, Emulator

ROLE = "arn:aws:iam::123456789012:role/service-role/runs-jobs"
REGISTRY = "683313688378.dkr.ecr.us-east-1.amazonaws.com"
NO_INDEX = ("Failed to fetch", "error sending request", "network was disabled", "was not found in")
SECONDS = 900  # the first time, an environment is built


def packed(**files: str) -> bytes:
    """A tar.gz of files, whose dots are written `_`."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name.replace("_", "."))
            member.size = len(content.encode())
            tar.addfile(member, io.BytesIO(content.encode()))
    return archive.getvalue()


def packed_with(archive: bytes, name: str, content: str) -> bytes:
    """A model's tar.gz with one more file, as the SDK packs a script into one."""
    copied = io.BytesIO()
    with (
        tarfile.open(fileobj=io.BytesIO(archive)) as old,
        tarfile.open(fileobj=copied, mode="w:gz") as new,
    ):
        for member in old.getmembers():
            new.addfile(member, old.extractfile(member) if member.isfile() else None)
        added = tarfile.TarInfo(name)
        added.size = len(content.encode())
        new.addfile(added, io.BytesIO(content.encode()))
    return copied.getvalue()


class Framework:
    """One image of AWS's, with jobs and endpoints of a test in it.

    Args:
        emulator: The server.
        until: Waits for a final status.
        name: Of the job, the model and the endpoint, and the beginning of all keys.
        image: Such as `sagemaker-xgboost:1.7-1`.
    """

    def __init__(
        self, emulator: Emulator, until: Callable[..., Any], name: str, image: str
    ) -> None:
        self.emulator, self._until, self.name = emulator, until, name
        self.image = f"{REGISTRY}/{image}"
        self.sagemaker, self.s3 = emulator.client("sagemaker"), emulator.client("s3")

    def put(self, key: str, body: bytes | str) -> str:
        """Store an object below the test's name; its URI."""
        self.s3.put_object(Bucket=BUCKET, Key=f"{self.name}/{key}", Body=body)
        return f"s3://{BUCKET}/{self.name}/{key}"

    def get(self, uri: str) -> bytes:
        """An object's body."""
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        body: bytes = self.s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        return body

    def script(self, **files: str) -> dict[str, str]:
        """The hyperparameters with which the SDK runs the first of some files."""
        program = next(iter(files)).replace("_", ".")
        source = self.put("code/sourcedir.tar.gz", packed(**files))
        return {
            "sagemaker_program": json.dumps(program),
            "sagemaker_submit_directory": json.dumps(source),
            "sagemaker_region": '"us-east-1"',
        }

    def request(self, hyperparameters: dict[str, str], **channels: str) -> dict[str, Any]:
        """A CreateTrainingJob request; channels are named by content types, such as `text/csv`."""
        source = {"S3DataType": "S3Prefix", "S3DataDistributionType": "FullyReplicated"}
        inputs = [
            {
                "ChannelName": channel,
                "ContentType": content_type,
                "DataSource": {
                    "S3DataSource": {**source, "S3Uri": f"s3://{BUCKET}/{self.name}/{channel}/"}
                },
            }
            for channel, content_type in channels.items()
        ]
        return {
            "TrainingJobName": self.name,
            "RoleArn": ROLE,
            "AlgorithmSpecification": {"TrainingImage": self.image, "TrainingInputMode": "File"},
            "HyperParameters": hyperparameters,
            **({"InputDataConfig": inputs} if inputs else {}),
            "OutputDataConfig": {"S3OutputPath": f"s3://{BUCKET}/{self.name}/out"},
            "ResourceConfig": {
                "InstanceType": "ml.m5.large",
                "InstanceCount": 1,
                "VolumeSizeInGB": 10,
            },
            "StoppingCondition": {"MaxRuntimeInSeconds": SECONDS},
        }

    def train(self, hyperparameters: dict[str, str], **channels: str) -> Any:
        """Run a training job; its description. Without a package index, the test is skipped."""
        self.sagemaker.create_training_job(**self.request(hyperparameters, **channels))
        ended = self._until(
            lambda: self.sagemaker.describe_training_job(TrainingJobName=self.name),
            "TrainingJobStatus",
            SECONDS,
        )
        _skip_without_index(ended.get("FailureReason", ""))
        return ended

    def deploy(self, data: str, **environment: str) -> Any:
        """Serve a model; the endpoint's description."""
        name = self.name
        container = {"Image": self.image, "ModelDataUrl": data, "Environment": environment}
        self.sagemaker.create_model(
            ModelName=name, ExecutionRoleArn=ROLE, PrimaryContainer=container
        )
        variant = {"VariantName": "a", "ModelName": name, "InstanceType": "ml.m5.large"}
        self.sagemaker.create_endpoint_config(
            EndpointConfigName=name, ProductionVariants=[{**variant, "InitialInstanceCount": 1}]
        )
        self.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
        made = self._until(
            lambda: self.sagemaker.describe_endpoint(EndpointName=name), "EndpointStatus", SECONDS
        )
        _skip_without_index(made.get("FailureReason", ""))
        return made

    def invoke(self, body: str | bytes, content_type: str, accept: str) -> tuple[str, bytes]:
        """The content type and the body of an answer."""
        runtime = self.emulator.client("sagemaker-runtime")
        answer = runtime.invoke_endpoint(
            EndpointName=self.name, Body=body, ContentType=content_type, Accept=accept
        )
        return answer["ContentType"], answer["Body"].read()

    def log(self) -> str:
        """The training job's log."""
        events = self.emulator.client("logs").filter_log_events(
            logGroupName="/aws/sagemaker/TrainingJobs", logStreamNamePrefix=f"{self.name}/"
        )["events"]
        return "\n".join(event["message"] for event in events)

    def delete(self) -> None:
        """Stop serving."""
        self.sagemaker.delete_endpoint(EndpointName=self.name)


def _skip_without_index(reason: str) -> None:
    if any(text in reason for text in NO_INDEX):
        pytest.skip(f"no package index: {reason[-300:]}")
