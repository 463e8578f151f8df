"""A PNG file, by its chunks: its size, its orientation, and whether it is whole.

It needs nothing but Python.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

from photo import (
    EXIF,
    MAX_PARTS,
    MAX_PIXELS,
    PNG,
    DamagedError,
    Header,
    TooLargeError,
    TruncatedError,
    check_size,
    orientation,
)

PACKED = {b"zTXt", b"iTXt", b"iCCP"}  # texts and colour profiles
MAX_UNPACKED = 1 << 20  # bytes of all these, as Pillow allows; 25 MB may unpack to gigabytes
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by colour type
# The passes of an interlaced PNG: first column and row, and the steps to the next.
ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2),
         (0, 1, 1, 2))  # fmt: skip
PIECE = 1 << 16  # bytes unpacked at once


def read(body: bytes, max_pixels: int = MAX_PIXELS) -> Header:
    """Check the chunks, and unpack the picture once, in pieces, to see that it is whole.

    Raises:
        TooLargeError: It has more than `max_pixels`, a side of more than `photo.MAX_SIDE`, or
            texts that unpack to more than MAX_UNPACKED.
        DamagedError: Something is missing or corrupt, or it has too many chunks.
    """
    width, height, depth, colour, interlaced, turned = 0, 0, 0, 0, 0, 1
    data: list[memoryview] = []
    unpacked = 0
    for name, start, stop in _chunks(body):
        if name == b"IHDR":
            if stop - start != 8 + 13:
                raise DamagedError("corrupt: its header has the wrong size")
            width, height, depth, colour, _, _, interlaced = struct.unpack_from(
                ">IIBBBBB", body, start + 8
            )
            check_size(width, height, max_pixels)
        elif name == b"IDAT" and stop > start + 8:
            data.append(memoryview(body)[start + 8 : stop])
        elif name == b"eXIf":
            turned = orientation(body[start + 8 : stop].removeprefix(EXIF))
        elif name in PACKED:
            unpacked += _unpacked(name, body[start + 8 : stop])
            if unpacked > MAX_UNPACKED:
                raise TooLargeError("its texts and colour profile unpack to more than 1 MB")
    if not width or colour not in CHANNELS:
        raise DamagedError("corrupt: its header is missing or unknown")
    bits, expected = depth * CHANNELS[colour], 0
    for x, y, step_x, step_y in ADAM7 if interlaced else ((0, 0, 1, 1),):
        columns, rows = -(-(width - x) // step_x), -(-(height - y) // step_y)
        if columns > 0 and rows > 0:
            expected += rows * (1 + -(-columns * bits // 8))
    _check_unpacked(data, expected)
    return Header("image/png", width, height, turned)


def _chunks(body: bytes) -> Iterator[tuple[bytes, int, int]]:
    """The chunks of a PNG up to IEND: name, where it starts, and where its checksum does.

    Raises:
        DamagedError: A chunk is cut off, or its checksum is wrong.
    """
    position = len(PNG)
    for _ in range(MAX_PARTS):
        if position + 12 > len(body):
            raise TruncatedError(f"truncated: it ends at byte {len(body)}, without an end")
        length, name = struct.unpack_from(">I4s", body, position)
        end = position + 8 + length
        if end + 4 > len(body):
            raise TruncatedError(f"truncated within a chunk at byte {position}")
        if zlib.crc32(memoryview(body)[position + 4 : end]) != int.from_bytes(body[end : end + 4]):
            raise DamagedError(f"corrupt: wrong checksum of the chunk at byte {position}")
        yield name, position, end
        if name == b"IEND":
            return
        position = end + 4
    raise DamagedError(f"more than {MAX_PARTS} chunks")


def _check_unpacked(data: list[memoryview], expected: int) -> None:
    """Unpack a PNG's picture, and keep nothing, to see that it has the expected bytes."""
    stream, found = zlib.decompressobj(), 0
    slices = (part[at : at + PIECE] for part in data for at in range(0, len(part), PIECE))
    try:
        for piece in slices:
            rest: bytes | memoryview = piece
            while rest and not stream.eof:
                found += len(stream.decompress(rest, PIECE))
                rest = stream.unconsumed_tail
                if found > expected:
                    raise DamagedError("corrupt: it has more picture than its size")
    except zlib.error as error:
        raise DamagedError(f"corrupt: {error}") from None
    if found < expected or not stream.eof:
        raise TruncatedError(f"truncated: {found} of {expected} bytes of its picture")


def _unpacked(name: bytes, content: bytes) -> int:
    """The size of a packed text or profile; of a larger one just more than MAX_UNPACKED."""
    rest = content.partition(b"\0")[2]  # after the keyword
    if name == b"iTXt":
        if rest[:1] != b"\1":
            return 0  # not packed
        rest = rest[2:].split(b"\0", 2)[-1]
    else:
        rest = rest[1:]
    try:
        return len(zlib.decompressobj().decompress(rest, MAX_UNPACKED + 1))
    except zlib.error:
        return 0  # Pillow decides what becomes of it
