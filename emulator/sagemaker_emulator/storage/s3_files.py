"""S3 objects as files: into a job's folder before it runs, out of it afterwards."""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from sagemaker_emulator.errors import JobFailed
from sagemaker_emulator.storage import object_files
from sagemaker_emulator.storage.location import Location
from sagemaker_emulator.storage.object_files import KeyRefused, Walk

_UPLOADS = "s3-uploads"


def uploads_folder(root: Path) -> Path:
    """Where bodies are before they are objects, beside the folder of buckets."""
    return root.with_name(_UPLOADS)


def find(root: Path, uri: str) -> Iterator[tuple[str, Path]]:
    """List the objects whose keys start with the URI's key, as S3Prefix means it.

    Yields:
        The object's name in a job's folder, and its file, in the order of the keys. Below
        `s3://bucket/data` the object `data/x/1.jpg` is `x/1.jpg`, and `data.csv` is `data.csv`.
        Markers of folders are left out.

    Raises:
        JobFailed: It is not an S3 URI.
    """
    location = Location.parse(uri)
    key = location.key
    for found, path in Walk(root / location.bucket, key):
        if found.endswith("/"):
            continue
        inside = f"{key}/" if found.startswith(f"{key}/") else key.rpartition("/")[0] + "/"
        name = found if inside == "/" and not key.startswith("/") else found[len(inside) :]
        yield "/".join(filter(None, name.split("/"))), Path(path)


def download(
    root: Path,
    uri: str,
    folder: Path,
    role: str = "",
    region: str = "",
    check: Callable[[], None] = lambda: None,
) -> int:
    """Copy the objects of a prefix into a folder, and return their number.

    They are copies, because a container may write into its inputs (AWS's own script processors
    unpack code there) and a hard link would carry that into the bucket. `copy_file_range` makes
    them free where the file system can share blocks, and otherwise never leaves the kernel.

    Args:
        root: The folder of buckets.
        uri: The prefix.
        folder: It is made if missing.
        role: The role of the request, for the message.
        region: The region, for the message.
        check: Called before each object; whatever it raises ends the download.

    Raises:
        JobFailed: There is nothing under the prefix, in AWS's words, or an object's name is that of
            another's folder.
    """
    count = copy_all(find(root, uri), folder, uri, check)
    if not count:
        raise JobFailed(f"ClientError: {nothing_under(uri, role, region)}")
    return count


def copy_all(
    objects: Iterable[tuple[str, Path]],
    folder: Path,
    uri: str,
    check: Callable[[], None] = lambda: None,
) -> int:
    """Copy objects into a folder, and return their number.

    Args:
        objects: The name in the folder and the file of each.
        folder: It is made if missing.
        uri: Where they are from, for the message.
        check: Called before each object; whatever it raises ends the work.

    Raises:
        JobFailed: An object's name is that of another's folder.
    """
    count = 0
    created = {folder}
    folder.mkdir(parents=True, exist_ok=True)
    for name, file in objects:
        check()
        target = folder / name
        try:
            if target.parent not in created:
                target.parent.mkdir(parents=True, exist_ok=True)
                created.add(target.parent)
            copy(file, target)
        except (FileExistsError, NotADirectoryError, IsADirectoryError):
            raise JobFailed(
                f"ClientError: {uri}: {name!r} cannot be put into a folder, because one object's "
                "key is another's folder. Delete or rename one of them."
            ) from None
        count += 1
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

    Each object appears at once and whole. Only files are uploaded: no pipes, no sockets.

    Raises:
        JobFailed: There is no such bucket, or a key cannot be written.
    """
    location = Location.parse(uri)
    bucket = root / location.bucket
    if not bucket.is_dir():
        raise JobFailed(
            f"ClientError: Failed to upload to {uri}: the bucket {location.bucket!r} does not exist"
        )
    prefix = location.key if not location.key or location.key.endswith("/") else f"{location.key}/"
    count = 0
    for path, _, files in os.walk(folder):
        for name in files:
            file = Path(path, name)
            if file.is_file():
                put(file, root, Location(location.bucket, f"{prefix}{file.relative_to(folder)}"))
                count += 1
    return count


def put(file: Path, root: Path, location: Location) -> None:
    """Move one file to an object.

    Raises:
        JobFailed: Its key cannot be kept, or the disk is full.
    """
    if file.is_symlink():  # the file that it links to stays
        copy_in(file, root, location)
        return
    with _failing(file, location):
        object_files.move_in(file, root / location.bucket, location.key)


def copy_in(file: Path, root: Path, location: Location) -> None:
    """Copy one file to an object, which appears at once and whole.

    Raises:
        JobFailed: There is no such bucket or file, its key cannot be kept, or the disk is full.
    """
    uploads = uploads_folder(root) / "jobs"
    with _failing(file, location):
        uploads.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=uploads) as folder:
            whole = Path(folder, "body")
            copy(file, whole)
            object_files.move_in(whole, root / location.bucket, location.key)


@contextlib.contextmanager
def _failing(file: Path, location: Location) -> Iterator[None]:
    try:
        yield
    except (OSError, KeyRefused) as error:
        uri = f"s3://{location.bucket}/{location.key}"
        raise JobFailed(f"ClientError: Failed to upload {file.name} to {uri}: {error}") from None
