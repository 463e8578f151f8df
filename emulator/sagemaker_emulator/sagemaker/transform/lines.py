"""The records of a transform job's object, put together to what one request holds.

Contract: the API reference of TransformInput (SplitType) and CreateTransformJob (BatchStrategy): a
request has one record or, by MultiRecord, as many as MaxPayloadInMB allows.
"""

from collections.abc import Iterator
from pathlib import Path


def batches(file: Path, single: bool, most: int) -> Iterator[bytes]:
    """The lines of a file, each with its end, one or many at a time.

    Args:
        file: the object.
        single: whether a batch is one line.
        most: the bytes of a batch; 0 for no limit. A line that is longer is a batch of its own.
    """
    batch: list[bytes] = []
    size = 0
    with file.open("rb") as lines:
        for line in lines:
            if batch and (single or (most and size + len(line) > most)):
                yield b"".join(batch)
                batch, size = [], 0
            batch.append(line)
            size += len(line)
    if batch:
        yield b"".join(batch)
