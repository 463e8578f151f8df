"""Lines of at most some columns: broken between words, with each number beside its unit.

A word that is longer than a line, such as an address, is broken at its separators.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from rich.cells import cell_len

# The spaces in `56.4 ± 6.6 %`, `3 min 05 s`, `5: 72` and `CANNOT JUDGE`.
UNBROKEN = re.compile(
    r"(?<=\d) (?=(?:%|±|s|min|h|px|items?|points|[kMG]B)(?!\w))"
    r"|(?<=±) (?=\d)|(?<=\d h) (?=\d)|(?<=\d min) (?=\d)|(?<=\d:) (?=\d)|(?<=CANNOT) (?=JUDGE)"
)
MARK = "\0"  # in place of such a space: a part of its word
SEPARATORS = ("/", "[.:,=?&@+]", "[-_]")  # the best first


def words(text: str) -> list[str]:
    """The parts that are never broken where there is room for the longest."""
    return [word.replace(MARK, " ") for word in UNBROKEN.sub(MARK, text).split()]


def fold(text: str, width: int) -> str:
    """A text whose lines have at most `width` columns."""
    return "\n".join(
        line[start:end] for line in text.split("\n") for start, end in line_spans(line, width)
    )


def shorten(text: str, width: int) -> str:
    """A line's first whole words, with a mark where some are left out."""
    line, *others = text.split("\n")
    if not others and cell_len(line) <= width:
        return line
    start, end = next(line_spans(line, width - 2))
    return f"{line[start:end]} …"


def line_spans(line: str, width: int) -> Iterator[tuple[int, int]]:
    """Where the lines begin and end that a line without line breaks is folded into."""
    marked = UNBROKEN.sub(MARK, line)
    start = end = 0  # the first line keeps its indentation
    for word in re.finditer(r"\S+", marked):
        if cell_len(line[start : word.end()]) > width:
            if end > start:
                yield start, end
                start = word.start()
            while cell_len(line[start : word.end()]) > width:
                end = _break(marked, start, word.end(), width)
                yield start, end
                start = end + (marked[end : end + 1] == MARK)
        end = word.end()
    yield start, end


def _break(marked: str, start: int, end: int, width: int) -> int:
    """Where to break a word that is longer than a line: at a separator in its second half."""
    last = start + 1
    while last < end and cell_len(marked[start : last + 1].replace(MARK, " ")) <= width:
        last += 1
    if (at := marked.rfind(MARK, start + 1, last + 1)) >= 0:
        return at
    part = marked[start:last]
    for separators in SEPARATORS:
        ends = [found.end() for found in re.finditer(separators, part)]
        if ends and ends[-1] > len(part) // 2:
            return start + ends[-1]
    return last
