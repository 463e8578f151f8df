"""Training jobs on the server."""

import io
import json
import tarfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from emulator_process import BUCKET, Emulator

ROLE = "arn:aws:iam::123456789012:role/service-role/runs-jobs"


def training(name: str, do: str = "train", image: str = "plain", **changes: Any) -> dict[str, Any]:
    return {
        "TrainingJobName": name,
        "RoleArn": ROLE,
        "AlgorithmSpecification": {
            "TrainingImage": f"123456789012.dkr.ecr.us-east-1.amazonaws.com/{image}:latest",
            "TrainingInputMode": "File",
            "MetricDefinitions": [{"Name": "accuracy", "Regex": "accuracy=([0-9.]+)"}],
        },
        "HyperParameters": {"do": do, "word": name},
        "OutputDataConfig": {"S3OutputPath": f"s3://{BUCKET}/{name}/out/"},
        "ResourceConfig": {
            "InstanceType": "ml.m5.large",
            "InstanceCount": 1,
            "VolumeSizeInGB": 10,
        },
        "StoppingCondition": {"MaxRuntimeInSeconds": 60},
        **changes,
    }


def channel(name: str, prefix: str) -> dict[str, Any]:
    source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/{prefix}"}
    return {
        "ChannelName": name,
        "ContentType": "image/jpeg",
        "DataSource": {"S3DataSource": source},
    }


@pytest.fixture
def trained(sagemaker: Any, until: Callable[..., Any]) -> Any:
    def run(request: dict[str, Any]) -> Any:
        sagemaker.create_training_job(**request)
        name = request["TrainingJobName"]
        return until(
            lambda: sagemaker.describe_training_job(TrainingJobName=name), "TrainingJobStatus"
        )

    return run


def members(s3: Any, uri: str) -> dict[str, bytes]:
    bucket, key = uri.removeprefix("s3://").split("/", 1)
    body = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    with tarfile.open(fileobj=io.BytesIO(body)) as opened:
        files = {m.name: opened.extractfile(m) for m in opened if m.isfile()}
        return {name: file.read() for name, file in files.items() if file}


def test_unknown_image_is_refused_before_a_job_is_created(sagemaker: Any, name: str) -> None:
    with pytest.raises(ClientError, match=r"(?s)Cannot find the requested image: .*/nothing/bin"):
        sagemaker.create_training_job(**training(name, image="nothing"))
    with pytest.raises(ClientError, match="not found: there is no training job"):
        sagemaker.describe_training_job(TrainingJobName=name)


@pytest.mark.parametrize("image", ["plain", "warm"])
def test_training_keeps_the_container_contract(
    s3: Any, trained: Any, name: str, image: Any
) -> None:
    s3.put_object(Bucket=BUCKET, Key=f"{name}/train/1/a.jpg", Body=b"a")
    s3.put_object(Bucket=BUCKET, Key=f"{name}/checkpoints/0.pt", Body=b"0")
    ended = trained(
        training(
            name,
            image=image,
            InputDataConfig=[channel("train", f"{name}/train/")],
            CheckpointConfig={"S3Uri": f"s3://{BUCKET}/{name}/checkpoints/"},
            DebugHookConfig={
                "S3OutputPath": f"s3://{BUCKET}/{name}/debug",
                "CollectionConfigurations": [{"CollectionName": "losses"}],
            },
            Environment={"MINE": "1"},
        )
    )
    assert ended["TrainingJobStatus"] == ended["SecondaryStatus"] == "Completed", ended
    moves = [transition["Status"] for transition in ended["SecondaryStatusTransitions"]]
    assert moves == ["Starting", "Downloading", "Training", "Uploading", "Completed"]
    assert all("EndTime" in transition for transition in ended["SecondaryStatusTransitions"])
    (metric,) = ended["FinalMetricDataList"]
    assert (metric["MetricName"], metric["Value"]) == ("accuracy", pytest.approx(0.2))
    artifacts = ended["ModelArtifacts"]["S3ModelArtifacts"]
    assert artifacts == f"s3://{BUCKET}/{name}/out/{name}/output/model.tar.gz"
    assert members(s3, artifacts) == {"word.txt": name.encode()}
    output = members(s3, artifacts.replace("model.tar", "output.tar"))
    told = json.loads(output["told.json"])
    assert told["inputs"] == ["train/1/a.jpg"]
    assert told["checkpoints"] == ["0.pt"]
    assert told["hyperparameters"] == {"do": "train", "word": name}
    assert told["inputdataconfig"]["train"]["TrainingInputMode"] == "File"
    assert told["resourceconfig"]["hosts"] == ["algo-1"]
    assert told["environment"]["MINE"] == "1"
    defaults = json.loads(Path(told["environment"]["SAGEMAKER_ADMIN_CONFIG_OVERRIDE"]).read_text())
    session = defaults["SageMaker"]["PythonSDK"]["Modules"]["Session"]
    assert session["DefaultS3Bucket"] == "sagemaker-us-east-1-123456789012"
    assert told["environment"]["TRAINING_JOB_NAME"] == name
    keys = [o["Key"] for o in s3.list_objects_v2(Bucket=BUCKET, Prefix=name)["Contents"]]
    assert f"{name}/checkpoints/1.pt" in keys
    assert f"{name}/debug/{name}/debug-output/events/0" in keys
    assert ended["BillableTimeInSeconds"] == ended["TrainingTimeInSeconds"]


def test_checkpoints_have_a_folder_only_where_they_are_kept(
    s3: Any, trained: Any, name: str
) -> None:
    ended = trained(training(name))
    artifacts = ended["ModelArtifacts"]["S3ModelArtifacts"]
    output = members(s3, artifacts.replace("model.tar", "output.tar"))
    assert json.loads(output["told.json"])["checkpoints"] is None


@pytest.mark.parametrize(
    ("own", "expected"),
    [
        ({}, ("sqlite:///{state}/mlflow.db", "file://{state}/mlruns")),
        ({"MLFLOW_TRACKING_URI": "http://mine"}, ("http://mine", None)),
    ],
    ids=["the-emulator's", "the-job's-own"],
)
def test_training_gets_the_tracking_uri(
    s3: Any, trained: Any, emulator: Emulator, name: str, own: Any, expected: Any
) -> None:
    ended = trained(training(name, Environment=own))
    artifacts = ended["ModelArtifacts"]["S3ModelArtifacts"]
    told = json.loads(members(s3, artifacts.replace("model.tar", "output.tar"))["told.json"])
    names = ("MLFLOW_TRACKING_URI", "_MLFLOW_SERVER_ARTIFACT_ROOT")
    found = tuple(told["environment"].get(name) for name in names)
    assert found == tuple(text and text.format(state=emulator.state) for text in expected)
    status = json.loads(emulator.run("status", "--json").stdout)
    assert status["tracking_uri"] == f"sqlite:///{emulator.state}/mlflow.db"


def test_failed_training_has_the_message_that_it_left(trained: Any, name: str) -> None:
    ended = trained(training(name, "fail"))
    assert ended["TrainingJobStatus"] == ended["SecondaryStatus"] == "Failed"
    assert ended["FailureReason"] == "AlgorithmError: the loss is not a number, exit code: 4"
    assert "ModelArtifacts" not in ended


def test_training_that_is_stopped_keeps_its_model(
    s3: Any, sagemaker: Any, until: Callable[..., Any], emulator: Emulator, name: str
) -> None:
    sagemaker.create_training_job(**training(name, "wait"))

    def describe() -> Any:
        return sagemaker.describe_training_job(TrainingJobName=name)

    deadline = time.monotonic() + 10
    while "doing wait" not in _stream(emulator, name) and time.monotonic() < deadline:
        time.sleep(0.02)
    time.sleep(0.1)
    sagemaker.stop_training_job(TrainingJobName=name)
    ended = until(describe, "TrainingJobStatus")
    assert ended["TrainingJobStatus"] == ended["SecondaryStatus"] == "Stopped"
    assert "partial" in members(s3, ended["ModelArtifacts"]["S3ModelArtifacts"])


def _stream(emulator: Emulator, name: str) -> str:
    files = (emulator.state / "logs").rglob(f"*{name}*")
    return "\n".join(file.read_text() for file in files)


def test_training_has_a_time_limit(trained: Any, name: str) -> None:
    ended = trained(training(name, "wait") | {"StoppingCondition": {"MaxRuntimeInSeconds": 1}})
    assert ended["TrainingJobStatus"] == "Stopped"
    assert ended["SecondaryStatus"] == "MaxRuntimeExceeded"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {
                "DebugRuleConfigurations": [
                    {"RuleConfigurationName": "r", "RuleEvaluatorImage": "sagemaker-debugger-rules"}
                ]
            },
            "runs no rule evaluators",
        ),
        (
            {
                "ResourceConfig": {
                    "InstanceType": "ml.m5.large",
                    "InstanceCount": 21,
                    "VolumeSizeInGB": 1,
                }
            },
            "ResourceLimitExceeded.*at most 20",
        ),
        (
            {
                "AlgorithmSpecification": {
                    "TrainingImage": "plain",
                    "TrainingInputMode": "File",
                    "MetricDefinitions": [{"Name": "m", "Regex": "(["}],
                }
            },
            "regular expression",
        ),
        (
            {
                "InputDataConfig": [
                    {
                        "ChannelName": "train",
                        "DataSource": {
                            "S3DataSource": {
                                "S3DataType": "Converse",
                                "S3Uri": "s3://bucket/x",
                            }
                        },
                    }
                ]
            },
            "Converse is not supported by the emulator; S3Prefix",
        ),
        (
            {"EnableManagedSpotTraining": True, "StoppingCondition": {"MaxRuntimeInSeconds": 60}},
            "MaxWaitTimeInSeconds.*greater than or equal to MaxRuntimeInSeconds, which is 60",
        ),
        (
            {"StoppingCondition": {"MaxRuntimeInSeconds": 60, "MaxWaitTimeInSeconds": 60}},
            "needs EnableManagedSpotTraining",
        ),
    ],
    ids=["rules", "too many instances", "regex", "manifest", "spot", "not spot"],
)
def test_training_that_is_not_supported_is_refused(
    sagemaker: Any, name: str, changes: Any, message: str
) -> None:
    with pytest.raises(ClientError, match=message):
        sagemaker.create_training_job(**training(name, **changes))


def test_jobs_that_ran_when_the_emulator_was_killed_are_failed(
    emulator: Emulator, sagemaker: Any, name: str
) -> None:
    sagemaker.create_training_job(**training(name, "wait"))
    emulator.kill()
    assert emulator.up().returncode == 0
    ended = emulator.client("sagemaker").describe_training_job(TrainingJobName=name)
    assert ended["TrainingJobStatus"] == "Failed"
    assert ended["FailureReason"].startswith("InternalServerError: the emulator stopped")
