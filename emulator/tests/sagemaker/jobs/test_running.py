"""The jobs that run in a server: stopped before they start, read for their metrics."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from local_context import local_context
from waiting import wait_until

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.sagemaker import tags
from sagemaker_emulator.sagemaker.experiments import job_components
from sagemaker_emulator.sagemaker.jobs import documents
from sagemaker_emulator.sagemaker.jobs.kinds import PROCESSING

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


def test_stop_between_the_document_and_the_start_stops_the_job(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin = context.jobs.begin

    def stop_first(*arguments: Any) -> None:
        context.call("StopProcessingJob", ProcessingJobName="j")
        begin(*arguments)

    monkeypatch.setattr(context.jobs, "begin", stop_first)
    context.call("CreateProcessingJob", **REQUEST)

    def status() -> str:
        job = context.call("DescribeProcessingJob", ProcessingJobName="j")
        return str(job["ProcessingJobStatus"])

    wait_until(lambda: status() != "Stopping")
    assert status() == "Stopped"


def test_job_whose_tags_cannot_be_written_is_not_created(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_room(*_: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(tags, "add", no_room)
    with pytest.raises(sqlite3.OperationalError):
        context.call("CreateProcessingJob", **REQUEST)
    assert context.store.list("processing-job") == []


def test_an_interrupted_job_and_its_component_end_at_once(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(context.jobs, "begin", lambda *_: None)
    context.call("CreateProcessingJob", **REQUEST)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(job_components, "end", killed)
        documents.fail_interrupted(context, PROCESSING)
    documents.fail_interrupted(context, PROCESSING)
    job = context.call("DescribeProcessingJob", ProcessingJobName="j")
    assert job["ProcessingJobStatus"] == "Failed"
    name = {"TrialComponentName": "j-aws-processing-job"}
    assert context.call("DescribeTrialComponent", **name)["Status"]["PrimaryStatus"] == "Failed"


def test_metric_history_of_an_ended_job_is_read_from_its_log(context: Context) -> None:
    definitions = [{"Name": "loss", "Regex": r"loss=(\S+)"}, {"Name": "loss", "Regex": r"(9)"}]
    document = {"AlgorithmSpecification": {"MetricDefinitions": definitions}}
    for name in ("j", "j2"):
        context.store.put("training-job", name, document)
    context.logs.append("/aws/sagemaker/TrainingJobs", "j/algo-1-1", ["loss=2", "x", "loss=0.5"])
    context.logs.append("/aws/sagemaker/TrainingJobs", "j2/algo-1-1", ["loss=9"])
    assert context.jobs.metric_history("j", "loss") == [2.0, 0.5]
    assert context.jobs.metric_history("j", "accuracy") == []
    assert context.jobs.metric_history("deleted", "loss") == []
