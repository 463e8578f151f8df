"""A stop, or a full disk, between a job's document and its start."""

import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from local_context import local_context

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.sagemaker import tags

REQUEST: dict[str, Any] = {
    "ProcessingJobName": "j",
    "AppSpecification": {"ImageUri": "plain", "ContainerEntrypoint": ["sleep", "20"]},
    "RoleArn": "arn:aws:iam::123456789012:role/pipeline",
    "ProcessingResources": {
        "ClusterConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1}
    },
}


@pytest.fixture
def context(tmp_path: Path) -> Iterator[Context]:
    made = local_context(tmp_path)
    yield made
    made.jobs.stop()


def test_a_stop_before_the_job_is_registered_is_obeyed(context: Context, monkeypatch) -> None:
    begin = context.jobs.begin

    def stop_first(*arguments: Any) -> None:
        context.call("StopProcessingJob", ProcessingJobName="j")
        begin(*arguments)

    monkeypatch.setattr(context.jobs, "begin", stop_first)
    context.call("CreateProcessingJob", **REQUEST)
    deadline, status = time.monotonic() + 10, "Stopping"
    while status == "Stopping" and time.monotonic() < deadline:
        status = context.call("DescribeProcessingJob", ProcessingJobName="j")["ProcessingJobStatus"]
        time.sleep(0.02)
    assert status == "Stopped"


def test_a_job_whose_tags_cannot_be_kept_is_not_there(context: Context, monkeypatch) -> None:
    def no_room(*_: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(tags, "add", no_room)
    with pytest.raises(sqlite3.OperationalError):
        context.call("CreateProcessingJob", **REQUEST)
    assert context.store.list("processing-job") == []
