"""What a person uploads for a shift: photos, ZIP files of photos, and tables of records.

Nothing is written under a name that an upload contains: names are labels only. What is read is
bounded by its real size, whatever a ZIP file states.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from pipelines.errors import UserError
from pipelines.steps import file_names

MAX_PHOTOS = 5000
MAX_ENTRIES = 20_000  # of a ZIP file, folders and other files included
MAX_PHOTO_BYTES = 50 * 2**20
MAX_TABLE_BYTES = 20 * 2**20
MAX_UNPACKED_BYTES = 8 * 2**30
ENCRYPTED = 0x1  # bit of an entry's flags
CHUNK = 2**20
LONGEST_PART = 200  # characters of a name between two slashes
# Pictures of these kinds may be converted; if not, they are listed with the reason.
OTHER_PICTURES = (".avif", ".bmp", ".gif", ".heic", ".heif", ".tif", ".tiff", ".webp")


class UploadError(UserError):
    """The upload cannot be used; the message says what to do."""


@dataclass(frozen=True)
class Uploaded:
    """A file that was uploaded: its name in the browser, perhaps with folders, and where it is."""

    name: str
    path: Path


@dataclass(frozen=True)
class Entry:
    """A photo or a table, from a folder or a ZIP file.

    Attributes:
        name: Its path below the folder or ZIP file, with slashes.
        body: Its bytes; empty where there is a problem.
        problem: Why it cannot be read, as a sentence; "" if it can.
    """

    name: str
    body: bytes
    problem: str = ""

    @property
    def is_table(self) -> bool:
        """Whether it is a CSV file."""
        return is_table(self.name)


def is_table(name: str) -> bool:
    """Whether a file is a CSV file by its name."""
    return file_names.suffix_of(name) == ".csv"


def read(files: Iterable[Uploaded]) -> Iterator[Entry]:
    """Yield the photos and tables of an upload, one at a time.

    Files that a computer leaves beside photos (`._1.jpg`, `Thumbs.db`) and files of other kinds are
    left out.

    Raises:
        UploadError: A ZIP file cannot be read, or there is too much.
    """
    photos = unpacked = 0
    for entry in _entries(files):
        photos += not entry.is_table
        unpacked += len(entry.body)
        if photos > MAX_PHOTOS:
            raise UploadError(
                f"There are more than {MAX_PHOTOS:,} photos. Divide them into several shifts."
            )
        if unpacked > MAX_UNPACKED_BYTES:
            raise UploadError(
                f"The photos have more than {MAX_UNPACKED_BYTES >> 30} GB together. Divide them "
                "into several shifts."
            )
        yield entry


def clean(name: str) -> str:
    """A name with slashes, without a drive, a root, steps to folders above, and control characters.

    Each part has at most 200 characters, as the log of audits has it (steps/audits.py).
    """
    printable = "".join(c for c in name.replace("\\", "/") if c.isprintable())
    parts = [part for part in printable.split("/") if part not in ("", ".", "..")]
    return "/".join(part[-LONGEST_PART:] for part in parts if not _is_drive(part))


def common_folder(names: Iterable[str]) -> str:
    """The folder that all names begin with, such as `shift 7/`; "" if there is none."""
    folders = {name.partition("/")[0] if "/" in name else "" for name in names}
    return f"{folder}/" if len(folders) == 1 and (folder := folders.pop()) else ""


def _entries(files: Iterable[Uploaded]) -> Iterator[Entry]:
    for file in files:
        name = clean(file.name)
        if file_names.suffix_of(name) == ".zip" or _looks_zipped(name, file.path):
            yield from _unzip(file)
        elif _is_used(name):
            with file.path.open("rb") as stream:
                yield _read(name, stream)


def _unzip(file: Uploaded) -> Iterator[Entry]:
    try:
        with zipfile.ZipFile(file.path) as packed:
            entries = packed.infolist()
            if len(entries) > MAX_ENTRIES:
                raise UploadError(
                    f"{file.name} has more than {MAX_ENTRIES:,} files. Divide it into several."
                )
            for entry in entries:
                name = clean(entry.filename)
                if entry.is_dir() or not _is_used(name):
                    continue
                yield _unpack(packed, entry, name)
    except (zipfile.BadZipFile, ValueError, OSError, EOFError) as error:
        raise UploadError(
            f"{file.name} cannot be opened: it is damaged, or no ZIP file ({error}). Make it again."
        ) from None


def _unpack(packed: zipfile.ZipFile, entry: zipfile.ZipInfo, name: str) -> Entry:
    if entry.flag_bits & ENCRYPTED:
        return Entry(name, b"", "A password protects this file. Make the ZIP file without one.")
    try:
        with packed.open(entry) as stream:
            return _read(name, stream)
    except NotImplementedError:
        return Entry(name, b"", "It is packed in a way that cannot be read. Use a plain ZIP file.")
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, OSError):
        return Entry(name, b"", "It is damaged in the ZIP file. Make the ZIP file again.")


def _read(name: str, stream: IO[bytes]) -> Entry:
    limit = MAX_TABLE_BYTES if is_table(name) else MAX_PHOTO_BYTES
    chunks, left = [], limit + 1
    while left and (chunk := stream.read(min(CHUNK, left))):
        chunks.append(chunk)
        left -= len(chunk)
    if not left:
        return Entry(name, b"", f"It has more than {limit >> 20} MB. Save it smaller.")
    return Entry(name, b"".join(chunks))


def _is_used(name: str) -> bool:
    """Whether a file may be a photo or a table, by its name."""
    if file_names.is_hidden(name):
        return False
    picture = file_names.content_type(name) or file_names.suffix_of(name) in OTHER_PICTURES
    return is_table(name) or bool(picture)


def _looks_zipped(name: str, path: Path) -> bool:
    """Whether a file without a suffix that is known is a ZIP file."""
    return not file_names.suffix_of(name) and zipfile.is_zipfile(path)


def _is_drive(part: str) -> bool:
    return len(part) == 2 and part[1] == ":" and part[0].isalpha()
