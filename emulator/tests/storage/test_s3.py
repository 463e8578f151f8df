"""S3: a job's files in the folder of buckets are there for the next request."""

import signal
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
import pytest

from sagemaker_emulator.errors import ApiError, JobFailed
from sagemaker_emulator.storage.s3 import S3
from sagemaker_emulator.storage.s3_files import find

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

PREFIXES = 12  # a listing that is out of date shows in some of them only


@pytest.fixture
def s3(tmp_path: Path) -> Iterator[S3]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    store = S3(tmp_path / "s3", f"http://127.0.0.1:{port}")
    (tmp_path / "s3" / "bucket").mkdir(parents=True)
    store.start()
    try:
        yield store
    finally:
        store.stop()


@pytest.fixture
def client(s3: S3) -> "S3Client":
    """A client with retries, as two that create the same folder at once need."""
    return boto3.client(
        "s3",
        endpoint_url=s3.url,
        region_name="us-east-1",
        aws_access_key_id="emulator",
        aws_secret_access_key="emulator",
    )


def listed(client: "S3Client", prefix: str) -> list[str]:
    listing = client.list_objects_v2(Bucket="bucket", Prefix=prefix)
    return [entry["Key"] for entry in listing.get("Contents", [])]


def test_files_of_a_job_are_listed_at_once_beside_parallel_uploads(
    s3: S3, client: "S3Client"
) -> None:
    for number in range(PREFIXES):
        inputs = [f"job-{number}/input/{name}" for name in ("1", "a/2", "a/b/3", "a/b/4")]
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda key: client.put_object(Bucket="bucket", Key=key), inputs))
        listed(client, f"job-{number}/")  # so that rclone holds an old listing
        outputs = [f"job-{number}/output/{name}" for name in ("1.out", "a/2.out")]
        for key in outputs:
            file = s3.folder / "bucket" / key
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(b"answer")
        s3.refresh(f"s3://bucket/job-{number}/output/")
        assert listed(client, f"job-{number}/output/") == outputs


def test_refresh_does_not_wait_for_a_stopped_server(s3: S3) -> None:
    s3.stop()
    s3.refresh("s3://bucket/anything/")


def test_refresh_does_not_end_a_server_that_starts_again(
    s3: S3, caplog: pytest.LogCaptureFixture
) -> None:
    (s3.folder / "bucket/job").mkdir()
    (s3.folder / "bucket/job/1.out").touch()
    assert s3._process is not None
    s3._process.kill()
    s3._process.wait()
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and not (s3.alive() and s3._process.poll() is None):
        s3.refresh("s3://bucket/job/")
        s3._process.send_signal(signal.SIGHUP)  # as a refresh does that just saw it answer
    s3.refresh("s3://bucket/job/")
    assert s3.alive()
    assert (
        [record.getMessage() for record in caplog.records].count(
            "rclone ended with code -9; starting it again"
        )
        == len(caplog.records)
        == 1
    )


@pytest.mark.parametrize(
    ("uri", "reason"),
    [
        *((f"s3://{name}/x", "is not a bucket's name") for name in ("..", ".", "a..b", "Bucket")),
        ("s3://b/x", "is not a bucket's name"),
        ("s3://bucket/../other/", r"a key with '\.\.' in it"),
        ("http://bucket/x", "is not an S3 URI"),
        ("s3:///x", "is not an S3 URI"),
    ],
)
def test_uri_cannot_lead_out_of_its_bucket(tmp_path: Path, uri: str, reason: str) -> None:
    (tmp_path / "emulator.db").write_text("the emulator's own")
    store = S3(tmp_path / "s3", "http://127.0.0.1:9")
    with pytest.raises(ApiError, match=reason):
        store.path_of(uri)
    with pytest.raises(ApiError, match=reason):
        store.read(uri)
    with pytest.raises(JobFailed, match=reason):
        list(find(store.folder, uri))


def test_key_that_begins_with_a_slash_stays_in_the_bucket(tmp_path: Path) -> None:
    store = S3(tmp_path / "s3", "http://127.0.0.1:9")
    assert store.path_of("s3://bucket//etc/passwd") == tmp_path / "s3/bucket/etc/passwd"


def test_object_is_read_whole_and_a_missing_one_is_none(tmp_path: Path) -> None:
    store = S3(tmp_path / "s3", "http://127.0.0.1:9")
    (tmp_path / "s3/bucket/folder").mkdir(parents=True)
    (tmp_path / "s3/bucket/folder/a#b?c").write_bytes(b"content")
    assert store.read("s3://bucket/folder/a#b?c") == b"content"
    assert store.read("https://bucket.s3.us-east-1.amazonaws.com/folder/a#b?c") == b"content"
    for uri in ("s3://bucket/none", "s3://bucket/folder", "s3://bucket/folder/a#b?c/d"):
        assert store.read(uri) is None
