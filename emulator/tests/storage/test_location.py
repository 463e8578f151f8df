"""No URI leads out of its bucket, through whatever door it comes."""

from pathlib import Path

import pytest

from sagemaker_emulator.errors import ApiError, JobFailed
from sagemaker_emulator.storage import s3_files
from sagemaker_emulator.storage.location import Location
from sagemaker_emulator.storage.s3 import S3

SECRET = b"the emulator's own"

REFUSED = [
    *((f"s3://{name}/x", "is not a bucket's name") for name in ("..", ".", "a..b", "Bucket", "[x")),
    ("s3://b/x", "is not a bucket's name"),
    ("s3://../server.json", "is not a bucket's name"),
    ("s3://[x", "is not a bucket's name"),
    ("s3://bucket/../other/", r"a key with '\.\.' between its slashes"),
    ("s3://bucket/../../../../tmp/y", r"a key with '\.\.' between its slashes"),
    ("s3://bucket/a/./b", r"a key with '\.' between its slashes"),
    ("s3://bucket/a\0b", "a NUL"),
    ("s3://bucket/\ud800", "a key must be UTF-8"),
    ("s3://bucket/.s3~marker", "begins with"),
    (f"s3://bucket/{'k' * 256}", "at most 255 bytes"),
    (f"s3://bucket/{'k/' * 600}", "at most 1024 bytes"),
    ("http://bucket/x", "is not an S3 URI"),
    ("s3:///x", "is not an S3 URI"),
    ("/etc/passwd", "is not an S3 URI"),
    ("file:///etc/passwd", "is not an S3 URI"),
]


@pytest.fixture
def store(tmp_path: Path) -> S3:
    """A bucket beside what must stay out of reach, with links that lead there."""
    (tmp_path / "server.json").write_bytes(SECRET)
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/file").write_bytes(SECRET)
    bucket = tmp_path / "s3/bucket"
    (bucket / "own").mkdir(parents=True)
    (bucket / "own/file").write_bytes(b"inside")
    (bucket / "leads-out").symlink_to(tmp_path / "outside")
    (bucket / "file-out").symlink_to(tmp_path / "outside/file")
    (bucket / "leads-in").symlink_to(bucket / "own")
    (bucket / "around").symlink_to("around")
    return S3(tmp_path / "s3", "http://127.0.0.1:9")


@pytest.mark.parametrize(("uri", "reason"), REFUSED)
def test_uri_that_is_no_place_is_refused(store: S3, uri: str, reason: str) -> None:
    with pytest.raises(ApiError, match=reason):
        store.file(uri)
    with pytest.raises(ApiError, match=reason):
        store.read(uri)
    with pytest.raises(JobFailed, match=reason):
        list(s3_files.find(store.folder, uri))
    out = store.folder.parent / "out"
    out.mkdir()
    (out / "1").touch()
    with pytest.raises(JobFailed, match=reason):
        s3_files.upload(store.folder, out, uri)
    assert (out / "1").exists()


@pytest.mark.parametrize("uri", ["s3://bucket//etc/hostname", "s3://bucket//tmp/x"])
def test_key_that_begins_with_a_slash_stays_in_the_bucket(store: S3, uri: str) -> None:
    assert store.read(uri) is None
    assert list(s3_files.find(store.folder, uri)) == []
    out = store.folder.parent / "out"
    out.mkdir()
    (out / "1").write_bytes(b"result")
    s3_files.upload(store.folder, out, uri)
    assert store.read(f"{uri}/1") == b"result"
    file = store.file(f"{uri}/1")
    assert file is not None
    assert file.is_relative_to(store.folder / "bucket")


@pytest.mark.parametrize("key", ["leads-out/file", "file-out", "around", "around/x"])
def test_link_that_leads_out_of_the_bucket_is_refused(store: S3, key: str) -> None:
    uri = f"s3://bucket/{key}"
    with pytest.raises(ApiError, match="symbolic link"):
        store.read(uri)
    assert list(s3_files.find(store.folder, uri)) == []


def test_nothing_is_written_through_a_link_that_leads_out(store: S3) -> None:
    out = store.folder.parent / "out"
    out.mkdir()
    (out / "new").write_bytes(b"result")
    with pytest.raises(JobFailed, match="symbolic link that leads out"):
        s3_files.upload(store.folder, out, "s3://bucket/leads-out")
    assert [path.name for path in (store.folder.parent / "outside").iterdir()] == ["file"]


def test_link_within_the_bucket_is_followed(store: S3) -> None:
    assert store.read("s3://bucket/leads-in/file") == b"inside"
    names = {name for name, _ in s3_files.find(store.folder, "s3://bucket")}
    assert names == {"own/file", "leads-in/file"}


def test_location_names_its_bucket_and_key() -> None:
    assert Location.parse("s3://bucket/a/b") == Location("bucket", "a/b")
    assert Location.parse("s3://bucket") == Location("bucket", "")
    assert Location.parse("s3://bucket//a") == Location("bucket", "/a")
