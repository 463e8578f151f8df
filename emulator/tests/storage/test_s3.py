"""The S3 process as the emulator keeps it, and the objects that operations read."""

import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sagemaker_emulator.errors import ApiError, StartError
from sagemaker_emulator.storage import s3 as s3_module
from sagemaker_emulator.storage.s3 import S3


@pytest.fixture
def s3(tmp_path: Path) -> Iterator[S3]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    store = S3(tmp_path / "s3", f"http://127.0.0.1:{port}")
    yield store
    store.stop()


def test_server_that_dies_is_started_again(s3: S3, caplog: pytest.LogCaptureFixture) -> None:
    s3.start()
    first = s3._process
    assert first is not None
    first.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and (s3._process is first or not s3.alive()):
        time.sleep(0.02)
    assert s3.alive()
    messages = [record.getMessage() for record in caplog.records]
    assert messages == ["S3 ended with code -9; starting it again"]


def test_server_says_why_it_cannot_start(s3: S3) -> None:
    database = s3.folder.parent / "s3.sqlite"
    database.write_bytes(b"no database" * 1000)
    with pytest.raises(StartError, match=r"s3\.sqlite cannot be used: .*or delete it"):
        s3.start()
    assert database.read_bytes() == b"no database" * 1000


def test_what_a_killed_emulator_left_under_way_is_deleted(s3: S3) -> None:
    for folder in ("jobs/x", "incoming", "parts/no-upload"):
        file = s3.folder.parent / "s3-uploads" / folder / "body"
        file.parent.mkdir(parents=True)
        file.touch()
    s3.start()
    assert not [path for path in (s3.folder.parent / "s3-uploads").rglob("*") if path.is_file()]


def test_object_is_read_whole_and_a_missing_one_is_none(tmp_path: Path) -> None:
    store = S3(tmp_path / "s3", "http://127.0.0.1:9")
    (tmp_path / "s3/bucket/folder").mkdir(parents=True)
    (tmp_path / "s3/bucket/folder/a#b?c").write_bytes(b"content")
    assert store.read("s3://bucket/folder/a#b?c") == b"content"
    assert store.read("https://bucket.s3.us-east-1.amazonaws.com/folder/a#b?c") == b"content"
    for uri in ("s3://bucket/none", "s3://bucket/folder", "s3://bucket/folder/a#b?c/d"):
        assert store.read(uri) is None


def test_very_large_object_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3_module, "LONGEST_READ", 5)
    (tmp_path / "s3/bucket").mkdir(parents=True)
    (tmp_path / "s3/bucket/key").write_bytes(b"content")
    store = S3(tmp_path / "s3", "http://127.0.0.1:9")
    with pytest.raises(ApiError, match=r"s3://bucket/key has 7 bytes; at most 5 are read"):
        store.read("s3://bucket/key")
