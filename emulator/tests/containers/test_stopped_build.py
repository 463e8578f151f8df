"""The build of an image's environment ends with whoever needs it, and with the server."""

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from local_context import local_context
from waiting import wait_until

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.sagemaker.jobs.documents import INTERRUPTED

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
ROLE = "arn:aws:iam::123456789012:role/jobs"
# What uv runs to build a package: it writes its number and takes its time.
BACKEND = """
import os, pathlib, time
def build_wheel(*arguments, **settings):
    pathlib.Path({pid!r}).write_text(str(os.getpid()))
    time.sleep(600)
"""


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """A folder with the image `slow`, whose environment takes ten minutes to build."""
    package = tmp_path / "package"
    package.mkdir()
    (package / "backend.py").write_text(BACKEND.format(pid=str(tmp_path / "pid")))
    (package / "pyproject.toml").write_text(
        "[project]\nname = 'slow'\nversion = '1'\n"
        "[build-system]\nrequires = []\nbuild-backend = 'backend'\nbackend-path = ['.']\n"
    )
    (tmp_path / "images/slow").mkdir(parents=True)
    (tmp_path / "images/slow/requirements.txt").write_text(f"slow @ file://{package}\n")
    return tmp_path / "images"


@pytest.fixture
def context(images: Path) -> Iterator[Context]:
    made = local_context(images.parent / "state", images=images)
    made.jobs.start()
    yield made
    made.jobs.stop()


def training(name: str, **stopping: int) -> dict[str, Any]:
    return {
        "TrainingJobName": name,
        "RoleArn": ROLE,
        "AlgorithmSpecification": {"TrainingImage": "slow", "TrainingInputMode": "File"},
        "OutputDataConfig": {"S3OutputPath": "s3://bucket/o"},
        "ResourceConfig": {
            "InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1
        },
        "StoppingCondition": stopping,
    }  # fmt: skip


def processing(name: str, **stopping: int) -> dict[str, Any]:
    cluster = {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1}
    return {
        "ProcessingJobName": name,
        "RoleArn": ROLE,
        "AppSpecification": {"ImageUri": "slow", "ContainerEntrypoint": ["true"]},
        "ProcessingResources": {"ClusterConfig": cluster},
        **({"StoppingCondition": stopping} if stopping else {}),
    }


def building(images: Path) -> int:
    """Wait until the package is being built; the number of the process that does it."""
    file = images.parent / "pid"
    wait_until(lambda: file.exists() and file.read_text() != "", seconds=120)
    return int(file.read_text())


def nothing_is_left(images: Path, pid: int) -> bool:
    folders = [f for f in (images.parent / "state/environments").iterdir() if f.is_dir()]
    return not Path(f"/proc/{pid}").exists() and not folders


def ended(context: Context, kind: str, name: str) -> dict[str, Any]:
    key = f"{kind}Job"

    def describe() -> dict[str, Any]:
        return dict(context.call(f"Describe{key}", **{f"{key}Name": name}))

    wait_until(lambda: describe()[f"{key}Status"] not in ("InProgress", "Stopping"), seconds=60)
    return describe()


def test_stopped_job_ends_its_build(context: Context, images: Path) -> None:
    context.call("CreateProcessingJob", **processing("first"))
    pid = building(images)
    context.call("CreateProcessingJob", **processing("waits"))
    for name in ("waits", "first"):
        context.call("StopProcessingJob", ProcessingJobName=name)
        job = ended(context, "Processing", name)
        assert job["ProcessingJobStatus"] == "Stopped"
        assert "FailureReason" not in job
    assert nothing_is_left(images, pid)


@pytest.mark.parametrize("kind", ["Processing", "Training"])
def test_build_counts_in_the_longest_runtime(context: Context, images: Path, kind: str) -> None:
    request = {"Processing": processing, "Training": training}[kind]("job", MaxRuntimeInSeconds=8)
    began = time.monotonic()
    context.call(f"Create{kind}Job", **request)
    job = ended(context, kind, "job")
    assert time.monotonic() - began >= 8
    assert job[f"{kind}JobStatus"] == "Stopped"
    if kind == "Training":
        assert job["SecondaryStatus"] == "MaxRuntimeExceeded"
    else:
        assert job["ExitMessage"] == "The job ran longer than MaxRuntimeInSeconds (8)."
    assert nothing_is_left(images, building(images))


def test_server_that_goes_down_ends_a_build(context: Context, images: Path) -> None:
    context.call("CreateProcessingJob", **processing("job"))
    pid = building(images)
    began = time.monotonic()
    context.jobs.stop()
    assert time.monotonic() - began < 8  # it does not wait in vain for the job's thread
    assert nothing_is_left(images, pid)


def test_build_does_not_survive_a_killed_server(
    own_emulator: Callable[..., Any], images: Path
) -> None:
    emulator = own_emulator()
    emulator.images = images
    assert emulator.up().returncode == 0
    emulator.client("sagemaker").create_processing_job(**processing("job"))
    pid = building(images)
    emulator.kill()
    wait_until(lambda: not Path(f"/proc/{pid}").exists(), seconds=30)
    assert emulator.up().returncode == 0
    job = emulator.client("sagemaker").describe_processing_job(ProcessingJobName="job")
    assert (job["ProcessingJobStatus"], job["FailureReason"]) == ("Failed", INTERRUPTED)
    assert nothing_is_left(images, pid)
