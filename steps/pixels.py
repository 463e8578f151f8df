"""From the bytes of an image to the pixels that the network sees: the one way, wherever it runs.

Training, Evaluate and serving all decode here (it is shipped in the model as `code/pixels.py`), so
the network is served exactly the pixels that it was trained on. It needs no torch.
"""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

import photo

try:  # both are libjpeg-turbo and give the same pixels; this way takes less time
    import simplejpeg
except ImportError:  # as in AWS's own PyTorch image, which has only Pillow
    simplejpeg = None

MAX_PIXELS = 50_000_000  # of a training image; the limit of a served one is in photo.py
EXIF = b"Exif\x00\x00"
EXIF_WITHIN = 4096  # bytes; Exif is the first segment, or the one after JFIF's

Pixels = NDArray[np.uint8]


class ImageError(ValueError):
    """The bytes cannot be decoded; the subclass tells the reason."""


class NotAnImageError(ImageError):
    """The bytes are neither a JPEG nor a PNG."""


class TooLargeError(ImageError):
    """The image has more pixels than are allowed; `pixels` is their number, where known."""

    def __init__(self, detail: str, pixels: int | None = None) -> None:
        super().__init__(detail)
        self.pixels = pixels


class DamagedError(ImageError):
    """It begins like an image but cannot be decoded: truncated, damaged, or too many scans."""


def decode(body: bytes, size: int, max_pixels: int = MAX_PIXELS) -> Pixels:
    """Decode an image and resize it to a square.

    It is squeezed whatever its aspect: a bin's picture shows the whole bin, so cropping it would
    hide items, and padding it would waste pixels. A JPEG is decoded at 1/2, 1/4 or 1/8 of its size
    where that still covers the square: libjpeg-turbo has vector code for these and not for the
    other eighths, which took longer than decoding everything (benchmarks/loading.py).

    Args:
        body: The bytes of a JPEG or a PNG.
        size: Width and height of the result, in pixels.
        max_pixels: A larger image is refused before it is decoded.

    Returns:
        uint8 (size, size, 3), RGB, upright.

    Raises:
        NotAnImageError: It is neither a JPEG nor a PNG.
        TooLargeError: It has more than `max_pixels`.
        DamagedError: It cannot be decoded, or has too many scans.
    """
    if reason := photo.too_many_scans(body):
        raise DamagedError(reason)
    pixels = _plain_jpeg(body, size, max_pixels)
    image = _with_pillow(body, size, max_pixels) if pixels is None else Image.fromarray(pixels)
    if image.size != (size, size):
        image = image.resize((size, size), Image.Resampling.BILINEAR)
    return np.asarray(image)


def _plain_jpeg(body: bytes, size: int, max_pixels: int) -> Pixels | None:
    """The pixels of a colour JPEG, at least `size` wide and high if the image is; else None."""
    # The Exif data may ask for a rotation, which Pillow does.
    if simplejpeg is None or not body.startswith(photo.JPEG) or EXIF in body[:EXIF_WITHIN]:
        return None
    try:
        height, width, colours, _ = simplejpeg.decode_jpeg_header(body)
        if height * width > max_pixels:
            raise _too_large(width, height)
        if colours != "YCbCr":
            return None
        part = fraction(width, height, size)
        pixels: Pixels = simplejpeg.decode_jpeg(
            body, "RGB", min_height=-(-height // part), min_width=-(-width // part)
        )
        return pixels
    except TooLargeError:
        raise
    except ValueError:
        return None  # Pillow reads some of these, and reports what is wrong with the others


def fraction(width: int, height: int, size: int) -> int:
    """The divisor (1, 2, 4 or 8) at which a decoded JPEG still covers a square of `size`."""
    return next((part for part in (8, 4, 2) if min(width, height) >= size * part), 1)


def _with_pillow(body: bytes, size: int, max_pixels: int) -> Image.Image:
    try:
        image: Image.Image = Image.open(io.BytesIO(body), formats=photo.FORMATS)
    except Image.DecompressionBombError as error:
        raise TooLargeError("it has more megapixels than Pillow opens") from error
    except (OSError, ValueError, SyntaxError) as error:
        raise NotAnImageError("it is not a readable JPEG or PNG") from error
    if image.width * image.height > max_pixels:
        raise _too_large(*image.size)
    try:
        image.draft("RGB", (size, size))
        return photo.upright(image)
    except Exception as error:  # Pillow's readers raise nearly anything over damaged bytes
        raise DamagedError(str(error)) from error


def _too_large(width: int, height: int) -> TooLargeError:
    pixels = width * height
    return TooLargeError(f"{width} x {height} = {pixels / 1e6:.1f} megapixels", pixels)
