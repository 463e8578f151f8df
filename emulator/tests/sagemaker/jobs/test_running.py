"""A stop, or a full disk, between a job's document and its start."""

import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sagemaker_emulator import modules  # noqa: F401 registers the operations
from sagemaker_emulator.aws.dispatch import Context
from sagemaker_emulator.sagemaker.jobs import running
from sagemaker_emulator.storage.store import Store

IMAGES = Path(__file__).parents[2] / "images"
REQUEST: dict[str, Any] = {
    "ProcessingJobName": "j",
    "AppSpecification": {"ImageUri": "plain", "ContainerEntrypoint": ["sleep", "20"]},
    "RoleArn": "arn:aws:iam::123456789012:role/pipeline",
    "ProcessingResources": {
        "ClusterConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1}
    },
}


class Objects:
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def refresh(self, *_: str) -> None:
        return None


@pytest.fixture
def context(tmp_path: Path) -> Iterator[Context]:
    store, url = Store(tmp_path / "emulator.db"), "http://127.0.0.1:9"
    s3: Any = Objects(tmp_path / "s3")
    made = Context(tmp_path, IMAGES, "relocate", url, url, store, s3)
    yield made
    running.close(made)


def test_a_stop_before_the_job_is_registered_is_obeyed(context: Context, monkeypatch) -> None:
    begin = running.Running.begin

    def stop_first(jobs: running.Running, *arguments: Any) -> None:
        context.call("StopProcessingJob", ProcessingJobName="j")
        begin(jobs, *arguments)

    monkeypatch.setattr(running.Running, "begin", stop_first)
    context.call("CreateProcessingJob", **REQUEST)
    deadline, status = time.monotonic() + 10, "Stopping"
    while status == "Stopping" and time.monotonic() < deadline:
        status = context.call("DescribeProcessingJob", ProcessingJobName="j")["ProcessingJobStatus"]
        time.sleep(0.02)
    assert status == "Stopped"


def test_a_job_whose_tags_cannot_be_kept_is_not_there(context: Context, monkeypatch) -> None:
    def no_room(*_: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(Context, "tag", no_room)
    with pytest.raises(sqlite3.OperationalError):
        context.call("CreateProcessingJob", **REQUEST)
    assert context.store.list("processing-job") == []
