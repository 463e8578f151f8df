"""Outputs and checkpoints that are uploaded while a job runs, and spot interruptions."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from emulator_process import BUCKET, Emulator
from local_context import local_context
from waiting import wait_until

from sagemaker_emulator.sagemaker.jobs import sync
from sagemaker_emulator.sagemaker.jobs.interruption import PATH
from sagemaker_emulator.sagemaker.jobs.job import Job
from sagemaker_emulator.sagemaker.jobs.kinds import PROCESSING
from sagemaker_emulator.sagemaker.jobs.sync import Sync

ROLE = "arn:aws:iam::123456789012:role/service-role/runs-jobs"
# Writes a checkpoint and waits, unless it finds one that an earlier attempt wrote.
SPOT = """
import os, time
root = os.environ.get("OPT_ML", "/opt/ml")
found = sorted(os.listdir(f"{root}/checkpoints"))
print(os.environ["TRAINING_JOB_NAME"], "found", found, flush=True)
open(f"{root}/checkpoints/{len(found)}.pt", "w").write("state")
open(f"{root}/model/attempt", "w").write(str(len(found)))
while not found:
    time.sleep(0.1)
"""


@pytest.fixture
def job(tmp_path: Path) -> Job:
    context = local_context(tmp_path)
    (tmp_path / "s3/bucket").mkdir(parents=True)
    document: dict[str, Any] = {
        "ProcessingJobName": "job",
        "ProcessingJobArn": "arn:job",
        "Request": {"ProcessingResources": {"ClusterConfig": {"InstanceCount": 2}}},
    }
    job = Job(context, PROCESSING, document, lambda: 1)
    for instance in job.instances:
        instance.local("out/deep").mkdir(parents=True)
    return job


def uploaded(job: Job) -> dict[str, str]:
    folder = job.s3 / "bucket"
    return {
        str(path.relative_to(folder)): path.read_text()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_files_that_rest_are_uploaded_and_again_when_they_change(job: Job) -> None:
    one, two = (instance.local("out/deep") / "f" for instance in job.instances)
    (one.with_name("one")).write_text("1")
    (two.with_name("two")).write_text("2")
    sync_ = Sync(job.instances, [("/opt/ml/out", "s3://bucket/o/")])
    sync_.upload()
    assert uploaded(job) == {}  # it may still be written
    sync_.upload()
    assert uploaded(job) == {"o/deep/one": "1", "o/deep/two": "2"}
    one.with_name("one").write_text("changed")
    one.with_name("link").symlink_to("/etc/passwd")
    for _ in range(2):
        sync_.upload()
    assert uploaded(job) == {"o/deep/one": "changed", "o/deep/two": "2"}
    assert one.with_name("one").exists()  # the job keeps what it wrote


def test_file_that_never_rests_is_uploaded(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sync, "LONGEST", 0.0)
    log = job.instances[0].local("out/log")
    log.write_text("a")
    Sync(job.instances, [("out", "s3://bucket/o")]).upload()
    assert uploaded(job) == {"o/log": "a"}


def test_folder_that_leads_out_of_the_job_is_not_uploaded(job: Job, tmp_path: Path) -> None:
    own = tmp_path / "somebody"
    own.mkdir()
    (own / "letter").write_text("mine")
    job.instances[0].local("linked").symlink_to(own)
    sync_ = Sync(job.instances, [("linked", "s3://bucket/o")])
    for _ in range(2):
        sync_.upload()
    assert uploaded(job) == {}


def test_missing_bucket_is_logged_once(job: Job) -> None:
    for name in ("a", "b"):
        job.instances[0].local(f"out/{name}").write_text("1")
    sync_ = Sync(job.instances, [("out", "s3://no-such-bucket/o")])
    for _ in range(3):
        sync_.upload()
    lines = list(job.context.logs.read(PROCESSING.log_group, ""))
    assert len(lines) == 1
    assert "is not uploaded yet: ClientError: Failed to upload" in lines[0]


def test_continuous_output_is_in_s3_while_the_job_runs(
    sagemaker: Any, s3: Any, until: Callable[..., Any], name: str
) -> None:
    script = (
        "import os, time; r = os.environ.get('OPT_ML', '/opt/ml'); "
        "open(f'{r}/processing/o/a', 'w').write('1'); time.sleep(60)"
    )
    target = {
        "S3Uri": f"s3://{BUCKET}/{name}/out",
        "LocalPath": "/opt/ml/processing/o",
        "S3UploadMode": "Continuous",
    }
    resources = {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1}
    sagemaker.create_processing_job(
        ProcessingJobName=name,
        RoleArn=ROLE,
        ProcessingResources={"ClusterConfig": resources},
        AppSpecification={"ImageUri": "plain", "ContainerEntrypoint": ["python3", "-c", script]},
        ProcessingOutputConfig={"Outputs": [{"OutputName": "o", "S3Output": target}]},
    )
    wait_until(lambda: s3.list_objects_v2(Bucket=BUCKET, Prefix=f"{name}/out/a")["KeyCount"] == 1)

    def describe() -> Any:
        return sagemaker.describe_processing_job(ProcessingJobName=name)

    assert describe()["ProcessingJobStatus"] == "InProgress"
    sagemaker.stop_processing_job(ProcessingJobName=name)
    assert until(describe, "ProcessingJobStatus")["ProcessingJobStatus"] == "Stopped"


def spot(name: str, **changes: Any) -> dict[str, Any]:
    source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/{name}/code/"}
    return {
        "TrainingJobName": name,
        "RoleArn": ROLE,
        "AlgorithmSpecification": {
            "TrainingImage": "plain",
            "TrainingInputMode": "File",
            "ContainerEntrypoint": ["python3", "/opt/ml/input/data/code/script"],
        },
        "InputDataConfig": [{"ChannelName": "code", "DataSource": {"S3DataSource": source}}],
        "OutputDataConfig": {"S3OutputPath": f"s3://{BUCKET}/{name}/out"},
        "ResourceConfig": {
            "InstanceType": "ml.m5.large",
            "InstanceCount": 1,
            "VolumeSizeInGB": 1,
        },
        "StoppingCondition": {"MaxRuntimeInSeconds": 60, "MaxWaitTimeInSeconds": 60},
        "EnableManagedSpotTraining": True,
        "CheckpointConfig": {"S3Uri": f"s3://{BUCKET}/{name}/checkpoints"},
        **changes,
    }


def test_interrupted_spot_training_continues_from_its_checkpoints(
    emulator: Emulator, sagemaker: Any, s3: Any, until: Callable[..., Any], name: str
) -> None:
    s3.put_object(Bucket=BUCKET, Key=f"{name}/code/script", Body=SPOT.encode())
    sagemaker.create_training_job(**spot(name))
    checkpoint = f"{name}/checkpoints/0.pt"
    wait_until(lambda: s3.list_objects_v2(Bucket=BUCKET, Prefix=checkpoint)["KeyCount"] == 1)
    assert interrupt(emulator, name)[0] == 200
    ended = until(
        lambda: sagemaker.describe_training_job(TrainingJobName=name), "TrainingJobStatus"
    )
    assert ended["TrainingJobStatus"] == "Completed", ended.get("FailureReason")
    moves = [move["Status"] for move in ended["SecondaryStatusTransitions"]]
    once = ["Starting", "Downloading", "Training"]
    assert moves == [*once, "Interrupted", *once, "Uploading", "Completed"]
    log = emulator.log("/aws/sagemaker/TrainingJobs")
    assert f"{name} found []" in log
    assert f"{name} found ['0.pt']" in log


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {
                "EnableManagedSpotTraining": False,
                "StoppingCondition": {"MaxRuntimeInSeconds": 60},
            },
            "has no spot instances",
        ),
        ({}, "it can be interrupted while Training"),
    ],
    ids=["no spot", "ended"],
)
def test_job_that_cannot_be_interrupted_is_named(
    emulator: Emulator,
    sagemaker: Any,
    s3: Any,
    until: Callable[..., Any],
    name: str,
    changes: Any,
    message: str,
) -> None:
    s3.put_object(Bucket=BUCKET, Key=f"{name}/code/script", Body=b"pass")
    sagemaker.create_training_job(**spot(name, **changes))
    until(lambda: sagemaker.describe_training_job(TrainingJobName=name), "TrainingJobStatus")
    status, body = interrupt(emulator, name)
    assert status == 400
    assert message in body


def test_stop_during_an_interruption_stops_the_job(
    emulator: Emulator, sagemaker: Any, s3: Any, until: Callable[..., Any], name: str
) -> None:
    script = (
        "import signal, sys, time\n"
        "def second(*_): sys.exit(0)\n"
        "def first(*_): signal.signal(signal.SIGTERM, second); print('asked', flush=True)\n"
        "signal.signal(signal.SIGTERM, first)\n"
        f"print('up {name}', flush=True)\n"
        "time.sleep(60)\n"
    )
    s3.put_object(Bucket=BUCKET, Key=f"{name}/code/script", Body=script.encode())
    sagemaker.create_training_job(**spot(name))
    wait_until(lambda: f"up {name}" in emulator.log("/aws/sagemaker/TrainingJobs"))
    assert interrupt(emulator, name)[0] == 200
    sagemaker.stop_training_job(TrainingJobName=name)
    ended = until(
        lambda: sagemaker.describe_training_job(TrainingJobName=name), "TrainingJobStatus"
    )
    assert ended["TrainingJobStatus"] == "Stopped"
    assert "Interrupted" not in [move["Status"] for move in ended["SecondaryStatusTransitions"]]


def interrupt(emulator: Emulator, name: str) -> tuple[int, str]:
    status, _, body = emulator.send(path=PATH.format(name))
    return status, body.decode()


def test_unknown_job_is_named(emulator: Emulator) -> None:
    done = emulator.run("interrupt", "no-such-job")
    assert done.returncode == 1
    assert "there is no training job no-such-job" in done.stderr


def test_checkpoint_of_a_killed_emulator_is_kept(
    own_emulator: Callable[..., Emulator], until: Callable[..., Any], name: str
) -> None:
    server = own_emulator()
    assert server.up().returncode == 0
    s3, sagemaker = server.client("s3"), server.client("sagemaker")
    s3.create_bucket(Bucket=BUCKET)
    s3.put_object(Bucket=BUCKET, Key=f"{name}/code/script", Body=SPOT.encode())
    sagemaker.create_training_job(**spot(name))
    checkpoint = f"{name}/checkpoints/0.pt"
    wait_until(lambda: s3.list_objects_v2(Bucket=BUCKET, Prefix=checkpoint)["KeyCount"] == 1, 60)
    server.kill()
    assert server.up().returncode == 0
    ended = server.client("sagemaker").describe_training_job(TrainingJobName=name)
    assert ended["TrainingJobStatus"] == "Failed"
    body = server.client("s3").get_object(Bucket=BUCKET, Key=checkpoint)["Body"]
    assert body.read() == b"state"
