"""A bin's photo: the limits of what is served, and what its bytes must be called.

Shipped with every step and in the model, so that Prepare sets aside what the endpoint would refuse;
the commands read the limits here, too. It needs nothing but Python.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

CONTENT_TYPES = ("image/jpeg", "image/png")
# Other names that clients give to the same two, and names that promise nothing.
OTHER_NAMES = ("image/jpg", "image/pjpeg", "image/x-png")
GENERAL_NAMES = ("", "application/octet-stream", "application/x-image")
# InvokeEndpoint's limit, from "Model Hosting FAQs" in SageMaker's developer guide; its API
# reference still has the former 6 MB.
MAX_BYTES = 25 * 1024 * 1024
MAX_PIXELS = 25_000_000  # a bin's photo has about one megapixel
MAX_SIDE = 20_000  # pixels; a picture of 1 x 25,000,000 would take gigabytes to resize
MAX_SCANS = 100  # of a progressive JPEG; cameras and programs write about ten
# Pixels times scans: each scan of a progressive JPEG takes as long to decode as a picture.
MAX_SCANNED_PIXELS = 20 * MAX_PIXELS
MAX_PARTS = 50_000  # segments of a JPEG or chunks of a PNG, which may have one for each row
JPEG, PNG = b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"
EXIF = b"Exif\x00\x00"
ORIENTATION = 0x0112  # Exif's tag
NUMBERS = {1: "B", 3: "H", 4: "I"}  # Exif's types of whole numbers; the second is the right one


class ImageError(ValueError):
    """The bytes cannot be used as an image; the subclass tells the reason."""


class NotAnImageError(ImageError):
    """The bytes are neither a JPEG nor a PNG."""


class TooLargeError(ImageError):
    """The image has more pixels than are allowed; `pixels` is their number, where known."""

    def __init__(self, detail: str, pixels: int | None = None) -> None:
        super().__init__(detail)
        self.pixels = pixels


class DamagedError(ImageError):
    """It begins like an image, but data are missing or corrupt, or it has too many scans."""


class TruncatedError(DamagedError):
    """It ends before its picture does."""


class Header(NamedTuple):
    """What a photo's bytes say of it.

    Attributes:
        content_type: image/jpeg or image/png, by the bytes.
        width: in pixels, as stored.
        height: in pixels, as stored.
        orientation: of Exif, 1 to 8; 1 is upright, and is taken where it is missing or unreadable.
    """

    content_type: str
    width: int
    height: int
    orientation: int


def content_type(body: bytes) -> str:
    """image/jpeg or image/png by the first bytes, or ""."""
    if body.startswith(JPEG):
        return "image/jpeg"
    return "image/png" if body.startswith(PNG) else ""


def allows(named: str | None, body: bytes) -> bool:
    """Whether a request may name its body so.

    Args:
        named: The content type of the request, or None.
        body: The request's body. It decides only where the name says nothing of an image.
    """
    name = (named or "").split(";")[0].strip().lower()
    if name in CONTENT_TYPES or name in OTHER_NAMES:
        return True
    return name in GENERAL_NAMES and (not body or bool(content_type(body)))


def check_size(width: int, height: int, max_pixels: int) -> None:
    """Raise TooLargeError for more than `max_pixels`, or a side of more than MAX_SIDE."""
    if not width or not height:
        raise DamagedError(f"its size is {width} x {height} pixels")
    if width * height > max_pixels:
        megapixels = width * height / 1e6
        raise TooLargeError(f"{width} x {height} = {megapixels:.1f} megapixels", width * height)
    if max(width, height) > MAX_SIDE:
        raise TooLargeError(
            f"{width} x {height} pixels, and a side may have at most {MAX_SIDE}", width * height
        )


def orientation(exif: bytes) -> int:
    """The orientation in Exif data, 1 to 8; 1 where there is none or it cannot be read."""
    try:
        order = {b"II": "<", b"MM": ">"}[exif[:2]]
        (directory,) = struct.unpack_from(f"{order}I", exif, 4)
        (number,) = struct.unpack_from(f"{order}H", exif, directory)
        for entry in range(number):
            at = directory + 2 + 12 * entry
            tag, kind = struct.unpack_from(f"{order}HH", exif, at)
            if tag == ORIENTATION:
                (value,) = struct.unpack_from(order + NUMBERS[kind], exif, at + 8)
                return int(value) if 1 <= value <= 8 else 1
    except (KeyError, struct.error):
        pass
    return 1
