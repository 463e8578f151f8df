"""Processing jobs on the server."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError
from emulator_process import BUCKET, Emulator

ROLE = "arn:aws:iam::123456789012:role/service-role/runs-jobs"
CLUSTER = {
    "ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 10}
}


def processing(name: str, script: str, image: str = "plain", **changes: Any) -> dict[str, Any]:
    return {
        "ProcessingJobName": name,
        "RoleArn": ROLE,
        "ProcessingResources": CLUSTER,
        "AppSpecification": {
            "ImageUri": f"123456789012.dkr.ecr.us-east-1.amazonaws.com/{image}:latest",
            "ContainerEntrypoint": ["python3", "-c", script],
            "ContainerArguments": ["--x", "1"],
        },
        **changes,
    }


def processing_input(
    prefix: str, local: str = "/opt/ml/processing/input/data", **changes: Any
) -> dict[str, Any]:
    s3 = {
        "S3Uri": f"s3://{BUCKET}/{prefix}",
        "LocalPath": local,
        "S3DataType": "S3Prefix",
        "S3InputMode": "File",
        **changes,
    }
    return {"InputName": "data", "S3Input": s3}


def wanted(prefix: str) -> dict[str, Any]:
    s3 = {
        "S3Uri": f"s3://{BUCKET}/{prefix}",
        "LocalPath": "/opt/ml/processing/output/o",
        "S3UploadMode": "EndOfJob",
    }
    return {"Outputs": [{"OutputName": "o", "S3Output": s3}]}


@pytest.fixture
def processed(sagemaker: Any, until: Callable[..., Any]) -> Any:
    def run(request: dict[str, Any]) -> Any:
        sagemaker.create_processing_job(**request)
        name = request["ProcessingJobName"]
        return until(
            lambda: sagemaker.describe_processing_job(ProcessingJobName=name),
            "ProcessingJobStatus",
        )

    return run


def test_processing_reads_inputs_and_writes_outputs(
    s3: Any, processed: Any, name: str, emulator: Emulator
) -> None:
    s3.put_object(Bucket=BUCKET, Key=f"{name}/in/a/1.txt", Body=b"one")
    script = (
        "import json, os, sys\n"
        "root = os.environ.get('OPT_ML', '/opt/ml')\n"  # the variable, where nothing can be mounted
        "ml = f'{root}/processing'\n"
        "config = json.load(open(f'{root}/config/processingjobconfig.json'))\n"
        "resources = json.load(open(f'{root}/config/resourceconfig.json'))\n"
        "text = open(f'{ml}/input/data/a/1.txt').read()\n"
        "open(f'{ml}/input/data/a/1.txt', 'w').write('changed')\n"
        "os.makedirs(f'{ml}/output/o/deep')\n"
        "json.dump([text, sys.argv[1:], config['ProcessingJobArn'], resources['hosts'],\n"
        "           os.environ['MINE'], os.environ['PROCESSING_JOB_NAME']],\n"
        "          open(f'{ml}/output/o/deep/told.json', 'w'))\n"
        "open(f'{root}/output/message', 'w').write('all well')\n"
        "print('to the log')\n"
    )
    s3.put_object(Bucket=BUCKET, Key=f"{name}/in/script.py", Body=script.encode())
    ended = processed(
        processing(
            name,
            "",
            AppSpecification={
                "ImageUri": "plain",
                "ContainerEntrypoint": ["python", "/opt/ml/processing/input/data/script.py"],
                "ContainerArguments": ["--x", "1"],
            },
            ProcessingInputs=[processing_input(f"{name}/in/")],
            ProcessingOutputConfig=wanted(f"{name}/out"),
            Environment={"MINE": "1"},
            Tags=[{"Key": "team", "Value": "bins"}],
        )
    )
    assert ended["ProcessingJobStatus"] == "Completed", ended.get("FailureReason")
    assert ended["ExitMessage"] == "all well"
    assert ended["ProcessingEndTime"] >= ended["ProcessingStartTime"]
    told = json.load(s3.get_object(Bucket=BUCKET, Key=f"{name}/out/deep/told.json")["Body"])
    arn = f"arn:aws:sagemaker:us-east-1:123456789012:processing-job/{name}"
    assert told == ["one", ["--x", "1"], arn, ["algo-1"], "1", name]
    assert s3.get_object(Bucket=BUCKET, Key=f"{name}/in/a/1.txt")["Body"].read() == b"one"
    assert "to the log" in emulator.log("/aws/sagemaker/ProcessingJobs")
    assert not (emulator.state / "jobs" / f"processing-job-{name}" / "ml").exists()


@pytest.mark.parametrize(("mode", "kept"), [("EndOfJob", False), ("Continuous", True)])
def test_a_failed_job_leaves_only_what_is_uploaded_while_it_runs(
    s3: Any, processed: Any, name: str, mode: Any, kept: Any
) -> None:
    output = wanted(f"{name}/out")
    output["Outputs"][0]["S3Output"]["S3UploadMode"] = mode
    script = (
        "import os\nroot = os.environ.get('OPT_ML', '/opt/ml')\n"
        "open(f'{root}/processing/output/o/half', 'w').write('x')\nraise SystemExit(1)"
    )
    ended = processed(processing(name, script, ProcessingOutputConfig=output))
    assert ended["ProcessingJobStatus"] == "Failed"
    found = s3.list_objects_v2(Bucket=BUCKET, Prefix=f"{name}/out/").get("Contents", [])
    assert [item["Key"] for item in found] == [f"{name}/out/half"] * kept


def test_a_failing_script_shows_its_code_and_last_lines(processed: Any, name: str) -> None:
    ended = processed(processing(name, "print('before')\nraise ValueError('broken here')"))
    assert ended["ProcessingJobStatus"] == "Failed"
    assert ended["FailureReason"].startswith("AlgorithmError: ")
    assert ended["FailureReason"].endswith(", exit code: 1")
    assert "ValueError: broken here" in ended["FailureReason"]
    assert "broken here" in ended["ExitMessage"]


def test_a_killed_script_is_told_that_memory_may_have_run_out(processed: Any, name: str) -> None:
    killed = "import os\nprint('before', flush=True)\nos.kill(os.getpid(), 9)"
    reason = processed(processing(name, killed))["FailureReason"]
    assert "before" in reason and "memory runs out" in reason
    assert reason.endswith(", exit code: 137")


@pytest.mark.parametrize(
    "asked",
    [{"ContainerArguments": ["a", "b"]}, {"ContainerEntrypoint": ["echo", "mine"]}],
)
def test_entry_point_of_the_image_is_used_where_none_is_named(
    emulator: Emulator, processed: Any, name: str, asked: Any
) -> None:
    ended = processed(
        processing(name, "pass", AppSpecification={"ImageUri": "with-entrypoint", **asked})
    )
    assert ended["ProcessingJobStatus"] == "Completed"
    log = emulator.log("ProcessingJobs")
    assert "mine" in log if "ContainerEntrypoint" in asked else f"{name}: red a b" in log


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        pytest.param(
            {"ProcessingInputs": [processing_input("nothing/here/")]},
            'No S3 objects found under S3 URL "s3://bucket/nothing/here/"',
            id="empty input",
        ),
        pytest.param(
            {"AppSpecification": {"ImageUri": "missing", "ContainerEntrypoint": ["true"]}},
            "no folder .*/missing.*plain",
            id="unknown image",
        ),
        pytest.param(
            {"AppSpecification": {"ImageUri": "plain", "ContainerEntrypoint": ["nothing"]}},
            "executable file not found.*exit code: 127",
            id="unknown program",
        ),
        pytest.param(
            {"AppSpecification": {"ImageUri": "plain"}}, "ContainerEntrypoint", id="no entry point"
        ),
    ],
)
def test_processing_that_cannot_run_has_the_reason(
    processed: Any, name: str, changes: Any, message: str
) -> None:
    ended = processed(processing(name, "pass", **changes))
    assert ended["ProcessingJobStatus"] == "Failed"
    with pytest.raises(RuntimeError, match=f"(?s){message}"):
        raise RuntimeError(ended["FailureReason"])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"ProcessingInputs": [processing_input("x", local="/tmp/x")]},
            "LocalPath must begin with /opt/ml",
        ),
        (
            {"ProcessingInputs": [processing_input("x", S3CompressionType="Gzip")]},
            "decompress in the job",
        ),
        ({"ProcessingInputs": [processing_input("x", S3InputMode="Pipe")]}, "S3InputMode"),
        (
            {
                "ProcessingResources": {
                    "ClusterConfig": CLUSTER["ClusterConfig"] | {"InstanceCount": 21}
                }
            },
            "ResourceLimitExceeded.*at most 20",
        ),
        (
            {
                "AppSpecification": {
                    "ImageUri": "plain",
                    "ContainerEntrypoint": ["true"],
                    "ContainerArguments": ["--list", ""],
                }
            },
            r"ContainerArguments\[1\] is empty",
        ),
        (
            {"AppSpecification": {"ImageUri": "plain", "ContainerEntrypoint": [""]}},
            r"ContainerEntrypoint\[0\] is empty",
        ),
    ],
    ids=[
        "local path",
        "compressed",
        "pipe",
        "too many instances",
        "empty argument",
        "empty entry point",
    ],
)
def test_processing_that_is_not_supported_is_refused(
    sagemaker: Any, name: str, changes: Any, message: str
) -> None:
    with pytest.raises(ClientError, match=message):
        sagemaker.create_processing_job(**processing(name, "pass", **changes))


def test_job_names_are_unique_and_unknown_jobs_are_refused(
    sagemaker: Any, processed: Any, name: str
) -> None:
    processed(processing(name, "pass"))
    with pytest.raises(ClientError, match=r"ResourceInUse.*already exists"):
        sagemaker.create_processing_job(**processing(name, "pass"))
    with pytest.raises(ClientError, match=r"ValidationException.*Could not find .* no-such-job"):
        sagemaker.describe_processing_job(ProcessingJobName="no-such-job")
    with pytest.raises(ClientError, match=r"ValidationException.*Requested resource not found"):
        sagemaker.describe_training_job(TrainingJobName="no-such-job")
    with pytest.raises(ClientError, match="is in status Completed"):
        sagemaker.stop_processing_job(ProcessingJobName=name)
    found = sagemaker.list_processing_jobs(NameContains=name, StatusEquals="Completed")
    assert [job["ProcessingJobName"] for job in found["ProcessingJobSummaries"]] == [name]
    sagemaker.delete_processing_job(ProcessingJobName=name)
    with pytest.raises(ClientError, match="Could not find requested job"):
        sagemaker.describe_processing_job(ProcessingJobName=name)


def test_processing_is_stopped(
    sagemaker: Any, until: Callable[..., Any], emulator: Emulator, name: str
) -> None:
    sagemaker.create_processing_job(**processing(name, "import time; time.sleep(60)"))
    sagemaker.stop_processing_job(ProcessingJobName=name)
    ended = until(
        lambda: sagemaker.describe_processing_job(ProcessingJobName=name), "ProcessingJobStatus"
    )
    assert ended["ProcessingJobStatus"] == "Stopped"


def test_processing_has_a_time_limit(processed: Any, name: str) -> None:
    request = processing(name, "import time; time.sleep(60)")
    ended = processed(request | {"StoppingCondition": {"MaxRuntimeInSeconds": 1}})
    assert ended["ProcessingJobStatus"] == "Stopped"
    assert "MaxRuntimeInSeconds (1)" in ended["ExitMessage"]


def test_processing_gets_the_tracking_store(processed: Any, emulator: Emulator, name: str) -> None:
    variables = ("MLFLOW_TRACKING_URI", "_MLFLOW_SERVER_ARTIFACT_ROOT")
    script = f"import os\nprint(*map(os.environ.get, {variables}))"
    ended = processed(processing(name, script))
    assert ended["ProcessingJobStatus"] == "Completed", ended.get("FailureReason")
    stored = f"sqlite:///{emulator.state}/mlflow.db file://{emulator.state}/mlruns"
    assert stored in emulator.log("/aws/sagemaker/ProcessingJobs")
