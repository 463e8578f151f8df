"""The files of log streams after a kill and on a full disk."""

import resource
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from sagemaker_emulator.services.logs.log_files import LogFiles, stream_file


@pytest.fixture
def logs(tmp_path: Path) -> LogFiles:
    return LogFiles(tmp_path)


def only_file(folder: Path) -> Path:
    return stream_file(folder / "group", "stream")


@pytest.mark.parametrize("cut", [1, 5, 12, 19])
def test_unfinished_line_swallows_no_event(logs: LogFiles, tmp_path: Path, cut: int) -> None:
    logs.write("group", "stream", [(1.0, "first"), (2.0, "unfinished")])
    file = only_file(tmp_path)
    file.write_bytes(file.read_bytes()[:-cut])  # as a kill within a write leaves it
    logs.append("group", "stream", ["third"])
    logs.append("group", "stream", ["fourth"])
    messages = list(logs.read("group", ""))
    assert [text for text in messages if text in ("first", "third", "fourth")] == [
        "first",
        "third",
        "fourth",
    ]


@pytest.fixture
def small_files() -> Iterator[int]:
    """No file may be longer than this many bytes, as if the disk were full."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    yield 1000
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    signal.signal(signal.SIGXFSZ, handler)


def test_events_that_do_not_fit_leave_nothing(
    logs: LogFiles, tmp_path: Path, small_files: int
) -> None:
    logs.append("group", "stream", ["before"])
    whole = only_file(tmp_path).read_bytes()
    with pytest.raises(OSError):
        logs.append("group", "stream", ["x" * 100] * 20)
    assert only_file(tmp_path).read_bytes() == whole
    logs.append("group", "stream", ["after"])
    assert list(logs.read("group", "")) == ["before", "after"]
