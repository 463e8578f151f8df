"""No door of the API leads out of a bucket: whatever takes an S3 URI, or a bucket and a key."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from emulator_process import BUCKET, Emulator

ROLE = "arn:aws:iam::123456789012:role/service-role/runs-jobs"
IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/plain:latest"
SECRET = b'{"secret": "kept out of reach"}'
CLUSTER = {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 10}
# Each would lead to a file of the state folder if it were a path.
HOSTILE = [
    "s3://bucket/../../secret.json",
    "s3://../secret.json",
    "s3://bucket/{state}/secret.json",
    "s3://bucket/leads-out/secret.json",
    "s3://[x/secret.json",
]


@pytest.fixture(scope="module", autouse=True)
def _secret(emulator: Emulator) -> Iterator[None]:
    secret, link = emulator.state / "secret.json", emulator.state / "s3" / BUCKET / "leads-out"
    secret.write_bytes(SECRET)
    link.symlink_to(emulator.state)
    yield
    secret.unlink()
    link.unlink()


@pytest.fixture(params=HOSTILE)
def uri(request: pytest.FixtureRequest, emulator: Emulator) -> str:
    return str(request.param).format(state=emulator.state)


def processing(name: str, **changes: Any) -> dict[str, Any]:
    return {
        "ProcessingJobName": name,
        "RoleArn": ROLE,
        "ProcessingResources": {"ClusterConfig": CLUSTER},
        "AppSpecification": {"ImageUri": IMAGE, "ContainerEntrypoint": ["true"]},
        **changes,
    }


def training(name: str, **changes: Any) -> dict[str, Any]:
    return {
        "TrainingJobName": name,
        "RoleArn": ROLE,
        "AlgorithmSpecification": {"TrainingImage": IMAGE, "TrainingInputMode": "File"},
        "OutputDataConfig": {"S3OutputPath": f"s3://{BUCKET}/{name}/out/"},
        "ResourceConfig": CLUSTER,
        "StoppingCondition": {"MaxRuntimeInSeconds": 60},
        **changes,
    }


def reason(create: Callable[[], Any], describe: Callable[[], Any], until: Any, kind: str) -> str:
    """Why a job was refused, or why it failed."""
    try:
        create()
    except ClientError as refused:
        status = refused.response["ResponseMetadata"]["HTTPStatusCode"]
        assert status == 400
        return str(refused)
    ended = until(describe, f"{kind}JobStatus")
    assert ended[f"{kind}JobStatus"] == "Failed"
    return str(ended["FailureReason"])


def test_processing_input(sagemaker: Any, until: Any, name: str, uri: str) -> None:
    source = {
        "S3Uri": uri,
        "LocalPath": "/opt/ml/processing/input/data",
        "S3DataType": "S3Prefix",
        "S3InputMode": "File",
    }
    request = processing(name, ProcessingInputs=[{"InputName": "data", "S3Input": source}])
    assert reason(
        lambda: sagemaker.create_processing_job(**request),
        lambda: sagemaker.describe_processing_job(ProcessingJobName=name),
        until,
        "Processing",
    ).startswith(("ClientError", "An error occurred (ValidationException)"))


@pytest.mark.parametrize("door", ["channel", "checkpoint"])
def test_training_input(sagemaker: Any, until: Any, name: str, uri: str, door: str) -> None:
    if door == "channel":
        source = {"S3DataType": "S3Prefix", "S3Uri": uri}
        channel = {"ChannelName": "train", "DataSource": {"S3DataSource": source}}
        request = training(name, InputDataConfig=[channel])
    else:
        # What a checkpoint's folder does not have is no failure, so the script looks for it.
        look = "! find /opt/ml/checkpoints $OPT_ML/checkpoints -type f | grep secret"
        request = training(name, CheckpointConfig={"S3Uri": uri})
        request["AlgorithmSpecification"]["ContainerEntrypoint"] = ["sh", "-c", f"{look}; exit 1"]
    assert "kept out" not in reason(
        lambda: sagemaker.create_training_job(**request),
        lambda: sagemaker.describe_training_job(TrainingJobName=name),
        until,
        "Training",
    )


@pytest.mark.parametrize("door", ["ModelDataUrl", "ModelDataSource"])
def test_model_data(sagemaker: Any, name: str, uri: str, door: str) -> None:
    source = {"S3Uri": uri, "S3DataType": "S3Object", "CompressionType": "Gzip"}
    value = uri if door == "ModelDataUrl" else {"S3DataSource": source}
    with pytest.raises(ClientError) as refused:
        sagemaker.create_model(
            ModelName=name, ExecutionRoleArn=ROLE, PrimaryContainer={"Image": IMAGE, door: value}
        )
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400


@pytest.mark.parametrize("door", ["input", "output"])
def test_transform(sagemaker: Any, until: Any, name: str, uri: str, door: str) -> None:
    container = {"Image": IMAGE}
    sagemaker.create_model(ModelName=name, ExecutionRoleArn=ROLE, PrimaryContainer=container)
    inside = f"s3://{BUCKET}/{name}"
    source = {"S3DataType": "S3Prefix", "S3Uri": uri if door == "input" else inside}
    request = {
        "TransformJobName": name,
        "ModelName": name,
        "TransformInput": {"DataSource": {"S3DataSource": source}},
        "TransformOutput": {"S3OutputPath": uri if door == "output" else inside},
        "TransformResources": {"InstanceCount": 1, "InstanceType": "ml.m5.large"},
    }
    assert "kept out" not in reason(
        lambda: sagemaker.create_transform_job(**request),
        lambda: sagemaker.describe_transform_job(TransformJobName=name),
        until,
        "Transform",
    )


def split(uri: str) -> tuple[str, str]:
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return bucket, key


def test_definition_of_a_pipeline(emulator: Emulator, name: str, uri: str) -> None:
    bucket, key = split(uri)
    with pytest.raises(ClientError) as refused:
        emulator.client("sagemaker", parameter_validation=False).create_pipeline(
            PipelineName=name,
            RoleArn=ROLE,
            PipelineDefinitionS3Location={"Bucket": bucket, "ObjectKey": key},
            ClientRequestToken=name.ljust(32, "x"),
        )
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert "secret" not in str(refused.value).replace("secret.json", "")


def test_code_of_a_function(emulator: Emulator, name: str, uri: str) -> None:
    bucket, key = split(uri)
    with pytest.raises(ClientError) as refused:
        emulator.client("lambda", parameter_validation=False).create_function(
            FunctionName=name,
            Runtime="python3.11",
            Role=ROLE,
            Handler="main.handler",
            Code={"S3Bucket": bucket, "S3Key": key},
        )
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400


def test_object_of_a_json_get(sagemaker: Any, until: Any, name: str, uri: str) -> None:
    value = {"Std:JsonGet": {"S3Uri": uri, "Path": "secret"}}
    condition = {"Type": "Equals", "LeftValue": value, "RightValue": "x"}
    step = {
        "Name": "Check",
        "Type": "Condition",
        "Arguments": {"Conditions": [condition], "IfSteps": [], "ElseSteps": []},
    }
    definition = json.dumps({"Version": "2020-12-01", "Steps": [step]})
    try:
        sagemaker.create_pipeline(
            PipelineName=name,
            RoleArn=ROLE,
            PipelineDefinition=definition,
            ClientRequestToken=name.ljust(32, "x"),
        )
    except ClientError as refused:
        assert refused.response["Error"]["Code"] == "ValidationException"
        return
    arn = sagemaker.start_pipeline_execution(
        PipelineName=name, ClientRequestToken=name.ljust(32, "x")
    )["PipelineExecutionArn"]

    def described() -> Any:
        status = sagemaker.describe_pipeline_execution(PipelineExecutionArn=arn)
        running = status["PipelineExecutionStatus"] == "Executing"
        return {"status": "InProgress" if running else status["PipelineExecutionStatus"]}

    assert until(described, "status")["status"] == "Failed"
    steps = sagemaker.list_pipeline_execution_steps(PipelineExecutionArn=arn)
    assert "kept out" not in steps["PipelineExecutionSteps"][0]["FailureReason"]


@pytest.mark.parametrize(
    "target", ["s3://bucket/../../escaped", "s3://bucket/{state}/escaped", "s3://bucket/leads-out"]
)
def test_output_of_a_job(
    sagemaker: Any, until: Any, name: str, emulator: Emulator, target: str
) -> None:
    before = sorted(path.name for path in emulator.state.iterdir())
    output = {
        "S3Uri": target.format(state=emulator.state),
        "LocalPath": "/opt/ml/processing/output/o",
        "S3UploadMode": "EndOfJob",
    }
    request = processing(
        name, ProcessingOutputConfig={"Outputs": [{"OutputName": "o", "S3Output": output}]}
    )
    write = "echo x > ${OPT_ML:-/opt/ml}/processing/output/o/" + name
    request["AppSpecification"]["ContainerEntrypoint"] = ["sh", "-c", write]
    sagemaker.create_processing_job(**request)
    ended = until(
        lambda: sagemaker.describe_processing_job(ProcessingJobName=name), "ProcessingJobStatus"
    )
    found = [path for path in emulator.state.rglob(name) if path.is_file()]
    bucket = emulator.state / "s3" / BUCKET
    if "{state}" in target:  # a key that begins with a slash is one like any other
        assert ended["ProcessingJobStatus"] == "Completed", ended.get("FailureReason")
        assert len(found) == 1
        assert found[0].is_relative_to(bucket / ".s3~empty")
    else:
        assert ended["ProcessingJobStatus"] == "Failed"
        assert found == []
    assert sorted(path.name for path in Path(emulator.state).iterdir()) == before
