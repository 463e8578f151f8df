"""The picture of a bin: what is wrong with it, how large it is, and how it is stored smaller."""

from __future__ import annotations

import io
from dataclasses import dataclass

from PIL import Image, UnidentifiedImageError

import photo

Image.MAX_IMAGE_PIXELS = None  # Pillow's own warning would be shared by all threads
# Of a stored JPEG, with colours at full resolution: nearer to the original than quality 95 with
# colours at half of it, in as many bytes.
QUALITY, SUBSAMPLING = 92, "4:4:4"


@dataclass(frozen=True)
class Picture:
    """A usable picture as it was fetched: its size in pixels."""

    width: int
    height: int


@dataclass(frozen=True)
class Flaw:
    """Why a picture cannot be used; `reason` is the manifest's term for it."""

    reason: str
    detail: str


def inspect(content: bytes) -> Picture | Flaw:
    """Decode the bytes of an image, which is the only way to know that they are complete."""
    if not content:
        return Flaw("empty-image", "0 bytes")
    if len(content) > photo.MAX_BYTES:
        return Flaw(
            "too-large-image", f"{len(content)} bytes; at most {photo.MAX_BYTES} are served"
        )
    if scans := photo.too_many_scans(content):
        return Flaw("undecodable-image", scans)
    try:
        with Image.open(io.BytesIO(content), formats=photo.FORMATS) as image:
            if image.width * image.height > photo.MAX_PIXELS:
                return Flaw(
                    "too-large-image",
                    f"{image.width} x {image.height} pixels; at most {photo.MAX_PIXELS} are served",
                )
            image.load()
            return Picture(image.width, image.height)
    except UnidentifiedImageError:
        return Flaw("undecodable-image", f"{len(content)} bytes that are neither a JPEG nor a PNG")
    except (OSError, SyntaxError, ValueError) as error:
        reason = "truncated-image" if "truncated" in str(error) else "undecodable-image"
        return Flaw(reason, str(error))


def resize(content: bytes, size: int) -> bytes:
    """Return the picture as a square JPEG, resized as training does; a smaller one unchanged.

    Training decodes a square of its own image size without another change of size, so that the
    network's input differs only by what JPEG rounds.

    Args:
        content: The bytes of a picture that `inspect` accepted.
        size: Width and height, in pixels.
    """
    with Image.open(io.BytesIO(content), formats=photo.FORMATS) as image:
        if max(image.size) <= size:
            return content
        image.draft("RGB", (size, size))
        square = photo.upright(image).resize((size, size), Image.Resampling.BILINEAR)
    file = io.BytesIO()
    square.save(file, "JPEG", quality=QUALITY, subsampling=SUBSAMPLING)
    return file.getvalue()
