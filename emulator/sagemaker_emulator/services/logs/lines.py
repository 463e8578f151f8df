"""The lines of a log stream's file: an event each, `[seconds, message]` or with its ingestion time.

A stream is read in the order of time. Its file is in that order, but for a stream that got an
event later than younger ones: `LogFiles.write` notes that beside it, and it is sorted when read.
Times are seconds since the epoch here, milliseconds in the API.
"""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

# What is read of a file before it is closed again: a group has more streams than may be open.
_CHUNK = 16 * 1024
# A search by time ends in a part of the file of this size, which is then read.
_SEARCHED = 64 * 1024
# The begin of an event inside a line: a quote that is part of a message has a backslash before it.
_EVENT = re.compile(r'\[\d+(?:\.\d+)?, "')


@dataclass(frozen=True)
class Line:
    """An event of a stream: when, what, and where its line begins and ends in the file.

    Attributes:
        when: of the event.
        message: its text.
        begin: the offset of its line.
        end: the offset after its line.
        ingested: when it was written.
    """

    when: float
    message: str
    begin: int
    end: int
    ingested: float

    @property
    def place(self) -> tuple[float, int]:
        """Where it stands among the lines of its stream."""
        return self.when, self.begin


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
            if line := _parsed(text, begin):
                yield line
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


def line_at(path: Path, offset: int) -> Line | None:
    """The line that begins at an offset; None where none does."""
    with path.open("rb") as file:
        if offset:
            file.seek(offset - 1)
            if file.read(1) != b"\n":
                return None
        text = file.readline()
    return _parsed(text, offset) if text.endswith(b"\n") else None


def after(path: Path, is_sorted: bool, line: Line | None, end: int) -> Iterator[Line]:
    """The lines after one, or all, in the order of time, up to an offset of the file."""
    if is_sorted:
        yield from read_lines(path, line.end if line else 0, end)
        return
    for each in sorted(read_lines(path, 0, end), key=lambda each: each.place):
        if line is None or each.place > line.place:
            yield each


def before(
    path: Path, is_sorted: bool, line: Line | None, keep: Callable[[Line], bool], limit: int
) -> list[Line]:
    """The last `limit` lines before one, or of all, in the order of time, of those to keep."""
    size = path.stat().st_size
    if is_sorted:
        return last_lines(path, line.begin if line else size, keep, limit)
    ordered = sorted(read_lines(path, 0, size), key=lambda each: each.place)
    return [each for each in ordered if keep(each) and (not line or each.place < line.place)][
        -limit:
    ]


def since(path: Path, is_sorted: bool, when: float, end: int) -> Iterator[Line]:
    """The lines from a time on, in the order of time, up to an offset of the file."""
    if is_sorted:
        lines = read_lines(path, _offset_of(path, when, end), end)
    else:
        lines = after(path, is_sorted, None, end)
    return (line for line in lines if line.when >= when)


def _offset_of(path: Path, when: float, end: int) -> int:
    """An offset of a line before which all lines are older."""
    low, high = 0, end
    while high - low > _SEARCHED:
        middle = (low + high) // 2
        with path.open("rb") as file:
            file.seek(middle - 1)
            offset = middle - 1 + len(file.readline())
        line = next(read_lines(path, offset, high), None)
        if line is None or line.when >= when:
            high = middle
        else:
            low = line.begin
    return low


def _parsed(text: bytes, begin: int) -> Line | None:
    """A line as an event; None where there is none in it.

    A killed server may not have finished the last line of a file. What earlier versions then wrote
    behind it is still found; they finished no line before they wrote the next.
    """
    line = text.decode(errors="replace")
    if (event := _event(line, begin, len(text))) is not None:
        return event
    starts = [match.start() for match in _EVENT.finditer(line, 1)]
    return _event(line[starts[-1] :], begin, len(text)) if starts else None


def _event(text: str, begin: int, size: int) -> Line | None:
    try:
        when, message, *ingested = json.loads(text)
        written = float(ingested[0]) if ingested else float(when)
        return Line(float(when), str(message), begin, begin + size, written)
    except (ValueError, TypeError, RecursionError):
        return None
