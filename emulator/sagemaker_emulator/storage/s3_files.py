"""S3 objects as files: into a job's folder before it runs, out of it afterwards."""

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from sagemaker_emulator.errors import JobFailed
from sagemaker_emulator.storage.location import Location


def find(root: Path, uri: str) -> Iterator[tuple[str, Path]]:
    """List the objects whose keys start with the URI's key, as S3Prefix means it.

    Yields:
        The object's name in a job's folder, and its file, in the order of the keys. Below
        `s3://bucket/data` the object `data/x/1.jpg` is `x/1.jpg`, and `data.csv` is `data.csv`.

    Raises:
        JobFailed: It is not an S3 URI.
    """
    location = Location.parse(uri)
    parent, _, stem = location.key.rpartition("/")
    folder = Location(location.bucket, parent).path(root)
    try:
        entries = sorted(folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return
    for entry in entries:
        if not entry.name.startswith(stem):
            continue
        if entry.is_file():
            yield entry.name, entry
            continue
        inside = entry if entry.name == stem else folder
        for path, folders, files in os.walk(entry):
            folders.sort()
            for name in sorted(files):
                file = Path(path, name)
                yield str(file.relative_to(inside)), file


def download(root: Path, uri: str, folder: Path, role: str = "", region: str = "") -> int:
    """Copy the objects of a prefix into a folder, and return their number.

    They are copies, because a container may write into its inputs (AWS's own script processors
    unpack code there) and a hard link would carry that into the bucket. `copy_file_range` makes
    them free where the file system can share blocks, and otherwise never leaves the kernel.

    Raises:
        JobFailed: There is nothing under the prefix, in AWS's words.
    """
    count = 0
    created = {folder}
    folder.mkdir(parents=True, exist_ok=True)
    for name, file in find(root, uri):
        target = folder / name
        if target.parent not in created:
            target.parent.mkdir(parents=True, exist_ok=True)
            created.add(target.parent)
        copy(file, target)
        count += 1
    if not count:
        raise JobFailed(f"ClientError: {nothing_under(uri, role, region)}")
    return count


def nothing_under(uri: str, role: str, region: str) -> str:
    """AWS's message where there is nothing under a prefix."""
    return (
        f'No S3 objects found under S3 URL "{uri}" given in input data source. '
        f"Please ensure that the bucket exists in the selected region ({region}), that "
        f'objects exist under that S3 prefix, and that the role "{role}" has '
        f'"s3:ListBucket" permissions on bucket "{Location.parse(uri).bucket}".'
    )


def copy(source: Path, target: Path) -> None:
    """Copy a file's content, sharing its blocks where the file system can."""
    if hasattr(os, "copy_file_range"):
        with contextlib.suppress(OSError), source.open("rb") as a, target.open("wb") as b:
            while os.copy_file_range(a.fileno(), b.fileno(), 1 << 30):
                pass
            return
    shutil.copyfile(source, target)


def upload(root: Path, folder: Path, uri: str) -> int:
    """Move every file under a folder to the prefix, and return their number.

    Each object appears at once and whole, by a rename where both are on one file system.

    Raises:
        JobFailed: There is no such bucket, or a key cannot be written.
    """
    location = Location.parse(uri)
    if not (root / location.bucket).is_dir():
        raise JobFailed(
            f"ClientError: Failed to upload to {uri}: the bucket {location.bucket!r} does not exist"
        )
    prefix = location.path(root)
    count = 0
    for path, _, files in os.walk(folder):
        for name in files:
            file = Path(path, name)
            put(file, prefix / file.relative_to(folder))
            count += 1
    return count


def put(file: Path, target: Path) -> None:
    """Move one file to an object's path.

    Raises:
        JobFailed: A part of the key is itself an object, or the disk is full.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if file.is_symlink():
            _copy_beside(file, target)  # the file that it links to stays
            return
        try:
            file.replace(target)
        except OSError:  # another file system
            _copy_beside(file, target)
    except OSError as error:
        raise JobFailed(f"ClientError: Failed to upload {file.name} to {target}: {error}") from None


def _copy_beside(file: Path, target: Path) -> None:
    beside = target.with_name(f".{target.name}.uploading")
    try:
        copy(file, beside)
        beside.replace(target)
    finally:
        beside.unlink(missing_ok=True)  # half a copy if the disk is full
