"""The code of Lambda functions: its zip, and the folder that it is unpacked into.

Both are named by the zip's hash and stay while the function does: its published versions, and
invocations under way, may be of an earlier code.
"""

import base64
import contextlib
import hashlib
import io
import os
import shutil
import stat
import tempfile
import threading
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.errors import ApiError
from sagemaker_emulator.services.functions.function import invalid_value
from sagemaker_emulator.storage.store import Document

# Lambda's quotas, in bytes.
MAX_ZIPPED = 50 * 1024 * 1024  # of what is sent with the request; S3 may hold more
MAX_UNZIPPED = 250 * 1024 * 1024
# The emulator's own: each file costs, however small.
MAX_FILES = 100_000
_MAX_NAME = 255  # bytes, of one file or folder
_CHUNK = 1024 * 1024
_UNPACKING = ".unpacking-"  # no function's name begins with a dot
# Held while code is put on the disk and then named by a document, and while both are deleted:
# otherwise the deletion of a function takes the code of a new one of its name with it.
changing = threading.Lock()
_BROKEN = "Could not unzip uploaded file. Please check your file, then try to upload again."


def folder_of(context: Context, function: Document) -> Path:
    """Where a function's code is unpacked."""
    return _root(context, function["FunctionName"]) / str(function["Folder"])


def archive_of(context: Context, name: str, folder: str) -> bytes | None:
    """The zip that a folder of code was unpacked from, or None where there is no such folder."""
    place = _root(context, name) / folder
    if not place.is_dir():
        return None
    kept = place.with_name(f"{folder}.zip")
    with contextlib.suppress(FileNotFoundError):
        return kept.read_bytes()
    packed = io.BytesIO()  # of a state that kept no zips
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(path for path in place.rglob("*") if path.is_file()):
            archive.write(file, file.relative_to(place))
    return packed.getvalue()


def delete_unfinished(context: Context) -> None:
    """Delete what a killed server had begun to unpack."""
    for folder in (context.state / "functions").glob(f"{_UNPACKING}*"):
        shutil.rmtree(folder, ignore_errors=True)


def delete(context: Context, name: str) -> None:
    """Delete all code of a function. The caller holds `changing`."""
    shutil.rmtree(_root(context, name), ignore_errors=True)


def read_archive(context: Context, code: Mapping[str, Any]) -> bytes:
    """The zip of a request, sent with it or kept in S3.

    Raises:
        ApiError: The request has none or two, there is no such object, or it is too large.
    """
    sent, in_s3 = "ZipFile" in code, "S3Bucket" in code or "S3Key" in code
    if sent and in_s3:
        raise invalid_value("Please do not provide other FunctionCode parameters with a ZipFile.")
    if sent:
        if len(code["ZipFile"]) > MAX_ZIPPED:
            message = f"Zipped size must be smaller than {MAX_ZIPPED} bytes"
            raise ApiError("RequestEntityTooLargeException", message, 413)
        return bytes(code["ZipFile"])
    if "S3Bucket" not in code or "S3Key" not in code:
        raise invalid_value("Please provide a source for function code.")
    content = context.s3.read(f"s3://{code['S3Bucket']}/{code['S3Key']}")
    if content is None and not (context.s3.folder / code["S3Bucket"]).is_dir():
        raise invalid_value(
            "Error occurred while GetObject. S3 Error Code: NoSuchBucket. "
            "S3 Error Message: The specified bucket does not exist"
        )
    if content is None:
        raise invalid_value(
            "Error occurred while GetObject. S3 Error Code: NoSuchKey. "
            f"S3 Error Message: The specified key does not exist: {code['S3Key']}"
        )
    return content


def describe(archive: bytes) -> Document:
    """The members of a function's configuration that describe its code."""
    digest = hashlib.sha256(archive)
    return {
        "CodeSha256": base64.b64encode(digest.digest()).decode(),
        "CodeSize": len(archive),
        "Folder": digest.hexdigest()[:16],
    }


def keep(context: Context, name: str, archive: bytes) -> Document:
    """Unpack a function's code and keep its zip, and return the members that describe it.

    The caller holds `changing`.

    Raises:
        ApiError: It is not a zip that can be unpacked here; nothing is left of it.
    """
    described = describe(archive)
    with _unpacked(context, archive) as unpacked:
        target = _root(context, name) / described["Folder"]
        target.parent.mkdir(parents=True, exist_ok=True)
        zipped = unpacked.with_name("zip")
        zipped.write_bytes(archive)
        zipped.replace(target.with_name(f"{target.name}.zip"))
        if not target.exists():
            unpacked.rename(target)
    return described


def check(context: Context, archive: bytes) -> None:
    """Raise what `keep` would, and keep nothing.

    Raises:
        ApiError: It is not a zip that can be unpacked here.
    """
    with _unpacked(context, archive):
        pass


@contextlib.contextmanager
def _unpacked(context: Context, archive: bytes) -> Iterator[Path]:
    """A folder with what a zip holds, beside those of the functions; it is deleted afterwards."""
    functions = context.state / "functions"
    functions.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=_UNPACKING, dir=functions) as temporary:
        folder = Path(temporary, "code")
        unpack(archive, folder)
        yield folder


def unpack(archive: bytes, folder: Path) -> None:
    """Unpack a zip into a new folder.

    The limit holds for what is really unpacked: what a zip states of itself may be wrong.

    Raises:
        ApiError: It is damaged, encrypted, too large, or holds what is not a file or folder inside.
    """
    folder.mkdir()
    left = MAX_UNZIPPED
    try:
        with zipfile.ZipFile(io.BytesIO(archive)) as opened:
            entries = opened.infolist()
            if not entries:
                raise invalid_value("Uploaded file must be a non-empty zip")
            if len(entries) > MAX_FILES:
                raise invalid_value(f"The zip holds over {MAX_FILES} files, the emulator's limit.")
            for entry in entries:
                _check_entry(entry)
                path = folder / entry.filename
                if entry.is_dir():
                    path.mkdir(parents=True, exist_ok=True)
                    continue
                path.parent.mkdir(parents=True, exist_ok=True)
                with opened.open(entry) as source, path.open("wb") as target:
                    while chunk := source.read(_CHUNK):
                        left -= len(chunk)
                        if left < 0:
                            message = f"Unzipped size must be smaller than {MAX_UNZIPPED} bytes"
                            raise invalid_value(message)
                        target.write(chunk)
    except (FileExistsError, IsADirectoryError, NotADirectoryError) as problem:
        where = os.path.relpath(str(problem.filename), folder)
        raise invalid_value(f"{_BROKEN} '{where}' is both a file and a folder.") from None
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError, NotImplementedError) as problem:
        raise invalid_value(f"{_BROKEN} ({problem})") from None


def _check_entry(entry: zipfile.ZipInfo) -> None:
    """Refuse an entry that is not a plain file or folder inside the zip.

    Raises:
        ApiError: It names what.
    """
    name = entry.filename
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if name.startswith("/") or ".." in PurePosixPath(name).parts or not name:
        reason = "leads out of the folder of the code"
    elif len(name.encode(errors="replace")) > 4 * _MAX_NAME or any(
        len(part.encode(errors="replace")) > _MAX_NAME for part in name.split("/")
    ):
        reason = "has a longer name than a file may have"
    elif kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        reason = "is neither a file nor a folder; the emulator unpacks no links"
    elif entry.flag_bits & 0x1:
        reason = "is encrypted"
    elif entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        reason = f"is compressed by method {entry.compress_type}, not stored (0) or deflated (8)"
    else:
        return
    raise invalid_value(f"{_BROKEN} '{name[:100]}' {reason}.")


def _root(context: Context, name: str) -> Path:
    return context.state / "functions" / name
