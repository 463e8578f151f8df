"""The files of streams: torn lines, full disks, and the state of an earlier version."""

import json
import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from sagemaker_emulator.services.logs import lines
from sagemaker_emulator.services.logs.log_files import LogFiles, about_group, group_folder


@pytest.fixture
def logs(tmp_path: Path) -> LogFiles:
    return LogFiles(tmp_path)


def read(logs: LogFiles) -> list[str]:
    return list(logs.read("g", ""))


@pytest.mark.parametrize("cut", range(1, 12))
def test_torn_line_swallows_no_event(logs: LogFiles, tmp_path: Path, cut: int) -> None:
    logs.append("g", "s", ["first", "torn"])
    file = tmp_path / "g" / "s.jsonl"
    file.write_bytes(file.read_bytes()[:-cut])
    whole = cut == 1  # only the end of the line is missing
    logs.append("g", "s", ["next", "last"])
    assert read(logs) == ["first", *(["torn"] if whole else []), "next", "last"]


def test_event_behind_a_torn_line_of_an_earlier_version_is_read(
    logs: LogFiles, tmp_path: Path
) -> None:
    (tmp_path / "g").mkdir()
    torn = '[1700000000.1, "torn, of [1, \\"x\\"] and '
    next_one = json.dumps([1700000001, 'b [1, "c"]'])
    (tmp_path / "g" / "s.jsonl").write_text(
        f'[1700000000.0, "a"]\n{torn}{next_one}\n[1700000002.5, "d"]\nnoise\n[1700000003, "e"]\n'
    )
    assert read(logs) == ["a", 'b [1, "c"]', "d", "e"]
    assert about_group(tmp_path / "g")["name"] == "g"


@contextmanager
def small_files() -> Iterator[None]:
    """No file may be longer than 1,000 bytes, as if the disk were full.

    No fixture: pytest's own output may be a longer file.
    """
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)


def test_events_that_do_not_fit_leave_nothing(logs: LogFiles, tmp_path: Path) -> None:
    logs.append("g", "s", ["before"])
    whole = (tmp_path / "g" / "s.jsonl").read_bytes()
    with small_files(), pytest.raises(OSError):
        logs.append("g", "s", ["x" * 100] * 20)
    assert (tmp_path / "g" / "s.jsonl").read_bytes() == whole
    logs.append("g", "s", ["after"])
    assert read(logs) == ["before", "after"]


def test_lines_are_read_by_time_without_reading_all(tmp_path: Path, logs: LogFiles) -> None:
    path = tmp_path / "s.jsonl"
    path.write_text("".join(f"{json.dumps([n // 3, str(n)])}\n" for n in range(30_000)))
    size = path.stat().st_size
    for when in (0, 1, 4321, 9999, 10_000):
        found: list[Any] = [line.message for line in lines.since(path, True, when, size)]
        assert found == [str(n) for n in range(when * 3, 30_000)]


def test_names_of_groups_stay_below_the_folder(tmp_path: Path) -> None:
    for name in (".", "..", "../x", "/etc", "a" * 512, "\ud800"):
        assert group_folder(tmp_path, name).resolve().parent == tmp_path.resolve()
