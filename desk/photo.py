"""A photo from a browser: upright, small enough for every endpoint, and a JPEG or a PNG."""

import hashlib
import io
import warnings
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageOps

from pipelines.errors import UserError
from pipelines.serving import photo as checked
from pipelines.serving.photo import Photo
from pipelines.steps import photo as limits

# Every endpoint accepts 6 MB, older ones no more; a stock record makes the request longer by 4/3.
MAX_BYTES = 6_000_000 * 3 // 4
SCALED_SIDE = 2048  # pixels of the longer side; the model looks at a few hundred
MOST_PIXELS = 150_000_000  # that are read at all
QUALITY = 90  # of a JPEG


class PhotoUnusableError(UserError):
    """The file is no photo that can be read; the message says what to do."""


@dataclass(frozen=True)
class Prepared:
    """A photo as it is sent.

    Attributes:
        photo: What is sent.
        sha256: Of the file, in hex.
        note: How it differs from the file, in one sentence; "" if it does not.
    """

    photo: Photo
    sha256: str
    note: str = ""


def prepare(name: str, body: bytes) -> Prepared:
    """Return a photo that the endpoint accepts; scale or convert it only where it must be.

    Args:
        name: The file's name, for messages.
        body: The file.

    Raises:
        PhotoUnusableError: The file is empty, damaged or no picture.
    """
    if not body:
        raise PhotoUnusableError("Choose a photo first, or take one.")
    sha256, kind = hashlib.sha256(body).hexdigest(), limits.content_type(body)
    if kind and len(body) <= MAX_BYTES:
        try:
            return Prepared(checked.check(Path(name), body), sha256)
        except checked.TooManyPixelsError:
            pass  # scaled below
        except checked.PhotoError as error:
            raise PhotoUnusableError(str(error)) from None
    picture, stored = read(body)
    picture.thumbnail((SCALED_SIDE, SCALED_SIDE))
    scaled = Photo(Path(name), encode(picture), "image/jpeg", picture.width, picture.height)
    if picture.size == stored:
        return Prepared(scaled, sha256, "The photo was converted to JPEG.")
    return Prepared(
        scaled,
        sha256,
        f"The photo was made smaller before it was sent: {picture.width} x {picture.height} "
        f"pixels in place of {stored[0]} x {stored[1]}.",
    )


def read(body: bytes, side: int = SCALED_SIDE) -> tuple[Image.Image, tuple[int, int]]:
    """Return a picture, upright and in colours, and the width and height of the whole of it.

    Args:
        body: A file of any kind that Pillow reads.
        side: Pixels of the longer side that suffice; a JPEG is read smaller where it can be.

    Raises:
        PhotoUnusableError: It is damaged, too large or no picture.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            picture = Image.open(io.BytesIO(body))
            if picture.width * picture.height > MOST_PIXELS:
                raise Image.DecompressionBombError
            size = picture.size
            picture.draft("RGB", (side, side))
            turned = picture.getexif().get(limits.ORIENTATION, 1) >= 5
            upright = ImageOps.exif_transpose(picture).convert("RGB")
            return upright, size[::-1] if turned else size
    except Image.DecompressionBombError:  # of Pillow, from twice its own limit on
        raise PhotoUnusableError(
            f"The photo has more than {MOST_PIXELS // 1_000_000} megapixels. Take a smaller one."
        ) from None
    except Exception as error:  # Pillow's plugins raise errors of many kinds for damaged files
        raise PhotoUnusableError(
            "The photo cannot be read: it is damaged, or of a kind that the desk does not know. "
            f"Take it again, as a JPEG or a PNG. ({type(error).__name__})"
        ) from None


def encode(picture: Image.Image) -> bytes:
    """Return a picture as a JPEG."""
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=QUALITY)
    return file.getvalue()
