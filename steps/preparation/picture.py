"""The picture of a bin: what is wrong with it, how large it is, and how it is stored smaller."""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass

from PIL import Image, ImageOps, UnidentifiedImageError

# A bin photo has about a megapixel; beyond this Pillow warns of a decompression bomb.
Image.MAX_IMAGE_PIXELS = 50_000_000
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
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(content), formats=FORMATS) as image:
                image.load()
                return Picture(image.width, image.height)
    except UnidentifiedImageError:
        return Flaw("undecodable-image", f"{len(content)} bytes that are no JPEG and no PNG")
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        return Flaw("too-large-image", str(error))
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
