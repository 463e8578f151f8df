"""A photo for the endpoint: read from a file, and checked here for what would only fail there."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from model_registry.errors import RegistryError
from pipelines.steps import photo as limits
from pipelines.steps import photo_jpeg, photo_png


class PhotoError(RegistryError):
    """The file cannot be sent to the endpoint; the message says why and what to do."""


class TooManyPixelsError(PhotoError):
    """The image has more pixels than the endpoint accepts."""


@dataclass(frozen=True)
class Photo:
    """A checked image file; width and height in pixels."""

    path: Path
    body: bytes
    content_type: str
    width: int
    height: int


def load(path: Path) -> Photo:
    """Read an image file and check it by its bytes, whatever its name.

    Raises:
        PhotoError: There is no such file, or it is empty, too large, damaged, or neither a JPEG
            nor a PNG. Damage inside the coded picture is found by the endpoint alone.
    """
    if not path.is_file():
        raise PhotoError(_why_no_file(path))
    size = path.stat().st_size
    if size == 0:
        raise PhotoError(f"{path}: the file is empty (0 bytes).")
    if size > limits.MAX_BYTES:
        raise PhotoError(
            f"{path}: {size / 2**20:.1f} MiB is above the endpoint's {limits.MAX_BYTES >> 20} MiB. "
            "Save it smaller; the model looks at a few hundred pixels."
        )
    return check(path, path.read_bytes())


def check(path: Path, body: bytes) -> Photo:
    """Check an image file by its bytes, which are at most `limits.MAX_BYTES`.

    Args:
        path: Its name, for messages.
        body: The file.

    Raises:
        TooManyPixelsError: It has more pixels than the endpoint accepts.
        PhotoError: It is damaged, or neither a JPEG nor a PNG.
    """
    content_type = limits.content_type(body)
    if not content_type:
        raise PhotoError(
            f"{path}: is neither a JPEG nor a PNG image; it begins with {body[:12]!r}."
        )
    try:
        png = content_type == "image/png"
        header = photo_png.read(body) if png else photo_jpeg.read(body).header
    except limits.TooLargeError as error:
        raise TooManyPixelsError(
            f"{path}: {error}; at most {limits.MAX_PIXELS // 1_000_000} megapixels are allowed. "
            "Save it smaller."
        ) from None
    except limits.TruncatedError as error:
        raise PhotoError(f"{path}: is cut off ({error}). Copy it again.") from None
    except limits.DamagedError as error:
        raise PhotoError(
            f"{path}: cannot be read ({error}). Copy it again, or save it anew."
        ) from None
    return Photo(path, body, content_type, header.width, header.height)


def load_all(paths: Iterable[Path]) -> list[Photo]:
    """Read and check several files.

    Raises:
        PhotoError: Some cannot be sent to the endpoint; the message has a line for each of them.
    """
    photos, problems = [], []
    for path in paths:
        try:
            photos.append(load(path))
        except PhotoError as error:
            problems.append(str(error))
    if problems:
        raise PhotoError("\n".join(problems))
    return photos


def _why_no_file(path: Path) -> str:
    if path.is_dir():
        return f"{path}: is a folder; `python pipeline.py score {path}` counts all its images."
    if re.match("[a-z][a-z0-9]+:/", str(path)):  # a Path keeps one slash of an address's two
        address = str(path).replace(":/", "://", 1)
        return f"{address}: is not a file on this machine; download it first."
    return f"{path}: there is no such file."
