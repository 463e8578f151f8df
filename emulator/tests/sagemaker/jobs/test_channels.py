"""Which objects an input has, and which of them each instance gets."""

import json
from pathlib import Path
from typing import Any

import pytest
from local_context import local_context

from sagemaker_emulator.errors import JobFailed
from sagemaker_emulator.sagemaker.jobs import channels
from sagemaker_emulator.sagemaker.jobs.channels import Input
from sagemaker_emulator.sagemaker.jobs.job import Job
from sagemaker_emulator.sagemaker.jobs.kinds import PROCESSING


@pytest.fixture
def job(tmp_path: Path) -> Job:
    """A job of two instances, and a bucket with five objects."""
    context = local_context(tmp_path)
    for key in ("in/a/1", "in/a/2", "in/b/3", "in/4", "other/5"):
        file = tmp_path / "s3/bucket" / key
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(key)
    request = {
        "RoleArn": "arn:role",
        "ProcessingResources": {"ClusterConfig": {"InstanceCount": 2}},
    }
    document: dict[str, Any] = {
        "ProcessingJobName": "job",
        "ProcessingJobArn": "arn:job",
        "Request": request,
    }
    return Job(context, PROCESSING, document, lambda: 1)


def files(job: Job) -> list[list[str]]:
    """What each instance has under /opt/ml/in."""
    folders = [instance.local("in") for instance in job.instances]
    return [
        sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
        for folder in folders
    ]


def manifest(job: Job, content: Any) -> Input:
    text = content if isinstance(content, str) else json.dumps(content)
    (job.s3 / "bucket/list.json").write_text(text)
    return Input("s3://bucket/list.json", "ManifestFile")


def test_manifest_names_the_objects_of_an_input(job: Job) -> None:
    source = manifest(job, [{"prefix": "s3://bucket/in/"}, "b/3", "a/1"])
    channels.download(job, source, "in")
    assert files(job) == [["a/1", "b/3"]] * 2
    assert job.instances[1].local("in/b/3").read_text() == "in/b/3"


def test_objects_of_a_manifest_are_dealt(job: Job) -> None:
    source = manifest(job, [{"prefix": "s3://bucket/"}, "in/b/3", "in/a/1", "other/5"])
    channels.download(job, Input(source.uri, "ManifestFile", sharded=True), "in")
    assert files(job) == [["in/b/3", "other/5"], ["in/a/1"]]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "must be a JSON list that looks like"),
        ([], "must be a JSON list that looks like"),
        ({"prefix": "s3://bucket/"}, "must be a JSON list that looks like"),
        ([{"prefix": "s3://bucket/"}, 1], "must be a JSON list that looks like"),
        ([{"prefix": "s3://bucket/in/"}, "9"], "names s3://bucket/in/9, and there is no such"),
        ([{"prefix": "s3://bucket/in/"}], "No S3 objects found under S3 URL"),
        ([{"prefix": "bucket/in/"}, "9"], "is not an S3 URI"),
        ([{"prefix": "s3://bucket/in/"}, "../../../x"], "s3://bucket/in/../../../x"),
    ],
)
def test_wrong_manifest_is_the_failure(job: Job, content: Any, message: str) -> None:
    with pytest.raises(JobFailed) as failed:
        channels.download(job, manifest(job, content), "in")
    assert message in str(failed.value)


def test_more_instances_than_objects_leave_some_without(job: Job) -> None:
    channels.download(job, Input("s3://bucket/other/", sharded=True), "in")
    assert files(job) == [["5"], []]
    assert job.instances[1].local("in").is_dir()


def test_shuffled_data_are_dealt_anew_in_every_epoch() -> None:
    source, items = Input("s3://bucket/in/", sharded=True, seed=7), list(range(100))
    epochs = [[source.deal(items, number, 2, epoch) for number in (0, 1)] for epoch in (0, 1)]
    assert all(sorted(a + b) == items for a, b in epochs)
    assert epochs[0][0] != epochs[1][0]
    assert set(epochs[0][0]) != set(epochs[1][0])
    assert source.deal(items, 0, 2, 1) == epochs[1][0]  # the seed determines it
