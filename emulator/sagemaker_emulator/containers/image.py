"""A container image: for the emulator, a folder with what a container needs."""

import re
from dataclasses import dataclass
from pathlib import Path


class ImageError(Exception):
    """An image reference without a usable folder."""


@dataclass(frozen=True)
class Image:
    """What `<images>/<name>/` holds.

    Attributes:
        uri: The reference in the request.
        name: The last part of the repository's name, which is the folder's name.
        folder: `<images>/<name>`.
        preload: The modules that a warm parent imports once (`preload.txt`), in order.
        python: The Pythons that its packages are for (`python.txt`), such as `>=3.11,<3.13`; empty
            for any.
    """

    uri: str
    name: str
    folder: Path
    preload: tuple[str, ...]
    python: str = ""

    @property
    def requirements(self) -> Path:
        """The pinned packages of the image."""
        return self.folder / "requirements.txt"

    @property
    def overrides(self) -> Path:
        """Pins that replace what other packages require; the file is optional."""
        return self.folder / "overrides.txt"

    @property
    def bin(self) -> Path:
        """The image's own executables, `train` and `serve` among them."""
        return self.folder / "bin"


def find(images: Path, uri: str) -> Image:
    """Find the folder of an image.

    Args:
        images: The folder with a folder for each image.
        uri: `<account>.dkr.ecr.<region>.amazonaws.com/NAME:tag`, `NAME@sha256:...` or `NAME`.

    Raises:
        ImageError: There is no such folder, or it has no requirements.txt.
    """
    name = re.sub(r"(@sha256:.*|:[^:/]*)$", "", uri).rsplit("/", 1)[-1]
    folder = images / name
    if not name or not folder.is_dir():
        known = sorted(p.parent.name for p in images.glob("*/requirements.txt"))
        raise ImageError(
            f"image {uri!r}: no folder {folder}. An image is a folder there with a "
            f"requirements.txt; there are: {', '.join(known) or 'none'}."
        )
    python = "".join(_lines(folder / "python.txt"))
    image = Image(uri, name, folder, _lines(folder / "preload.txt"), python)
    if not image.requirements.is_file():
        raise ImageError(f"image {uri!r}: {image.requirements} is missing (it may be empty).")
    return image


def _lines(path: Path) -> tuple[str, ...]:
    """The lines of a file without comments; none if there is no such file."""
    if not path.is_file():
        return ()
    lines = (line.split("#")[0].strip() for line in path.read_text().splitlines())
    return tuple(line for line in lines if line)
