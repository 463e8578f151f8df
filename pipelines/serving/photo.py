"""A photo for the endpoint: read from a file, and checked here for what would only fail there."""

import io
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile

from model_registry.errors import RegistryError

# The same limits as in steps/photo.py, which is shipped apart.
MAX_BYTES = 25 * 1024 * 1024
MAX_PIXELS = 25_000_000
MAX_SCANS = 100  # of a progressive JPEG; each takes the model server time
SCAN = b"\xff\xda\x00"
# Pillow's reader of each format by its first bytes; the readers decode nothing until asked.
READERS: dict[bytes, tuple[str, type[ImageFile]]] = {
    b"\xff\xd8\xff": ("image/jpeg", JpegImageFile),
    b"\x89PNG\r\n\x1a\n": ("image/png", PngImageFile),
}


class PhotoError(RegistryError):
    """The file cannot be sent to the endpoint; the message says why and what to do."""


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
        PhotoError: There is no such file, it is empty, too large, or neither a JPEG nor a PNG.
    """
    if not path.is_file():
        raise PhotoError(_why_no_file(path))
    size = path.stat().st_size
    if size == 0:
        raise PhotoError(f"{path}: the file is empty (0 bytes).")
    if size > MAX_BYTES:
        raise PhotoError(
            f"{path}: {size / 2**20:.1f} MiB is above the endpoint's {MAX_BYTES >> 20} MiB. "
            "Save it smaller; the model looks at a few hundred pixels."
        )
    body = path.read_bytes()
    first = next((first for first in READERS if body.startswith(first)), None)
    if first is None:
        raise PhotoError(
            f"{path}: is neither a JPEG nor a PNG image; it begins with {body[:12]!r}."
        )
    content_type, reader = READERS[first]
    try:
        width, height = reader(io.BytesIO(body)).size
    except (OSError, SyntaxError, ValueError):
        raise PhotoError(f"{path}: is cut off or damaged; its size cannot be read.") from None
    if width * height > MAX_PIXELS:
        raise PhotoError(
            f"{path}: {width} x {height} is {width * height / 1e6:.0f} megapixels, and at most "
            f"{MAX_PIXELS // 1_000_000} are allowed. Save it smaller."
        )
    if reader is JpegImageFile and (scans := body.count(SCAN)) > MAX_SCANS:
        raise PhotoError(
            f"{path}: has {scans} scans, and at most {MAX_SCANS} are allowed. Save it again."
        )
    return Photo(path, body, content_type, width, height)


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
