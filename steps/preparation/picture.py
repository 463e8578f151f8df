"""The picture of a bin: what is wrong with it, how large it is, and how it is stored smaller."""

from __future__ import annotations

import io
from dataclasses import dataclass

from PIL import Image, ImageOps, UnidentifiedImageError

# What the endpoint takes (steps/inference.py): a test image that it would refuse ends Evaluate.
MAX_BYTES = 25 * 1024 * 1024
MAX_PIXELS = 25_000_000
MAX_SCANS = 100  # of a JPEG (steps/pixels.py)
Image.MAX_IMAGE_PIXELS = None  # Pillow's own warning would be shared by all threads
FORMATS = ("JPEG", "PNG")  # what the network's own decoder reads
# Of a stored JPEG, with colours at full resolution: nearer to the original than quality 95 with
# colours at half of it, in as many bytes.
QUALITY, SUBSAMPLING = 92, "4:4:4"


@dataclass(frozen=True)
class Picture:
    """A picture that can be used, as it was fetched: its size in pixels."""

    width: int
    height: int


@dataclass(frozen=True)
class Flaw:
    """Why a picture cannot be used; `reason` is the manifest's word for it."""

    reason: str
    detail: str


def inspect(content: bytes) -> Picture | Flaw:
    """Decode the bytes of an image, which is the only way to know that they are whole."""
    if not content:
        return Flaw("empty-image", "0 bytes")
    if len(content) > MAX_BYTES:
        return Flaw("too-large-image", f"{len(content)} bytes; at most {MAX_BYTES} are served")
    if content.startswith(b"\xff\xd8") and (scans := content.count(b"\xff\xda\x00")) > MAX_SCANS:
        return Flaw("undecodable-image", f"{scans} scans; at most {MAX_SCANS} are served")
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as image:
            if image.width * image.height > MAX_PIXELS:
                return Flaw(
                    "too-large-image",
                    f"{image.width} x {image.height} pixels; at most {MAX_PIXELS} are served",
                )
            image.load()
            return Picture(image.width, image.height)
    except UnidentifiedImageError:
        return Flaw("undecodable-image", f"{len(content)} bytes that are no JPEG and no PNG")
    except (OSError, SyntaxError, ValueError) as error:
        reason = "truncated-image" if "truncated" in str(error) else "undecodable-image"
        return Flaw(reason, str(error))


def squeezed(content: bytes, size: int) -> bytes:
    """The picture as a square JPEG, as training would squeeze it; an even smaller one as it is.

    A square of the size that training asks for is decoded there without another change of size,
    so that what the network sees differs only by what JPEG rounds.

    Args:
        content: The bytes of a picture that `inspect` found whole.
        size: Width and height, in pixels.
    """
    with Image.open(io.BytesIO(content), formats=FORMATS) as image:
        if max(image.size) <= size:
            return content
        image.draft("RGB", (size, size))
        upright = ImageOps.exif_transpose(_eight_bits(image)).convert("RGB")
        square = upright.resize((size, size), Image.Resampling.BILINEAR)
    file = io.BytesIO()
    square.save(file, "JPEG", quality=QUALITY, subsampling=SUBSAMPLING)
    return file.getvalue()


def _eight_bits(image: Image.Image) -> Image.Image:
    """A 16-bit grey PNG keeps its high bytes; Pillow's conversion would clip it to white."""
    if image.mode.startswith("I"):
        return image.convert("I").point(lambda value: value / 256).convert("L")
    return image
