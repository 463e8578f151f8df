"""Jobs that end while nothing can be written: they get their status when there is room."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from local_context import local_context
from waiting import wait_until

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.sagemaker.endpoints.container_server import ContainerServer
from sagemaker_emulator.sagemaker.endpoints.served_model import ServedContainer
from sagemaker_emulator.storage import disk as storage_disk
from sagemaker_emulator.storage.store import Store

ROLE = "arn:aws:iam::123456789012:role/pipeline"


class FullStore(Store):
    """A store whose disk can be full: what was written fails at its COMMIT."""

    full = False

    @contextmanager
    def transaction(self) -> Iterator[None]:
        with super().transaction():
            yield
            if self.full and self._depth == 1:
                raise sqlite3.OperationalError("database or disk is full")


class Disk:
    def __init__(self, context: Context, store: FullStore) -> None:
        self.context = context
        self.store = store

    def fill(self, full: bool = True) -> None:
        self.store.full = full

    def process(self, name: str, script: str) -> None:
        self.context.call(
            "CreateProcessingJob",
            ProcessingJobName=name,
            RoleArn=ROLE,
            AppSpecification={"ImageUri": "plain", "ContainerEntrypoint": ["sh", "-c", script]},
            ProcessingResources={
                "ClusterConfig": {
                    "InstanceType": "ml.m5.large",
                    "InstanceCount": 1,
                    "VolumeSizeInGB": 1,
                }
            },
        )

    def train(self, name: str, script: str) -> None:
        self.context.call(
            "CreateTrainingJob",
            TrainingJobName=name,
            RoleArn=ROLE,
            AlgorithmSpecification={
                "TrainingImage": "plain",
                "TrainingInputMode": "File",
                "ContainerEntrypoint": ["sh", "-c", script],
            },
            OutputDataConfig={"S3OutputPath": "s3://bucket/o"},
            ResourceConfig={
                "InstanceType": "ml.m5.large",
                "InstanceCount": 1,
                "VolumeSizeInGB": 1,
            },
            StoppingCondition={"MaxRuntimeInSeconds": 60},
        )

    def status(self, kind: str, name: str, seconds: float = 10) -> str:
        key = f"{kind}JobStatus"
        deadline = time.monotonic() + seconds
        while True:
            found: str = self.context.call(f"Describe{kind}Job", **{f"{kind}JobName": name})[key]
            if found not in ("InProgress", "Stopping") or time.monotonic() > deadline:
                return found
            time.sleep(0.02)


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Disk]:
    monkeypatch.setattr(storage_disk, "RETRY_SECONDS", 0.1)
    (tmp_path / "s3" / "bucket").mkdir(parents=True)
    store = FullStore(tmp_path / "emulator.db")
    context = local_context(tmp_path, store)
    yield Disk(context, store)
    context.jobs.stop()


def no_room(*_: object, **__: object) -> None:
    raise OSError(28, "No space left on device")


def test_training_job_that_ends_on_a_full_disk_gets_its_status_later(
    disk: Disk, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    disk.train("t", f"echo begun; until [ -e {tmp_path}/full ]; do sleep 0.02; done")
    logs = disk.context.logs
    wait_until(lambda: "begun" in logs.read("/aws/sagemaker/TrainingJobs", "t/"))
    disk.fill()
    (tmp_path / "full").touch()
    wait_until(lambda: "the end of job t cannot be written" in caplog.text)
    assert disk.status("Training", "t", seconds=0) == "InProgress"
    disk.fill(False)
    assert disk.status("Training", "t") == "Completed"


def test_job_whose_log_cannot_be_written_fails(disk: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk.context.logs, "append", no_room)
    disk.process("p", "echo line; exit 3")
    assert disk.status("Processing", "p") == "Failed"


def test_job_whose_folder_cannot_be_made_fails(disk: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "mkdir", no_room)
    disk.train("t", "true")
    assert disk.status("Training", "t") == "Failed"


def test_model_server_continues_where_its_log_cannot_be_written(tmp_path: Path) -> None:
    server = ContainerServer(local_context(tmp_path), "v", ServedContainer("s"), tmp_path, no_room)
    server._log(["lost"])
    server.client.close()
