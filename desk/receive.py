"""Receives a form with thousands of files, in constant memory and one file at a time."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request

from desk.upload import Uploaded

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

MAX_BYTES = 8 * 2**30
MAX_FILES = 20_000
MAX_FIELDS = 50
MAX_FIELD_BYTES = 10_000
MAX_HEADER_BYTES = 10_000  # of one part


@dataclass
class Received:
    """A form: the texts by the fields' names, and the files that lie in a folder."""

    fields: dict[str, str] = field(default_factory=dict)
    files: list[Uploaded] = field(default_factory=list)


async def receive(request: Request, folder: Path) -> Received:
    """Read the form of a request; its files become files in `folder`, named by numbers.

    Raises:
        HTTPException: It is no such form, it is cut off, or there is too much of it.
        OSError: A file cannot be written.
    """
    kind, options = parse_options_header(request.headers.get("content-type"))
    if kind != b"multipart/form-data" or not options.get(b"boundary"):
        raise HTTPException(415, "This page accepts forms with files only.")
    parts = _Parts(folder)
    parser = MultipartParser(options[b"boundary"], parts.callbacks(), max_size=MAX_BYTES)
    received = 0
    try:
        async for chunk in request.stream():
            received += len(chunk)
            if received > MAX_BYTES:
                raise HTTPException(
                    413, f"That is too large: at most {MAX_BYTES >> 30} GB at once."
                )
            await run_in_threadpool(parser.write, chunk)
        parser.finalize()
    except FormParserError as error:
        raise HTTPException(400, f"The form cannot be read: {error}") from None
    finally:
        parts.close()
    if not parts.is_complete:
        raise HTTPException(400, "The upload was cut off. Send it again.")
    return parts.received


class _Parts:
    """What the parser calls for each piece of a form."""

    def __init__(self, folder: Path) -> None:
        self.received = Received()
        self.is_complete = False
        self._folder = folder
        self._headers: dict[bytes, bytes] = {}
        self._name = self._value = b""
        self._field = ""
        self._text = b""
        self._file: BinaryIO | None = None

    def callbacks(self) -> MultipartCallbacks:
        """The functions by the parser's names."""
        return {
            "on_part_begin": self._begin,
            "on_header_field": self._header_name,
            "on_header_value": self._header_value,
            "on_header_end": self._header_end,
            "on_headers_finished": self._open,
            "on_part_data": self._data,
            "on_part_end": self._end,
            "on_end": self._finish,
        }

    def close(self) -> None:
        """Close the file that is being written."""
        if self._file:
            self._file.close()
            self._file = None

    def _begin(self) -> None:
        self._headers, self._text, self._field = {}, b"", ""

    def _header_name(self, data: bytes, start: int, end: int) -> None:
        self._name = _longer(self._name, data[start:end], MAX_HEADER_BYTES)

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value = _longer(self._value, data[start:end], MAX_HEADER_BYTES)

    def _header_end(self) -> None:
        self._headers[self._name.lower()] = self._value
        self._name = self._value = b""

    def _open(self) -> None:
        _, options = parse_options_header(self._headers.get(b"content-disposition"))
        self._field = options.get(b"name", b"").decode(errors="replace")
        if b"filename" not in options:
            if len(self.received.fields) >= MAX_FIELDS:
                raise HTTPException(400, "The form has too many fields.")
            return
        name = options[b"filename"].decode(errors="replace")
        if not name:  # a field for files without a file
            return
        if len(self.received.files) >= MAX_FILES:
            raise HTTPException(413, f"At most {MAX_FILES:,} files can be sent at once.")
        path = self._folder / f"{len(self.received.files):06}"
        self.received.files.append(Uploaded(name, path))
        self._file = path.open("xb")

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._file:
            self._file.write(data[start:end])
        else:
            self._text = _longer(self._text, data[start:end], MAX_FIELD_BYTES)

    def _end(self) -> None:
        if self._file:
            self.close()
        elif self._field:
            self.received.fields.setdefault(self._field, self._text.decode(errors="replace"))

    def _finish(self) -> None:
        self.is_complete = True


def _longer(text: bytes, more: bytes, limit: int) -> bytes:
    if len(text) + len(more) > limit:
        raise HTTPException(400, "A field of the form is too long.")
    return text + more
