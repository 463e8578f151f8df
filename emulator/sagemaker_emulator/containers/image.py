"""A container image: for the emulator, a folder with what a container needs."""

import contextlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sagemaker_emulator.containers import framework_images
from sagemaker_emulator.containers.image_file import ImageFile, ImageFileError

_PLACEHOLDER = re.compile(r"\{([a-z]+)\}")
_HOW_TO = (
    "To supply one:\n"
    "  mkdir -p {folder}/bin\n"
    "  touch {folder}/requirements.txt   # its packages, pinned\n"
    "  $EDITOR {folder}/bin/{program}   # what it runs; chmod +x it"
)


class ImageError(Exception):
    """An image reference without a usable folder."""


@dataclass(frozen=True)
class Image:
    """What `<images>/<name>/` holds, and `<images>/<name>/<tag>/` before it.

    Attributes:
        uri: The reference in the request.
        name: The last part of the repository's name, which is the folder's name.
        folder: `<images>/<name>`.
        preload: The modules that a warm parent imports once (`preload.txt`), in order.
        python: The Pythons that its packages are for (`python.txt`), such as `>=3.11,<3.13`; empty
            for any.
        tag: Of the reference; empty for none.
        tagged: The folder of its tag, which is looked into first; None if it has none.
        versions: What its tag says: `version`, with which it begins, and those of the parts that
            are a name with a number, such as `py` 310.
        file: Its `image.yaml`.
    """

    uri: str
    name: str
    folder: Path
    preload: tuple[str, ...]
    python: str = ""
    tag: str = ""
    tagged: Path | None = None
    versions: Mapping[str, str] = field(default_factory=dict)
    file: ImageFile = field(default_factory=ImageFile)

    @property
    def label(self) -> str:
        """The name, with that of the tag's folder where it has requirements of its own."""
        own = self.tagged is not None and self.requirements.parent == self.tagged
        name = self.folder.name
        return f"{name}-{self.tagged.name}" if own and self.tagged else name

    @property
    def requirements(self) -> Path:
        """The pinned packages of the image."""
        return self._path("requirements.txt")

    @property
    def packages(self) -> str:
        """The text of `requirements.txt`, in which `{version}` and its kin are the tag's.

        Raises:
            ImageError: The tag does not say one of them.
        """

        def said(match: re.Match[str]) -> str:
            if match[1] not in self.versions:
                raise ImageError(
                    f"image {self.uri!r}: {self.requirements} asks for the {match[1]} that the tag "
                    f"names, as in 2.6.0-cpu-py312, and the tag {self.tag!r} names none. Give the "
                    "image by a full tag of AWS's."
                )
            return self.versions[match[1]]

        return _PLACEHOLDER.sub(said, self.requirements.read_text())

    @property
    def overrides(self) -> Path:
        """Pins that replace what other packages require; the file is optional."""
        return self._path("overrides.txt")

    @property
    def bin(self) -> Path:
        """The image's own executables, `train` and `serve` among them."""
        return self._path("bin")

    @property
    def preferred_python(self) -> str:
        """The Python that AWS's image has, such as `3.10`, by the tag or `image.yaml`; or empty."""
        named = self.versions.get("py", "")
        return f"{named[0]}.{named[1:]}" if len(named) > 1 else self.file.python

    def _path(self, name: str) -> Path:
        return _path_in(self.tagged, self.folder, name)


def find(images: Path, uri: str) -> Image:
    """Find the folder of an image: one of the user's, else one that the emulator brings.

    Args:
        images: The user's folder with a folder for each image; it need not exist.
        uri: `<account>.dkr.ecr.<region>.amazonaws.com/NAME:tag`, `NAME@sha256:...` or `NAME`.

    Raises:
        ImageError: There is no such folder, or it has no requirements.txt.
    """
    reference = uri.partition("@sha256:")[0].rsplit("/", 1)[-1]
    name, _, tag = reference.partition(":")
    own, brought = images / name, framework_images.folder_of(name)
    has_own = bool(name) and own.is_dir()
    if has_own and (brought is None or _has_requirements(own, tag)):
        return _load(own, uri, name, tag)
    if brought is not None:
        return _load(brought, uri, name, tag)
    raise ImageError(_unknown(images, uri, name))


def _has_requirements(folder: Path, tag: str) -> bool:
    return _path_in(_tag_folder(folder, tag), folder, "requirements.txt").is_file()


def all_in(images: Path) -> list[Image]:
    """The images of the user's folder and those that the emulator brings, one for each label.

    One that cannot be used is left out; whoever uses it is told why.
    """
    own = {folder.name: folder for folder in _folders(images)}
    brought = {folder.name: folder for folder in _folders(framework_images.FOLDER)}
    found = []
    for name, folder in (brought | own).items():
        tags = [path.parent.name for path in folder.glob("*/requirements.txt")]
        for tag in [""] * (folder / "requirements.txt").is_file() + tags:
            with contextlib.suppress(ImageError):
                found.append(_load(folder, name, name, tag))
    return found


def _folders(images: Path) -> list[Path]:
    return [path for path in images.glob("*") if path.is_dir()]


def _load(folder: Path, uri: str, name: str, tag: str) -> Image:
    tagged = _tag_folder(folder, tag)
    try:
        file = ImageFile.read(*(each / "image.yaml" for each in (folder, tagged) if each))
    except ImageFileError as error:
        raise ImageError(f"image {uri!r}: {error}") from None
    python = "".join(_lines(_path_in(tagged, folder, "python.txt")))
    preload = _lines(_path_in(tagged, folder, "preload.txt"))
    versions = _versions(name, tag)
    image = Image(uri, name, folder, preload, python, tag, tagged, versions, file)
    tags = sorted(path.parent.name for path in folder.glob("*/requirements.txt"))
    if not image.requirements.is_file() and tags:
        raise ImageError(
            f"image {uri!r}: {folder} holds no tag that {tag!r} begins with; it has: "
            f"{', '.join(tags)}. Use one, or supply a folder {name} of your own in --images."
        )
    if not image.requirements.is_file():
        raise ImageError(f"image {uri!r}: {image.requirements} is missing (it may be empty).")
    return image


def _tag_folder(folder: Path, tag: str) -> Path | None:
    """The folder whose name is the tag or its beginning up to a `-` or `.`; the longest such."""
    matching = [
        child
        for child in folder.iterdir()
        if tag and re.match(re.escape(child.name) + r"($|[-.])", tag) and child.is_dir()
    ]
    return max(matching, key=lambda child: len(child.name), default=None)


def _path_in(tagged: Path | None, folder: Path, name: str) -> Path:
    """A file of the tag's folder, or that of the image's where the tag's has none."""
    return tagged / name if tagged is not None and (tagged / name).exists() else folder / name


def _versions(name: str, tag: str) -> dict[str, str]:
    """What name and tag say, as in 2.1.0-transformers4.37.0-cpu-py310-ubuntu22.04."""
    first, *parts = tag.split("-")
    versions = {"version": first} if re.fullmatch(r"\d+(\.\d+)*", first) else {}
    parts += [f"py{match[1]}"] if (match := re.search(r"-python-(\d+)$", name)) else []
    for part in parts:
        if match := re.fullmatch(r"([a-z]+)(\d+(?:\.\d+)*)", part):
            versions[match[1]] = match[2]
    return versions


def _unknown(images: Path, uri: str, name: str) -> str:
    if instead := framework_images.refusal(name):
        return f"image {uri!r}: {instead}"
    known = sorted(path.parent.name for path in images.glob("*/requirements.txt"))
    folder = images / (name or "NAME")
    return (
        f"image {uri!r}: no folder {folder}. An image is a folder there with a requirements.txt; "
        f"there are: {', '.join(known) or 'none'}. The emulator brings: "
        f"{', '.join(framework_images.names())}. " + _HOW_TO.format(folder=folder, program="train")
    )


def _lines(path: Path) -> tuple[str, ...]:
    """The lines of a file without comments; none if there is no such file."""
    if not path.is_file():
        return ()
    lines = (line.split("#")[0].strip() for line in path.read_text().splitlines())
    return tuple(line for line in lines if line)
