"""An image's `image.yaml`: what a Dockerfile's ENV and ENTRYPOINT are, and what AWS's image has."""

from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml


class ImageFileError(Exception):
    """An `image.yaml` that cannot be used; the message names the file and what is wrong in it."""


@dataclass(frozen=True)
class ImageFile:
    """What `image.yaml` says; all of it is optional.

    Attributes:
        environment: Variables of every container of the image (ENV); a job's own win.
        entrypoint: The program that stands before a container's arguments (ENTRYPOINT), and all
            that a processing job without a ContainerEntrypoint runs.
        python: The Python of the image of the same name on AWS, such as `3.9`; empty if unknown.
        packages: Versions of packages there, such as `{"scikit-learn": "1.2.1"}`.
    """

    environment: dict[str, str] = field(default_factory=dict)
    entrypoint: tuple[str, ...] = ()
    python: str = ""
    packages: dict[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, *paths: Path) -> "ImageFile":
        """Read files, of which a later one replaces what it has of an earlier one.

        Args:
            paths: The files; one that does not exist says nothing.

        Raises:
            ImageFileError: One is no YAML, or holds something else than this class.
        """
        content: dict[str, Any] = {}
        for path in paths:
            if path.is_file():
                found = path.stat()
                content |= _checked(path, (found.st_ino, found.st_size, found.st_mtime_ns))
        aws = content.get("aws", {})
        return cls(
            content.get("environment", {}),
            tuple(content.get("entrypoint", ())),
            aws.get("python", ""),
            aws.get("packages", {}),
        )


@lru_cache(maxsize=256)  # a job reads it three times, and YAML takes a third of a millisecond
def _checked(path: Path, _version: tuple[int, ...]) -> dict[str, Any]:
    """The content of a file, which is not to be changed."""
    try:
        content = yaml.safe_load(path.read_text()) or {}
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ImageFileError(f"{path} is no YAML: {error}") from None
    _require_keys(path, "it", content, ("environment", "entrypoint", "aws"))
    aws = content.get("aws", {})
    _require_keys(path, "aws", aws, ("python", "packages"))
    if not _is_text(aws.get("python", "")):
        raise ImageFileError(f'{path}: aws.python must be a text, as in "3.10".')
    entrypoint = content.get("entrypoint", [])
    if not isinstance(entrypoint, list) or not all(map(_is_text, entrypoint)):
        raise ImageFileError(f"{path}: entrypoint must be a list of texts, as in [python3, x].")
    _require_texts(path, "environment", content.get("environment", {}))
    _require_texts(path, "aws.packages", aws.get("packages", {}))
    return content


def _require_keys(path: Path, where: str, value: Any, keys: tuple[str, ...]) -> None:
    if not isinstance(value, dict) or not value.keys() <= set(keys):
        raise ImageFileError(f"{path}: {where} may hold {', '.join(keys)}, and nothing else.")


def _require_texts(path: Path, where: str, value: Any) -> None:
    if not isinstance(value, dict) or not all(map(_is_text, (*value, *value.values()))):
        raise ImageFileError(f'{path}: {where} must be names with texts, as in NAME: "1".')


def _is_text(value: object) -> bool:
    return isinstance(value, str) and "\0" not in value
