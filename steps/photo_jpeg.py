"""A JPEG file, by its markers: its size, its orientation, and whether its structure is whole.

This finds a file that was cut, lost a marker or was changed by a transfer as text. Damage inside
the coded picture only a decoder can notice (`pixels.py`), and not always: a changed bit that gives
another valid code of the same length is a valid picture, and a JPEG has no checksum to contradict
it. Nor can anyone tell that the last scans of a progressive JPEG were cut off, if an end marker was
put in their place. It needs nothing but Python. T.81 is ITU-T's recommendation of JPEG.
"""

from __future__ import annotations

import re
import struct
from typing import NamedTuple

from photo import (
    EXIF,
    MAX_PARTS,
    MAX_PIXELS,
    MAX_SCANNED_PIXELS,
    MAX_SCANS,
    DamagedError,
    Header,
    TruncatedError,
    check_size,
    orientation,
)

END = b"\xff\xd9"
SOI, EOI, SOS, DRI, APP1 = 0xD8, 0xD9, 0xDA, 0xDD, 0xE1
RESTARTS = bytes(range(0xD0, 0xD8))
ALONE = frozenset({0x01, *RESTARTS})  # markers without a length
FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
BLOCK_FRAMES = frozenset({0xC0, 0xC1, 0xC2, 0xC9, 0xCA})  # those of blocks of 8 x 8 pixels
SCAN_START = b"\xff\xda\x00"
FILL = re.compile(rb"\xff+")
MARKER_IN_SCAN = re.compile(rb"\xff[^\x00\xff]")


class Scan(NamedTuple):
    """A scan of a JPEG.

    Attributes:
        start: where its coded data begin.
        end: where they end.
        restarts: where its restart markers stand.
        interval: how many units (MCUs) lie between two of them; 0 without them.
        units: how many units there are; 0 without an interval.
        unit: width and height of a unit in pixels.
    """

    start: int
    end: int
    restarts: tuple[int, ...]
    interval: int
    units: int
    unit: tuple[int, int]


class Jpeg(NamedTuple):
    """A JPEG's header, where its frame has the size, and its scans in order."""

    header: Header
    frame: int
    scans: tuple[Scan, ...]


def read(body: bytes, max_pixels: int = MAX_PIXELS) -> Jpeg:
    """Walk the segments from the first to the last (T.81, annex B).

    Args:
        body: Bytes that begin as a JPEG; what follows its end, such as a second picture or what a
            camera adds, is no part of it.
        max_pixels: A larger image is refused.

    Raises:
        TooLargeError: It has more pixels, or a side of more than `photo.MAX_SIDE`.
        DamagedError: Something is missing or corrupt, or it has too many segments or scans.
    """
    try:
        return _read(body, max_pixels)
    except (IndexError, struct.error):
        raise TruncatedError("truncated within its header") from None


def _read(body: bytes, max_pixels: int) -> Jpeg:
    width = height = frame = interval = 0
    turned, position = 1, 2
    sampling: dict[int, tuple[int, int]] = {}  # by component
    scans: list[Scan] = []
    missing: set[int] = set()
    for _ in range(MAX_PARTS):
        if body[position] != 0xFF:
            raise DamagedError(f"corrupt: no marker at byte {position}, where one belongs")
        position += 1
        if body[position] == 0xFF and (fill := FILL.match(body, position)):
            position = fill.end()  # more than one 0xFF is allowed
        marker = body[position]
        start = position + 3
        if marker == EOI:
            break
        if marker in ALONE:
            position += 1
            continue
        length = body[position + 1] << 8 | body[position + 2]
        position += 1 + length
        if length < 2 or marker in (0x00, SOI):
            raise DamagedError(f"corrupt: no segment at byte {start}, where one belongs")
        if position > len(body):
            raise TruncatedError(f"truncated within its header, at byte {len(body)}")
        if marker in FRAMES:
            if frame:
                raise DamagedError("corrupt: it has two frames")
            height, width, number = struct.unpack_from(">HHB", body, start + 1)
            check_size(width, height, max_pixels)
            blocks, frame = marker in BLOCK_FRAMES, start + 1
            for at in range(start + 6, start + 6 + 3 * number, 3):
                sampling[body[at]] = body[at + 1] >> 4 or 1, body[at + 1] & 15 or 1
            missing = set(sampling)
        elif marker == DRI:
            interval = body[start] << 8 | body[start + 1]
        elif marker == APP1:
            if turned == 1 and body.startswith(EXIF, start):
                turned = orientation(body[start + len(EXIF) : position])
        elif marker == SOS:
            components = body[start + 1 : start + 1 + 2 * body[start] : 2]
            if not components or not sampling.keys() >= set(components):
                raise DamagedError("corrupt: a scan of no part of the picture")
            missing.difference_update(components)
            end, restarts = _scan(body, position)
            units, unit = 0, (8, 8)
            if blocks and (interval or restarts):
                units, unit = _units(width, height, sampling, components)
                _check_restarts(body, restarts, units, interval)
            scans.append(Scan(position, end, restarts, interval, units, unit))
            allowed = min(MAX_SCANS, MAX_SCANNED_PIXELS // (width * height))
            if len(scans) > allowed:
                raise DamagedError(
                    f"{body.count(SCAN_START)} scans; at most {allowed} are allowed for "
                    f"{width} x {height} pixels"
                )
            position = end
    else:
        raise DamagedError(f"more than {MAX_PARTS} segments")
    if not scans or missing:
        raise DamagedError("corrupt: a part of the picture is missing")
    header = Header("image/jpeg", width, height, turned)
    return Jpeg(header, frame, tuple(scans))


def _scan(body: bytes, start: int) -> tuple[int, tuple[int, ...]]:
    """Where the coded data that begin at `start` end, and where their restart markers stand."""
    restarts: list[int] = []
    for found in MARKER_IN_SCAN.finditer(body, start):
        at = found.start()
        if body[at + 1] not in RESTARTS:
            if body[at - 1] == 0xFF:  # fill bytes before a marker
                at = start + len(body[start:at].rstrip(b"\xff"))
            return at, tuple(restarts)
        restarts.append(at)
        if len(restarts) > MAX_PIXELS // 64:
            raise DamagedError("corrupt: more restart markers than its picture can have")
    raise TruncatedError(f"truncated: it ends at byte {len(body)}, within its picture")


def _units(
    width: int, height: int, sampling: dict[int, tuple[int, int]], components: bytes
) -> tuple[int, tuple[int, int]]:
    """How many units (MCUs) the scan of some components has, and the size of one (T.81, A.2)."""
    across = max(pair[0] for pair in sampling.values())
    down = max(pair[1] for pair in sampling.values())
    unit = 8 * across, 8 * down
    if len(components) == 1:  # its blocks one by one
        own = sampling[components[0]]
        width, height, unit = -(-width * own[0] // across), -(-height * own[1] // down), (8, 8)
    return -(-width // unit[0]) * -(-height // unit[1]), unit


def _check_restarts(body: bytes, restarts: tuple[int, ...], units: int, interval: int) -> None:
    """Restart markers count 0 to 7 again and again, one after every interval but the last."""
    expected = -(-units // interval) - 1 if interval else 0
    # One more at the very end is unusual, and loses nothing.
    if not expected <= len(restarts) <= expected + bool(interval):
        raise DamagedError(f"corrupt: {len(restarts)} restart markers in place of {expected}")
    for number, at in enumerate(restarts):
        if body[at + 1] != RESTARTS[number % 8]:
            raise DamagedError(f"corrupt: restart marker {number} is missing or out of order")
