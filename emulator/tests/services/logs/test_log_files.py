"""The files of streams: torn lines, full disks, and the state of an earlier version."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from sagemaker_emulator.services.logs import log_files
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


def test_full_disk_leaves_the_file_as_it_was(
    logs: LogFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    logs.append("g", "s", ["first"])
    file = tmp_path / "g" / "s.jsonl"
    before, write = file.read_bytes(), os.write

    def fill(descriptor: int, content: bytes) -> int:
        if len(content) > 5:
            return write(descriptor, content[:5])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(log_files.os, "write", fill)
    with pytest.raises(OSError, match="No space"):
        logs.append("g", "s", ["second"])
    monkeypatch.undo()
    assert file.read_bytes() == before


def test_lines_are_read_by_time_without_reading_all(tmp_path: Path, logs: LogFiles) -> None:
    from sagemaker_emulator.services.logs import lines

    path = tmp_path / "s.jsonl"
    path.write_text("".join(f"{json.dumps([n // 3, str(n)])}\n" for n in range(30_000)))
    size = path.stat().st_size
    for when in (0, 1, 4321, 9999, 10_000):
        found: list[Any] = [line.message for line in lines.since(path, True, when, size)]
        assert found == [str(n) for n in range(when * 3, 30_000)]


def test_names_of_groups_stay_below_the_folder(tmp_path: Path) -> None:
    for name in (".", "..", "../x", "/etc", "a" * 512, "\ud800"):
        assert group_folder(tmp_path, name).resolve().parent == tmp_path.resolve()
