"""One transform job against a real server process that does what each object's text says."""

import json
from collections.abc import Callable
from typing import Any

from emulator_process import Emulator

BUCKET = "bucket"
ROLE = "arn:aws:iam::123456789012:role/service-role/runs-jobs"
IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/batch:latest"
GROUP = "/aws/sagemaker/TransformJobs"


class Batch:
    """Makes the model, the input and the request of one job, and runs it."""

    def __init__(self, emulator: Emulator, until: Callable[..., Any], name: str) -> None:
        self.sagemaker = emulator.client("sagemaker")
        self.s3 = emulator.client("s3")
        self.until, self.name = until, name

    def model(self, **environment: str) -> None:
        self.sagemaker.create_model(
            ModelName=self.name,
            ExecutionRoleArn=ROLE,
            PrimaryContainer={"Image": IMAGE, "Environment": environment},
        )

    def put(self, **objects: str) -> None:
        for key, text in objects.items():
            key = key.replace("__", "/")
            self.s3.put_object(Bucket=BUCKET, Key=f"{self.name}/in/{key}", Body=text.encode())

    def request(self, **changes: Any) -> dict[str, Any]:
        source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/{self.name}/in/"}
        return {
            "TransformJobName": self.name,
            "ModelName": self.name,
            "TransformInput": {"DataSource": {"S3DataSource": source}, "ContentType": "text/plain"},
            "TransformOutput": {
                "S3OutputPath": f"s3://{BUCKET}/{self.name}/out",
                "Accept": "application/json",
            },
            "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
            **changes,
        }

    def create(self, **changes: Any) -> None:
        self.sagemaker.create_transform_job(**self.request(**changes))

    def describe(self) -> Any:
        return self.sagemaker.describe_transform_job(TransformJobName=self.name)

    def run(self, **changes: Any) -> Any:
        self.create(**changes)
        return self.until(self.describe, "TransformJobStatus")

    def outputs(self) -> dict[str, dict[str, Any]]:
        prefix = f"{self.name}/out/"
        found = self.s3.list_objects_v2(Bucket=BUCKET, Prefix=prefix).get("Contents", [])
        return {
            entry["Key"].removeprefix(prefix): json.load(
                self.s3.get_object(Bucket=BUCKET, Key=entry["Key"])["Body"]
            )
            for entry in found
        }


def data_log(emulator: Emulator, name: str) -> str:
    events = emulator.client("logs").filter_log_events(
        logGroupName=GROUP, logStreamNamePrefix=f"{name}/"
    )["events"]
    return "\n".join(e["message"] for e in events if e["logStreamName"].endswith("/data-log"))
