"""Log streams on disk: a folder for each group, a file of JSON lines for each stream.

Times are seconds since the epoch here, milliseconds in the API.
"""

import heapq
import json
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from urllib.parse import quote, unquote

_SUFFIX = ".jsonl"
# What is read of a file before it is closed again: a group has more streams than may be open.
_CHUNK = 16 * 1024


@dataclass(frozen=True)
class Line:
    """An event of a stream: when, what, and where its line begins and ends in the file."""

    when: float
    message: str
    begin: int
    end: int


class LogFiles:
    """The log groups under one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()

    def append(self, group: str, stream: str, lines: Iterable[str]) -> None:
        """Add lines, logged now, to a stream, which is made when missing."""
        now = time.time()
        self.write(group, stream, ((now, line) for line in lines))

    def write(self, group: str, stream: str, events: Iterable[tuple[float, str]]) -> None:
        """Add (epoch seconds, message) to a stream, which is made when missing; all or none."""
        path = stream_file(group_folder(self._folder, group), stream)
        path.parent.mkdir(parents=True, exist_ok=True)
        text = "".join(f"{json.dumps([round(when, 3), line])}\n" for when, line in events)
        with self._lock, path.open("ab+", buffering=0) as file:
            _append(file, text.encode())

    def read(self, group: str, stream_prefix: str) -> Iterator[str]:
        """The messages of a group's streams in the order of time; none where there is no group."""
        files = stream_files(group_folder(self._folder, group))
        streams = [
            read_lines(path, 0, path.stat().st_size)
            for path in files
            if stream_name(path).startswith(stream_prefix)
        ]
        return (line.message for line in heapq.merge(*streams, key=lambda line: line.when))


def _append(file: FileIO, data: bytes) -> None:
    """Add whole lines to a file, whose last one a killed server may have left unfinished."""
    size = file.seek(0, os.SEEK_END)
    if size:
        file.seek(size - 1)
        if file.read(1) != b"\n":
            data = b"\n" + data
    try:
        while data:
            data = data[file.write(data) :]
    except OSError:  # the disk is full
        file.truncate(size)
        raise


def group_folder(folder: Path, group: str) -> Path:
    """The folder of a group, in the folder of all."""
    return folder / quote(group, safe="")


def stream_file(group: Path, stream: str) -> Path:
    """The file of a stream, in the folder of its group."""
    return group / f"{quote(stream, safe='')}{_SUFFIX}"


def stream_files(group: Path) -> list[Path]:
    """The files of a group's streams, by name."""
    return sorted(group.glob(f"*{_SUFFIX}"))


def stream_name(path: Path) -> str:
    """The name of the stream in a file."""
    return unquote(path.name.removesuffix(_SUFFIX))


def read_lines(path: Path, begin: int, end: int) -> Iterator[Line]:
    """The whole lines between two offsets of a file; not one that is still being written."""
    while begin < end:
        try:
            with path.open("rb") as file:
                file.seek(begin)
                texts = file.readlines(_CHUNK)
        except FileNotFoundError:  # deleted since it was listed
            return
        if not texts:
            return
        for text in texts:
            if begin >= end or not text.endswith(b"\n"):
                return
            try:
                when, message = json.loads(text)
                yield Line(when, message, begin, begin + len(text))
            except ValueError:
                # The rest of a line that a killed server did not finish.
                yield Line(0, text.decode(errors="replace").rstrip(), begin, begin + len(text))
            begin += len(text)


def last_lines(path: Path, end: int, keep: Callable[[Line], bool], limit: int) -> list[Line]:
    """The last `limit` lines before an offset, of those to keep; read from the end."""
    size = 256 * limit
    while True:
        begin = max(0, end - size)
        if begin:
            with path.open("rb") as file:
                file.seek(begin - 1)
                begin += len(file.readline()) - 1
        lines = [line for line in read_lines(path, begin, end) if keep(line)]
        if len(lines) >= limit or size >= end:
            return lines[-limit:]
        size *= 4
