"""The records of a transform job's object, put together to what one request holds.

Contract: the API reference of TransformInput (SplitType) and CreateTransformJob (BatchStrategy): a
request has one record or, by MultiRecord, as many as MaxPayloadInMB allows. A record of RecordIO or
TFRecord is sent with its frame, so that several can be told apart.
"""

import os
import struct
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

_MAGIC = 0xCED7230A  # MXNet's RecordIO: recordio.h of dmlc-core
_LENGTH_BITS = 29  # of the second word; the others tell the parts of a record that is split
_WHOLE, _LAST = 0, 3


def split(file: Path, kind: str) -> Iterator[bytes]:
    """The records of a file, each with its end or frame.

    Args:
        file: the object.
        kind: a SplitType of `KINDS`.

    Raises:
        ValueError: the file is not of that kind, or ends within a record.
    """
    with file.open("rb") as opened:
        yield from KINDS[kind](opened)


def batches(records: Iterable[bytes], single: bool, most: int) -> Iterator[bytes]:
    """Records, one or many at a time.

    Args:
        records: each with its end or frame.
        single: whether a batch is one record.
        most: the bytes of a batch; 0 for no limit. A record that is longer is a batch of its own.
    """
    batch: list[bytes] = []
    size = 0
    for record in records:
        if batch and (single or (most and size + len(record) > most)):
            yield b"".join(batch)
            batch, size = [], 0
        batch.append(record)
        size += len(record)
    if batch:
        yield b"".join(batch)


def _lines(file: BinaryIO) -> Iterator[bytes]:
    yield from file


def _recordio(file: BinaryIO) -> Iterator[bytes]:
    """Records of a magic number, a word with kind and length, and data filled up to four bytes."""
    record = b""
    while head := file.read(8):
        if len(head) < 8:
            raise ValueError("it ends within a record of RecordIO")
        magic, word = struct.unpack("<II", head)
        if magic != _MAGIC:
            raise ValueError("it is no RecordIO: a record does not begin with the magic number")
        length = word & ((1 << _LENGTH_BITS) - 1)
        record += head + _exactly(file, length + -length % 4, "RecordIO")
        if word >> _LENGTH_BITS in (_WHOLE, _LAST):
            yield record
            record = b""
    if record:
        raise ValueError("it ends within a record of RecordIO")


def _tfrecord(file: BinaryIO) -> Iterator[bytes]:
    """Records of a length of eight bytes, its checksum, data, and their checksum.

    The checksums are the model's to check.
    """
    while head := file.read(12):
        if len(head) < 12:
            raise ValueError("it ends within a record of TFRecord")
        (length,) = struct.unpack("<Q", head[:8])
        yield head + _exactly(file, length + 4, "TFRecord")


def _exactly(file: BinaryIO, size: int, kind: str) -> bytes:
    whole = os.fstat(file.fileno()).st_size
    if size > whole:  # a length that is none: nobody has memory for it
        raise ValueError(
            f"it is no {kind}: a record would have {size} bytes, and all of it has {whole}"
        )
    content = file.read(size)
    if len(content) < size:
        raise ValueError(f"it ends within a record of {kind}")
    return content


KINDS: dict[str, Callable[[BinaryIO], Iterator[bytes]]] = {
    "Line": _lines,
    "RecordIO": _recordio,
    "TFRecord": _tfrecord,
}
