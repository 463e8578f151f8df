"""From the bytes of an image to the pixels that the network sees: the one way, wherever it runs.

Training, Evaluate and serving all decode here (it is shipped in the model as `code/pixels.py`), so
what is served has seen nothing else than what was learnt from. It needs no torch.
"""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, ImageOps

try:  # both are libjpeg-turbo and give the same pixels; this way takes less time
    import simplejpeg
except ImportError:  # as in AWS's own PyTorch image, which has only Pillow
    simplejpeg = None

FORMATS = ("JPEG", "PNG")
MAX_PIXELS = 50_000_000  # a bin's photo has about one megapixel
MAX_SCANS = 100  # of a progressive JPEG; cameras and programs write about ten
JPEG, EXIF, SCAN = b"\xff\xd8\xff", b"Exif\x00\x00", b"\xff\xda\x00"
EXIF_WITHIN = 4096  # bytes; Exif is the first segment, or the one after JFIF's


class ImageError(ValueError):
    """The bytes cannot be made into pixels; the kinds below say why."""


class NotAnImageError(ImageError):
    """The bytes are no JPEG and no PNG."""


class TooLargeError(ImageError):
    """The image has more pixels than are decoded; `pixels` says how many, where it is known."""

    def __init__(self, detail: str, pixels: int | None = None) -> None:
        super().__init__(detail)
        self.pixels = pixels


class DamagedError(ImageError):
    """It begins as an image does and is not decoded: truncated, damaged, or made to take long."""


def decode(body: bytes, size: int, most_pixels: int = MAX_PIXELS) -> np.ndarray:
    """Decode an image and squeeze it to a square.

    It is squeezed whatever its aspect: a bin's picture shows the whole bin, so cropping it would
    hide items, and padding it would waste pixels. A JPEG is decoded at 1/2, 1/4 or 1/8 of its size
    where that still covers the square: libjpeg-turbo has vector code for these and not for the
    other eighths, which took longer than decoding everything (benchmarks/loading.py).

    Args:
        body: the bytes of a JPEG or a PNG.
        size: width and height wanted.
        most_pixels: a larger image is refused before it is decoded.

    Returns:
        uint8 (size, size, 3), RGB, upright.

    Raises:
        NotAnImageError: it is neither.
        TooLargeError: it has more than `most_pixels`.
        DamagedError: it cannot be decoded, or has more than `MAX_SCANS`.
    """
    # Each scan goes over the whole picture and may be 40 bytes long: a small file took minutes.
    if body.startswith(JPEG) and (scans := body.count(SCAN)) > MAX_SCANS:
        raise DamagedError(f"it has {scans} scans, and at most {MAX_SCANS} are decoded")
    pixels = _plain_jpeg(body, size, most_pixels)
    image = _by_pillow(body, size, most_pixels) if pixels is None else Image.fromarray(pixels)
    if image.size != (size, size):
        image = image.resize((size, size), Image.Resampling.BILINEAR)
    return np.asarray(image)


def _plain_jpeg(body: bytes, size: int, most_pixels: int) -> np.ndarray | None:
    """The pixels of a JPEG in colour, at least `size` wide and high where it is; else None."""
    # Exif may say that the picture is to be turned, which Pillow does.
    if simplejpeg is None or not body.startswith(JPEG) or EXIF in body[:EXIF_WITHIN]:
        return None
    try:
        height, width, colours, _ = simplejpeg.decode_jpeg_header(body)
        if height * width > most_pixels:
            raise _too_large(width, height)
        if colours != "YCbCr":
            return None
        part = fraction(width, height, size)
        return simplejpeg.decode_jpeg(
            body, "RGB", min_height=-(-height // part), min_width=-(-width // part)
        )
    except TooLargeError:
        raise
    except ValueError:
        return None  # Pillow reads some more, and says what is wrong with the others


def fraction(width: int, height: int, size: int) -> int:
    """At which part of its size (1, 2, 4, 8) a JPEG is decoded to cover a square of `size`."""
    parts = (8, 4, 2)
    return next((part for part in parts if min(width, height) >= size * part), 1)


def _by_pillow(body: bytes, size: int, most_pixels: int) -> Image.Image:
    try:
        image: Image.Image = Image.open(io.BytesIO(body), formats=FORMATS)
    except Image.DecompressionBombError as error:
        raise TooLargeError("it has more megapixels than Pillow opens") from error
    except (OSError, ValueError, SyntaxError) as error:
        raise NotAnImageError("it is no readable JPEG or PNG") from error
    if image.width * image.height > most_pixels:
        raise _too_large(*image.size)
    try:
        image.draft("RGB", (size, size))
        return ImageOps.exif_transpose(_eight_bits(image)).convert("RGB")
    except Exception as error:  # Pillow's readers raise nearly anything over damaged bytes
        raise DamagedError(str(error)) from error


def _eight_bits(image: Image.Image) -> Image.Image:
    """A 16-bit grey PNG keeps its high bytes; Pillow's conversion would clip it to white."""
    if image.mode.startswith("I"):
        return image.convert("I").point(lambda value: value / 256).convert("L")
    return image


def _too_large(width: int, height: int) -> TooLargeError:
    pixels = width * height
    return TooLargeError(f"{width} x {height} = {pixels / 1e6:.1f} megapixels", pixels)
