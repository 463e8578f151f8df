"""What a script may leave in its output folders beside files."""

import os
import shutil
import socket
import tarfile
from pathlib import Path
from typing import Any

import pytest
from local_context import local_context

from sagemaker_emulator.errors import JobFailed
from sagemaker_emulator.sagemaker.jobs import output
from sagemaker_emulator.sagemaker.jobs.instance import Instance, read_message
from sagemaker_emulator.sagemaker.jobs.job import Job
from sagemaker_emulator.sagemaker.jobs.kinds import PROCESSING


def running(folder: Path, count: int) -> Job:
    """A job of so many instances."""
    context = local_context(folder)
    (folder / "s3/bucket").mkdir(parents=True)
    resources = {"ClusterConfig": {"InstanceCount": count, "InstanceType": "ml.m5.large"}}
    document: dict[str, Any] = {
        "ProcessingJobName": "job",
        "ProcessingJobArn": "arn:job",
        "Request": {"ProcessingResources": resources},
    }
    return Job(context, PROCESSING, document, lambda: 1)


@pytest.fixture
def job(tmp_path: Path) -> Instance:
    (job,) = running(tmp_path, 1).instances
    (job.ml / "out/below").mkdir(parents=True)
    (job.ml / "out/below/file").write_text("1")
    return job


def lines(job: Instance) -> list[str]:
    folder = job.folder.parents[1]
    return list(local_context(folder).logs.read(PROCESSING.log_group, ""))


def uploaded(job: Instance) -> list[str]:
    return sorted(str(p.relative_to(job.s3)) for p in job.s3.rglob("*") if p.is_file())


def test_fifo_socket_and_device_are_left_out_and_logged(job: Instance) -> None:
    os.mkfifo(job.ml / "out/below/fifo")
    (job.ml / "out/device").symlink_to("/dev/zero")
    here = Path.cwd()
    os.chdir(job.ml / "out")  # the path of a socket is short
    try:
        with socket.socket(socket.AF_UNIX) as server:
            server.bind("socket")
    finally:
        os.chdir(here)
    output.upload([job], "/opt/ml/out", "s3://bucket/o")
    assert uploaded(job) == ["bucket/o/below/file"]
    assert sorted(lines(job)) == [
        f"out/{name} is no file and is not uploaded." for name in ("below/fifo", "device", "socket")
    ]
    output.upload_archive([job], "/opt/ml/out", "model.tar.gz", "s3://bucket/m")
    with tarfile.open(job.s3 / "bucket/m/model.tar.gz") as opened:
        assert opened.getnames() == ["below"]


def test_files_outside_the_job_are_copied_not_moved(job: Instance, tmp_path: Path) -> None:
    own = tmp_path / "somebody"
    own.mkdir()
    (own / "letter").write_text("mine")
    os.mkfifo(own / "fifo")
    shutil.rmtree(job.ml / "out")
    (job.ml / "out").symlink_to(own)
    output.upload([job], "/opt/ml/out", "s3://bucket/o")
    assert uploaded(job) == ["bucket/o/letter"]
    assert (own / "letter").read_text() == "mine"
    assert (own / "fifo").is_fifo()


def test_file_that_its_script_made_unreadable_is_uploaded_and_readable(job: Instance) -> None:
    (job.ml / "out/below/file").chmod(0)
    (job.ml / "out/below").chmod(0)
    output.upload([job], "/opt/ml/out", "s3://bucket/o")
    assert uploaded(job) == ["bucket/o/below/file"]
    assert (job.s3 / "bucket/o/below/file").stat().st_mode & 0o400


def test_folder_that_a_script_replaced_is_the_failure(job: Instance) -> None:
    shutil.rmtree(job.ml / "out")
    (job.ml / "out").write_text("a file")
    with pytest.raises(JobFailed, match="/opt/ml/out cannot be uploaded: it is no folder any more"):
        output.upload([job], "/opt/ml/out", "s3://bucket/o")


def test_message_that_is_a_fifo_is_no_message(job: Instance) -> None:
    os.mkfifo(job.ml / "out/message")
    assert read_message(job.ml / "out/message") == ""


def test_files_of_other_instances_go_through_no_link_out_of_the_job(tmp_path: Path) -> None:
    own = tmp_path / "somebody"
    own.mkdir()
    first, second = running(tmp_path / "state", 2).instances
    (first.ml / "model").mkdir(parents=True)
    (first.ml / "model/part").symlink_to(own)
    (second.ml / "model/part/below").mkdir(parents=True)
    (second.ml / "model/part/below/file").write_text("1")
    (second.ml / "model/weights").write_text("2")
    output.upload_archive([first, second], "model", "model.tar.gz", "s3://bucket/m")
    assert not list(own.iterdir())
    with tarfile.open(first.s3 / "bucket/m/model.tar.gz") as opened:
        assert sorted(opened.getnames()) == ["part", "weights"]
    logged = local_context(tmp_path / "state").logs.read(PROCESSING.log_group, "job/algo-2")
    assert "part/below/file of algo-2 is not uploaded: another instance has" in next(iter(logged))
