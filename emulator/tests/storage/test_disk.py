import sqlite3
import threading

import pytest

from sagemaker_emulator.storage import disk
from sagemaker_emulator.storage.disk import retry_while_disk_full


class FullDisk:
    """A write that fails with the errors in turn, then returns "written"."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)

    def write(self) -> str:
        if self.errors:
            raise self.errors.pop(0)
        return "written"


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk, "RETRY_SECONDS", 0.01)


def test_write_is_repeated_until_there_is_room(caplog: pytest.LogCaptureFixture) -> None:
    full = FullDisk(
        sqlite3.OperationalError("database or disk is full"), OSError(28, "No space left on device")
    )
    assert retry_while_disk_full(full.write, threading.Event(), "the end of job j") == "written"
    assert [record.getMessage() for record in caplog.records] == [
        "the end of job j cannot be written, trying again: database or disk is full",
        "the end of job j cannot be written, trying again: [Errno 28] No space left on device",
    ]


def test_retry_ends_when_the_server_goes_down() -> None:
    closing = threading.Event()

    def fail() -> None:
        closing.set()
        raise OSError(28, "No space left on device")

    assert retry_while_disk_full(fail, closing, "a record") is None


def test_nothing_is_written_when_the_server_is_already_going_down() -> None:
    closing = threading.Event()
    closing.set()
    assert retry_while_disk_full(FullDisk().write, closing, "a record") is None


def test_another_error_is_raised_at_once() -> None:
    with pytest.raises(KeyError):
        retry_while_disk_full(FullDisk(KeyError("x")).write, threading.Event(), "a record")
