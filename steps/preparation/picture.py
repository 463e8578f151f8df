"""The picture of a bin: what is wrong with it, how large it is, and how it is stored smaller."""

from __future__ import annotations

import io

from PIL import Image

import photo
import pixels
from preparation.errors import UnusableBinError

# Of a stored JPEG, with colours at full resolution: nearer to the original than quality 95 with
# colours at half of it, in as many bytes.
QUALITY, SUBSAMPLING = 92, "4:4:4"


def check(content: bytes) -> tuple[int, int]:
    """Decode an image as the endpoint does, which is the only way to know that it is whole.

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
    try:
        return pixels.check(content, photo.MAX_PIXELS)
    except photo.TooLargeError as error:
        detail = f"{error}; at most {photo.MAX_PIXELS / 1e6:.0f} megapixels are served"
        raise UnusableBinError("too-large-image", detail) from None
    except photo.ImageError as error:
        truncated = isinstance(error, photo.TruncatedError)
        reason = "truncated-image" if truncated else "undecodable-image"
        raise UnusableBinError(reason, str(error)) from None


def resize(content: bytes, size: int) -> bytes:
    """Return the picture as a square JPEG, resized as training does; a smaller one unchanged.

    Training decodes a square of its own image size without another change of size, so that the
    network's input differs only by what JPEG rounds.

    Args:
        content: The bytes of a picture that `check` accepted.
        size: Width and height, in pixels.
    """
    if max(pixels.size_of(content)) <= size:
        return content
    file = io.BytesIO()
    square = Image.fromarray(pixels.decode(content, size))
    square.save(file, "JPEG", quality=QUALITY, subsampling=SUBSAMPLING)
    return file.getvalue()
