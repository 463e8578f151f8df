"""From the bytes of an image to the pixels that the network sees: the one way, wherever it runs.

Prepare, training, Evaluate and serving all decode here (it is shipped in the model as
`code/pixels.py`), so the network is served exactly the pixels that it was trained on. It needs no
torch.

An image that lacks data is refused, never repaired: libjpeg decodes on and only warns, and the
pixels after the damage are wrong.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile

import photo
import photo_jpeg
import photo_png
from photo import DamagedError as DamagedError
from photo import ImageError as ImageError
from photo import NotAnImageError as NotAnImageError
from photo import TooLargeError as TooLargeError
from photo import TruncatedError as TruncatedError

try:  # both are libjpeg-turbo and give the same pixels; this way takes less time
    import simplejpeg
except ImportError:  # as in AWS's own PyTorch image, which has only Pillow
    simplejpeg = None

MAX_PIXELS = 50_000_000  # of a training image; the limit of a served one is in photo.py
# What libjpeg reports of missing or wrong data. Its other warnings are of metadata.
DAMAGE = ("Corrupt JPEG data", "Premature end", "Inconsistent progression")
HARMLESS = "bad ICC marker"  # a colour profile, which nothing here uses
# What shows a picture upright, by its Exif orientation.
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
# Bytes that libjpeg reads ahead of the code that it decodes, at most.
AHEAD = 8
MAX_INTERVALS = 1000  # between restart markers; each is decoded as a picture of its own
MAX_JPEG_SIDE = 65500  # of libjpeg

Pixels = NDArray[np.uint8]


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
        TooLargeError: It has more than `max_pixels`, or a side of more than `photo.MAX_SIDE`.
        DamagedError: Data are missing or corrupt, or it has too many scans.
    """
    return decode_with_header(body, size, max_pixels)[0]


def decode_with_header(
    body: bytes, size: int, max_pixels: int = MAX_PIXELS
) -> tuple[Pixels, photo.Header]:
    """As `decode`, with what the image's bytes say of it.

    Raises:
        ImageError: As `decode`.
    """
    image, header = _read(body, size, max_pixels)
    if image.size != (size, size):
        image = image.resize((size, size), Image.Resampling.BILINEAR)
    return np.asarray(image), header


def check(body: bytes, max_pixels: int = MAX_PIXELS) -> tuple[int, int]:
    """Decode an image, which is the only way to know that it is whole.

    Returns:
        Width and height in pixels, as stored.

    Raises:
        ImageError: As `decode`.
    """
    _, header = _read(body, 1, max_pixels)
    return header.width, header.height


def size_of(body: bytes) -> tuple[int, int]:
    """Width and height of an image in pixels, as stored; its picture is not decoded.

    Raises:
        ImageError: As `decode`, as far as its structure shows.
    """
    png = photo.content_type(body) == "image/png"
    header = photo_png.read(body, MAX_PIXELS) if png else photo_jpeg.read(body, MAX_PIXELS).header
    return header.width, header.height


def fraction(width: int, height: int, size: int) -> int:
    """The divisor (1, 2, 4 or 8) at which a decoded JPEG still covers a square of `size`."""
    return next((part for part in (8, 4, 2) if min(width, height) >= size * part), 1)


def _read(body: bytes, size: int, max_pixels: int) -> tuple[Image.Image, photo.Header]:
    """The picture in RGB, upright, at a fraction of its size that covers a square of `size`."""
    kind = photo.content_type(body)
    if not kind:
        raise NotAnImageError(f"{len(body)} bytes that are neither a JPEG nor a PNG")
    try:
        if kind == "image/png":
            header = photo_png.read(body, max_pixels)
            image = _rgb(PngImageFile(io.BytesIO(body)))
        else:
            jpeg = photo_jpeg.read(body, max_pixels)
            header, pixels = jpeg.header, _fast_jpeg(body, jpeg.header, size)
            image = _slow_jpeg(body, jpeg, size) if pixels is None else Image.fromarray(pixels)
    except ImageError:
        raise
    except Exception as error:  # Pillow's readers raise nearly anything over damaged bytes
        raise DamagedError(str(error)) from error
    turn = TURNS.get(header.orientation)
    return (image if turn is None else image.transpose(turn)), header


def _fast_jpeg(body: bytes, header: photo.Header, size: int) -> Pixels | None:
    """The pixels of a JPEG, at a fraction of its size that covers a square of `size`; or None.

    None if simplejpeg is missing, cannot say that the image is whole, or makes other colours than
    Pillow does.
    """
    if simplejpeg is None:
        return None
    part = fraction(header.width, header.height, size)
    height, width = -(-header.height // part), -(-header.width // part)
    try:
        inks = simplejpeg.decode_jpeg_header(body)[2] in ("CMYK", "YCCK")
        pixels: Pixels = simplejpeg.decode_jpeg(
            body, "CMYK" if inks else "RGB", min_height=height, min_width=width
        )
    except ValueError as error:
        if str(error).startswith(DAMAGE) and HARMLESS not in str(error):
            raise DamagedError(str(error)) from error
        return None  # such as an unknown JFIF revision: the other way tells whether it is whole
    return None if inks else pixels


def _slow_jpeg(body: bytes, jpeg: photo_jpeg.Jpeg, size: int) -> Image.Image:
    """Decode a JPEG with Pillow, which hides what libjpeg reports.

    So it is watched how far Pillow has to read. This finds nearly all that libjpeg notices in a
    picture of one scan: not a few bytes too many or too few, and not a wrong code after which as
    many bytes are needed. Inside the scans of a progressive JPEG it finds nothing, and only what
    `photo_jpeg.read` found is refused.
    """
    if len(jpeg.scans) > 1:
        return _with_pillow(io.BytesIO(body), size)
    (scan,) = jpeg.scans
    for part in _intervals(body, jpeg.frame, scan):
        _watched(part, scan.start, len(part) - 2, 1)
    return _watched(body, scan.start, scan.end, size)


def _intervals(body: bytes, frame: int, scan: photo_jpeg.Scan) -> Iterator[bytes]:
    """What lies between the restart markers of a JPEG, each as a JPEG of its own, one unit high."""
    starts = [scan.start, *(at + 2 for at in scan.restarts)]
    ends = [*scan.restarts, scan.end]
    left, (width, height) = scan.units, scan.unit
    for start, end in list(zip(starts, ends, strict=True))[:MAX_INTERVALS]:
        units = min(scan.interval, left)
        left -= units
        if not 0 < units * width <= MAX_JPEG_SIDE:
            return
        size = struct.pack(">HH", height, units * width)
        before = body[:frame] + size + body[frame + 4 : scan.start]
        yield before + body[start:end].rstrip(b"\xff") + photo_jpeg.END


def _watched(body: bytes, start: int, end: int, size: int) -> Image.Image:
    """Decode a JPEG, and raise unless all coded data, from `start` to `end`, were needed."""
    file = _InParts(body, (max(start, end - 1), end + AHEAD), end)
    picture = _with_pillow(file, size)
    if file.tell() < end:
        raise DamagedError("corrupt: more coded data than its picture needs")
    if file.tell() > end + AHEAD:
        raise TruncatedError("truncated: coded data of its picture are missing")
    return picture


def _with_pillow(file: io.BytesIO, size: int) -> Image.Image:
    image = JpegImageFile(file)
    image.draft("RGB", (size, size))
    return _rgb(image)


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):  # 16-bit grey: keep the high bytes; Pillow would clip to white
        image = image.convert("I").point(lambda value: value / 256).convert("L")
    return image.convert("RGB")


class _InParts(io.BytesIO):
    """A JPEG that is read in three parts, so that `tell` shows how many a decoder needed.

    At `end`, within the second part, bytes are put in that are no marker, which libjpeg may read
    ahead. A decoder that needs nothing of the second part has more data than its picture; one that
    needs the third has less.
    """

    def __init__(self, body: bytes, borders: tuple[int, int], end: int) -> None:
        super().__init__(b"".join([body[:end], bytes(AHEAD), body[end:]]))
        self._borders = borders

    def read(self, size: int | None = -1) -> bytes:
        """Read, but never across a border."""
        position = self.tell()
        most = next((border - position for border in self._borders if position < border), None)
        if most is not None:
            size = most if size is None or size < 0 else min(size, most)
        return super().read(size)
