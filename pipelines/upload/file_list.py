"""A local file_list.json, which names the images of each class."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipelines.upload.errors import UploadError

FORM = '{"1": ["data/metadata/00002.json", ...], ...}'


@dataclass(frozen=True)
class FileList:
    """A file list: the names of each class, by its key."""

    path: Path
    names: Mapping[str, Sequence[object]]


def read(path: Path) -> FileList:
    """Read a file list, as Prepare will.

    Raises:
        UploadError: The file is missing, or is not JSON that maps classes to paths.
    """
    if not path.is_file():
        raise UploadError(f"FileList: there is no file {path}.")
    try:
        listing = json.loads(path.read_bytes())  # a byte order mark is skipped
    except ValueError as error:
        raise UploadError(f"FileList: {path} is not JSON: {error}.") from None
    if not isinstance(listing, dict) or not all(isinstance(v, list) for v in listing.values()):
        raise UploadError(f"FileList: {path} must map each class to metadata paths: {FORM}.")
    return FileList(path, listing)
