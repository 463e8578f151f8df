"""Previews of objects. Whatever an object holds, a preview is small and takes little time."""

import csv
import io
import itertools
import json
import tarfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from sagemaker_emulator.console.media import Kind

MOST_READ = 512 * 1024  # bytes of a text
MOST_SHOWN = 26 << 20  # bytes of a picture or a page that a browser shows
_MOST_PRETTY = 2 << 20  # characters of JSON with its indentation
_MOST_ROWS, _MOST_COLUMNS, _MOST_CELL = 200, 60, 300
_MOST_MEMBERS, _MOST_UNPACKED = 500, 512 << 20  # of an archive; bytes


class Body(Protocol):
    """What an object is read from."""

    def read(self, amount: int) -> bytes:
        """The next bytes; empty at the end."""

    def close(self) -> None:
        """Read no more."""


@dataclass(frozen=True)
class Preview:
    """What a page shows of an object.

    Attributes:
        uri: `s3://BUCKET/KEY`.
        kind: How it is shown; `unknown`: not at all.
        size: Bytes of the object.
        text: Of a text or JSON.
        rows: Of a table, the headings first; of an archive, the name and size of each member.
        note: What the preview leaves out, or why there is none.
    """

    uri: str
    kind: Kind
    size: int
    text: str = ""
    rows: list[list[str]] = field(default_factory=list)
    note: str = ""

    @property
    def name(self) -> str:
        """The last part of the key."""
        return self.uri.rstrip("/").rpartition("/")[2]


def preview_of(
    uri: str, kind: Kind, size: int, head: bytes = b"", archive: Body | None = None
) -> Preview:
    """The preview of an object.

    Args:
        uri: `s3://BUCKET/KEY`.
        kind: What it is by its name.
        size: Its bytes.
        head: The first `MOST_READ` bytes of a text or of an unknown kind.
        archive: The whole of an archive; it is closed.
    """
    empty = Preview(uri, kind, size)
    if not size:
        return replace(empty, kind=Kind.UNKNOWN, note="The object is empty.")
    if kind in (Kind.PICTURE, Kind.PAGE):
        if size > MOST_SHOWN:
            note = f"No preview: it is larger than {MOST_SHOWN >> 20} MiB."
            return replace(empty, kind=Kind.UNKNOWN, note=note)
        return empty
    if kind is Kind.ARCHIVE and archive is not None:
        return _archive(empty, archive)
    text = _text(head, size)
    if text is None:
        return replace(empty, kind=Kind.UNKNOWN, note="No preview: it is not text.")
    note = f"The first {MOST_READ >> 10} KiB." if len(head) < size else ""
    if kind is Kind.JSON and not note and (pretty := _pretty(text)):
        return replace(empty, text=pretty)
    if kind is Kind.TABLE and (table := _table(empty, text, bool(note))):
        return table
    return replace(empty, kind=Kind.TEXT, text=text, note=note)


def _text(head: bytes, size: int) -> str | None:
    """The begin of an object as text; None if it is none."""
    if b"\0" in head:
        return None
    try:
        return head.decode()
    except UnicodeDecodeError as problem:
        if len(head) < size and problem.start >= len(head) - 3:  # cut within a character
            return head[: problem.start].decode()
    return None


def _pretty(text: str) -> str:
    """JSON with indentation; empty if it is not JSON, or would become very long."""
    try:
        pieces = json.JSONEncoder(indent=2, ensure_ascii=False).iterencode(json.loads(text))
        whole = io.StringIO()
        for piece in pieces:
            if whole.write(piece) and whole.tell() > _MOST_PRETTY:
                return ""
    except (ValueError, RecursionError):
        return ""
    return whole.getvalue().encode(errors="replace").decode()


def _table(empty: Preview, text: str, is_cut: bool) -> Preview | None:
    """A CSV as a table; None if it is none."""
    delimiter = "\t" if empty.uri.lower().endswith(".tsv") else ","
    lines = io.StringIO(text.rpartition("\n")[0] if is_cut else text)
    try:
        rows = list(itertools.islice(csv.reader(lines, delimiter=delimiter), _MOST_ROWS + 2))
    except csv.Error:
        return None
    if not rows:
        return None
    width = max(map(len, rows))
    notes = []
    if is_cut or len(rows) > _MOST_ROWS + 1:
        notes.append(f"The first {min(len(rows) - 1, _MOST_ROWS)} rows.")
    if width > _MOST_COLUMNS:
        notes.append(f"The first {_MOST_COLUMNS} of {width} columns.")
    columns = min(width, _MOST_COLUMNS)
    shown = [
        [_short(cell) for cell in [*row, *[""] * (columns - len(row))][:columns]]
        for row in rows[: _MOST_ROWS + 1]
        if row
    ]
    return replace(empty, rows=shown, note=" ".join(notes))


def _short(cell: str) -> str:
    return cell if len(cell) <= _MOST_CELL else f"{cell[:_MOST_CELL]}…"


def _archive(empty: Preview, body: Body) -> Preview:
    """The members of a `tar.gz`, read as a stream."""
    rows: list[list[str]] = []
    note = ""
    try:
        with tarfile.open(fileobj=_Unpacked(body), mode="r|") as opened:  # type: ignore[call-overload]
            for member in opened:
                if len(rows) == _MOST_MEMBERS:
                    note = f"The first {_MOST_MEMBERS} members."
                    break
                rows.append([_printable(member.name), str(member.size)])
    except _TooLong:
        note = f"What is in its first {_MOST_UNPACKED >> 20} MiB."
    except (tarfile.TarError, zlib.error, ValueError, EOFError) as problem:
        if not rows:
            return replace(empty, kind=Kind.UNKNOWN, note=f"No preview: {problem}.")
        note = f"It ends early: {problem}."
    finally:
        body.close()
    return replace(empty, rows=rows, note=note)


def _printable(text: str) -> str:
    return text.encode(errors="replace").decode()


class _TooLong(Exception):
    pass


class _Unpacked:
    """A gzip file that is unpacked as it is read, up to a bound."""

    def __init__(self, body: Body) -> None:
        self._pieces = self._unpack(body)
        self._ready = b""

    def read(self, amount: int) -> bytes:
        while len(self._ready) < amount and (piece := next(self._pieces, b"")):
            self._ready += piece
        taken, self._ready = self._ready[:amount], self._ready[amount:]
        return taken

    def _unpack(self, body: Body) -> Iterator[bytes]:
        gzip: Any = zlib.decompressobj(wbits=31)
        size = 0
        while packed := body.read(64 * 1024):
            while packed:
                piece = gzip.decompress(packed, 1 << 20)
                packed = gzip.unconsumed_tail
                size += len(piece)
                if size > _MOST_UNPACKED:
                    raise _TooLong
                if piece:
                    yield piece
                if gzip.eof:
                    return
