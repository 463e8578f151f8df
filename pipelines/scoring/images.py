"""The images to count, of a local folder or an s3:// prefix, with their content types.

A transform job sends one content type, so JPEG and PNG images are counted by two jobs.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from pipelines.errors import UserError
from pipelines.serving import photo
from pipelines.steps import file_names
from pipelines.upload import local_bins
from pipelines.upload.objects import name_problem

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

SUFFIXES = ", ".join(file_names.CONTENT_TYPES)
SHOWN = 3  # names that a message gives as examples


class ImagesError(UserError):
    """The folder or prefix has no image that can be counted."""


@dataclass(frozen=True)
class ImageSet:
    """The images to count. An image's name is its path below the folder or prefix.

    Attributes:
        content_types: The content type of each image, by its name.
        refused: Why a local image cannot be counted, by its name.
        skipped: The names of local files without an image's suffix.
        folder: The local folder, or None.
        address: The s3:// prefix, ending in "/", or "".
    """

    content_types: dict[str, str]
    refused: dict[str, str] = field(default_factory=dict)
    skipped: list[str] = field(default_factory=list)
    folder: Path | None = None
    address: str = ""

    @property
    def names(self) -> list[str]:
        """Every image's name, those that cannot be counted included."""
        return sorted([*self.content_types, *self.refused])


def from_folder(folder: Path) -> ImageSet:
    """The .jpg, .jpeg and .png files below a folder, each checked by its bytes.

    Raises:
        ImagesError: There is no such folder, no image in it, or none that can be counted.
    """
    folder = folder.expanduser()
    if not folder.is_dir():
        if folder.exists():
            raise ImagesError(
                f"{folder} is a file, not a folder. To count a single image: "
                f"python pipeline.py predict {folder}"
            )
        raise ImagesError(f"There is no folder {folder}.")
    content_types, refused, skipped = {}, {}, []
    for name in sorted(local_bins.names(folder)):
        path = folder / name
        if file_names.is_hidden(name):
            continue
        if not file_names.content_type(name):
            skipped.append(name)
            continue
        if flaw := name_problem(name):
            refused["".join(c if c.isprintable() else "?" for c in name)] = f"{flaw}; rename it."
            continue
        try:
            content_types[name] = photo.load(path).content_type
        except photo.PhotoError as error:
            refused[name] = str(error).removeprefix(f"{path}: ")
    if not content_types and not refused:
        seen = f" It holds {_examples(skipped)}." if skipped else ""
        raise ImagesError(f"{folder} holds no image: no {SUFFIXES} file in it or below.{seen}")
    if not content_types:
        name, reason = next(iter(refused.items()))
        raise ImagesError(f"No image of {folder} can be counted. The first, {name}: {reason}")
    return ImageSet(content_types, refused, skipped, folder=folder)


def from_prefix(s3: "S3Client", address: str) -> ImageSet:
    """The images below an s3:// prefix, chosen by their names alone.

    Args:
        s3: The S3 client.
        address: `s3://bucket/prefix`, read as a folder.

    Raises:
        ImagesError: There is no such bucket, or the prefix holds anything but images of one type.
    """
    address = f"s3://{address.removeprefix('s3://').rstrip('/')}/"
    bucket, _, prefix = address.removeprefix("s3://").partition("/")
    if not bucket:
        raise ImagesError(f"{address} names no bucket; use s3://BUCKET/PREFIX.")
    content_types, others = {}, []
    try:
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
            for entry in page.get("Contents", []):
                name = entry["Key"].removeprefix(prefix)
                if content_type := file_names.content_type(name):
                    content_types[name] = content_type
                elif name and not name.endswith("/"):  # consoles create such a key for a folder
                    others.append(name)
    except ClientError as error:
        if error.response["Error"]["Code"] == "NoSuchBucket":
            raise ImagesError(f"There is no bucket {bucket} ({address}).") from None
        raise
    if not content_types:
        raise ImagesError(f"{address} holds no image: no {SUFFIXES} object below it.")
    if others:
        raise ImagesError(
            f"{address} holds {len(others)} other object{'s' * (len(others) > 1)} "
            f"({_examples(others)}), and a transform job reads everything below its prefix. Use a "
            f"prefix that holds only images{_suggestion(address, content_types)}."
        )
    if len(set(content_types.values())) > 1:
        raise ImagesError(
            f"{address} holds JPEG and PNG images, and a transform job sends one content type. "
            "Put them below two prefixes, or score a local folder."
        )
    return ImageSet(content_types, address=address)


def skipped_message(names: list[str]) -> str:
    """A message about the files that are skipped because of their suffixes."""
    return f"Skipped, as not named {SUFFIXES}: {_examples(names)}."


def _suggestion(address: str, names: Iterable[str]) -> str:
    folders = {name.rpartition("/")[0] for name in names}
    return f", such as {address}{folders.pop()}/" if len(folders) == 1 and "" not in folders else ""


def _examples(names: list[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
