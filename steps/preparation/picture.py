"""The picture of a bin: what is wrong with it, how large it is, and how it is stored smaller."""

from __future__ import annotations

import io

from PIL import Image, UnidentifiedImageError

import photo
from preparation.errors import UnusableBinError

Image.MAX_IMAGE_PIXELS = None  # Pillow's own warning would be shared by all threads
# Of a stored JPEG, with colours at full resolution: nearer to the original than quality 95 with
# colours at half of it, in as many bytes.
QUALITY, SUBSAMPLING = 92, "4:4:4"


def check(content: bytes) -> tuple[int, int]:
    """Decode an image, which is the only way to know that it is complete.

    Returns:
        Width and height in pixels.

    Raises:
        UnusableBinError: It is empty, too large, damaged, or neither a JPEG nor a PNG.
    """
    if not content:
        raise UnusableBinError("empty-image", "0 bytes")
    if len(content) > photo.MAX_BYTES:
        detail = f"{len(content)} bytes; at most {photo.MAX_BYTES} are served"
        raise UnusableBinError("too-large-image", detail)
    if detail := photo.too_many_scans(content):
        raise UnusableBinError("undecodable-image", detail)
    try:
        with Image.open(io.BytesIO(content), formats=photo.FORMATS) as image:
            if image.width * image.height > photo.MAX_PIXELS:
                raise UnusableBinError(
                    "too-large-image",
                    f"{image.width} x {image.height} pixels; at most {photo.MAX_PIXELS} are served",
                )
            image.load()
            return image.size
    except UnidentifiedImageError:
        detail = f"{len(content)} bytes that are neither a JPEG nor a PNG"
        raise UnusableBinError("undecodable-image", detail) from None
    except (OSError, SyntaxError, ValueError) as error:
        reason = "truncated-image" if "truncated" in str(error) else "undecodable-image"
        raise UnusableBinError(reason, str(error)) from None


def resize(content: bytes, size: int) -> bytes:
    """Return the picture as a square JPEG, resized as training does; a smaller one unchanged.

    Training decodes a square of its own image size without another change of size, so that the
    network's input differs only by what JPEG rounds.

    Args:
        content: The bytes of a picture that `check` accepted.
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
