"""What an input's FIFO holds: objects one after the other, or the attributes of a manifest's lines.

Contract: API reference of Channel; SageMaker developer guide, "Augmented Manifest File Format for
Pipe Mode Training". Its format of a number is its JSON text; a text, of which it has no example, is
streamed as it is.
"""

import gzip
import json
import struct
import zlib
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

from sagemaker_emulator.errors import JobFailed
from sagemaker_emulator.storage.location import Location

CHUNK = 1 << 18  # bytes
_MAGIC = 0xCED7230A  # of a record in MXNet's RecordIO, as the SageMaker SDK reads and writes it
_LONGEST_RECORD = (1 << 29) - 1
Record = Callable[[], Iterator[bytes]]  # its content, piece by piece


def of_object(file: Path, uri: str, compressed: bool) -> Record:
    """An object's content.

    Args:
        file: the object's file.
        uri: its input's address, for messages.
        compressed: whether it is decompressed with gzip.
    """

    def read() -> Iterator[bytes]:
        try:
            with file.open("rb") as plain:
                source: Any = gzip.GzipFile(fileobj=plain) if compressed else plain
                yield from _chunks(source)
        except FileNotFoundError:
            raise JobFailed(f"ClientError: {uri}: the object {file.name} was deleted.") from None
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise JobFailed(
                f"ClientError: {uri}: {file.name} cannot be decompressed, as CompressionType Gzip "
                f"asks: {error}"
            ) from None

    return read


def _chunks(source: BinaryIO) -> Iterator[bytes]:
    while chunk := source.read(CHUNK):
        yield chunk


def of_line(
    root: Path, uri: str, line: bytes, names: Sequence[str], compressed: bool
) -> list[Record]:
    """The attributes of a line of an augmented manifest, in the order of their names.

    Args:
        root: the folder of buckets.
        uri: the manifest's, for messages.
        line: a JSON object.
        names: those of the attributes; the value of `NAME-ref` is the address of an object.
        compressed: whether objects are decompressed with gzip.

    Raises:
        JobFailed: the line is none, lacks an attribute, or names no object.
    """
    text = line.decode(errors="replace")
    shown = text if len(text) <= 100 else text[:100] + "..."
    try:
        found: object = json.loads(line)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise JobFailed(f"ClientError: a line of the manifest {uri} is no JSON object: {shown}")
    records = []
    for name in names:
        if name not in found:
            raise JobFailed(
                f"ClientError: a line of the manifest {uri} has no attribute {name!r}, which "
                f"AttributeNames has: {shown}"
            )
        value = found[name]
        if name.endswith("-ref"):
            file = Location.parse(str(value)).file(root)
            if file is None:
                raise JobFailed(
                    f"ClientError: the manifest {uri} names {value}, and there is no such object."
                )
            records.append(of_object(file, uri, compressed))
        else:
            data = (value if isinstance(value, str) else json.dumps(value)).encode()
            records.append(partial(iter, (data,)))
    return records


def wrapped(record: Record) -> Iterator[bytes]:
    """A record with the head and the padding of RecordIO.

    Raises:
        JobFailed: it is too long for the format.
    """
    data = b"".join(record())
    if len(data) > _LONGEST_RECORD:
        raise JobFailed(
            f"ClientError: an object of {len(data)} bytes is too long for RecordIO, whose records "
            f"have at most {_LONGEST_RECORD}; use RecordWrapperType None."
        )
    yield struct.pack("<II", _MAGIC, len(data)) + data + bytes(-len(data) % 4)
