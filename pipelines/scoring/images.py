"""Which images are counted: those of a local folder or of an s3:// prefix, by content type.

A transform job sends one content type, so JPEG and PNG images are counted by two jobs.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from botocore.exceptions import ClientError

from pipelines.errors import UserError
from pipelines.serving import photo
from pipelines.upload.objects import name_problem

KINDS = {".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".png": "image/png"}
SHOWN = 3  # names that a message gives as examples


class ImagesError(UserError):
    """There is nothing to count at the place that was named."""


@dataclass(frozen=True)
class Found:
    """What there is to count.

    Attributes:
        kinds: the content type of each image, by its name: its path below the folder.
        refused: why a local file cannot be counted, by its name.
        others: local files that do not have the name of an image.
        folder: where they are on this machine, or None.
        address: where they are in S3, ending in "/", or "".
    """

    kinds: dict[str, str]
    refused: dict[str, str] = field(default_factory=dict)
    others: list[str] = field(default_factory=list)
    folder: Path | None = None
    address: str = ""

    @property
    def names(self) -> list[str]:
        """Of every image, also of those that cannot be counted."""
        return sorted([*self.kinds, *self.refused])

    def of_kind(self) -> dict[str, tuple[str, ...]]:
        """The names by content type."""
        return {
            kind: tuple(name for name, its in self.kinds.items() if its == kind)
            for kind in sorted(set(self.kinds.values()))
        }


def in_folder(folder: Path) -> Found:
    """The .jpg and .png files below a folder, each checked by its bytes.

    Raises:
        ImagesError: There is no such folder, no image in it, or none that can be counted.
    """
    folder = folder.expanduser()
    if not folder.is_dir():
        if folder.exists():
            raise ImagesError(
                f"{folder} is a file, not a folder. `python pipeline.py predict {folder}` counts "
                "the items of a single image."
            )
        raise ImagesError(f"There is no folder {folder}.")
    kinds, refused, others = {}, {}, []
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if any(part.startswith(".") for part in PurePosixPath(name).parts) or path.is_dir():
            continue
        if path.suffix.lower() not in KINDS:
            others.append(name)
            continue
        if flaw := name_problem(name):
            refused["".join(c if c.isprintable() else "?" for c in name)] = f"{flaw}; rename it."
            continue
        try:
            kinds[name] = photo.load(path).content_type
        except photo.PhotoError as error:
            refused[name] = str(error).removeprefix(f"{path}: ")
    if not kinds and not refused:
        raise ImagesError(f"{folder} holds no image: no {', '.join(KINDS)} file in it or below.")
    if not kinds:
        name, why = next(iter(refused.items()))
        raise ImagesError(
            f"None of the images of {folder} can be counted. The first, {name}: {why}"
        )
    return Found(kinds, refused, others, folder=folder)


def in_bucket(s3: Any, address: str) -> Found:
    """The images below an s3:// prefix, by their names alone.

    Args:
        s3: A boto3 S3 client.
        address: `s3://bucket/prefix`, meant as a folder.

    Raises:
        ImagesError: There is no such bucket, or nothing but one kind of image is below the prefix.
    """
    address = f"s3://{address.removeprefix('s3://').rstrip('/')}/"
    bucket, _, prefix = address.removeprefix("s3://").partition("/")
    if not bucket:
        raise ImagesError(f"{address} names no bucket; give s3://BUCKET/PREFIX.")
    kinds, others = {}, []
    try:
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
            for entry in page.get("Contents", []):
                name = entry["Key"].removeprefix(prefix)
                kind = KINDS.get(PurePosixPath(name).suffix.lower())
                if kind:
                    kinds[name] = kind
                elif name and not name.endswith("/"):  # what consoles make for a folder
                    others.append(name)
    except ClientError as error:
        if error.response["Error"]["Code"] == "NoSuchBucket":
            raise ImagesError(f"There is no bucket {bucket} ({address}).") from None
        raise
    if not kinds:
        raise ImagesError(f"{address} holds no image: no {', '.join(KINDS)} object below it.")
    if others:
        raise ImagesError(
            f"{address} holds {len(others)} other objects ({_examples(others)}), and a transform "
            "job reads everything below its prefix. Name a prefix with images only"
            f"{_hint(address, kinds)}."
        )
    if len(set(kinds.values())) > 1:
        raise ImagesError(
            f"{address} holds JPEG and PNG images, and a transform job sends one content type. "
            "Put them below two prefixes, or score a folder of this machine."
        )
    return Found(kinds, address=address)


def left_out(others: list[str]) -> str:
    """That files without the name of an image are not counted, for the person who may miss one."""
    return f"Left out, as not named {', '.join(KINDS)}: {_examples(others)}."


def _hint(address: str, names: Iterable[str]) -> str:
    folders = {name.rpartition("/")[0] for name in names}
    return f", such as {address}{folders.pop()}/" if len(folders) == 1 and "" not in folders else ""


def _examples(names: list[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
