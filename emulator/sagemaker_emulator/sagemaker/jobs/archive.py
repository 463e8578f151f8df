"""model.tar.gz and output.tar.gz: packed quickly, unpacked safely."""

import contextlib
import gzip
import io
import os
import shutil
import struct
import tarfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

from sagemaker_emulator.errors import JobFailed

CHUNK = 1 << 20
SAMPLE = 1 << 16
LEAST_FREE = 16 << 20  # bytes of the disk that unpacking leaves to others
LONGEST_READ = 4 << 20  # bytes of one header, at most; a PAX header may claim any size
_Parts = tuple[str, ...]


class _Gzip(io.RawIOBase):
    """A gzip stream, one member, that stores what would not get smaller.

    Trained weights hardly compress, and trying costs a second for every 30 MB. Each chunk is raw
    deflate (RFC 1951) ended by a sync flush, so that chunks of different levels follow each other
    in one member, which readers in streaming mode need.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._buffer = bytearray()
        self._crc = 0
        self._size = 0
        file.write(b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff")

    def writable(self) -> bool:
        """It can only be written."""
        return True

    def write(self, data: Any) -> int:
        """Take more of the content."""
        self._buffer += data
        while len(self._buffer) >= CHUNK:
            self._chunk(bytes(self._buffer[:CHUNK]))
            del self._buffer[:CHUNK]
        return len(data)

    def _chunk(self, data: bytes) -> None:
        sample = data[:SAMPLE]
        level = 1 if len(zlib.compress(sample, 1)) < 0.85 * len(sample) else 0
        deflate = zlib.compressobj(level, zlib.DEFLATED, -zlib.MAX_WBITS)
        self._file.write(deflate.compress(data) + deflate.flush(zlib.Z_SYNC_FLUSH))
        self._crc = zlib.crc32(data, self._crc)
        self._size += len(data)

    def finish(self) -> None:
        """Write what is left and the trailer of RFC 1952."""
        if self._buffer:
            self._chunk(bytes(self._buffer))
        self._file.write(b"\x03\x00" + struct.pack("<II", self._crc, self._size & 0xFFFFFFFF))


def pack(folder: Path, target: Path) -> None:
    """Write the content of a folder as a .tar.gz with names relative to it."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("wb") as file:
        stream = _Gzip(file)
        with tarfile.open(fileobj=stream, mode="w|") as archive:
            for path in sorted(folder.iterdir()):
                archive.add(path, path.name)
        stream.finish()


class _Refused(Exception):
    """An archive that is not unpacked; the text is the reason."""


def unpack(archive: Path, folder: Path, check: Callable[[], None] = lambda: None) -> None:
    """Unpack a .tar.gz into a folder that is missing or empty; nothing of a refused one stays.

    Python's own extraction is not used: its `filter="data"` resolves links on the disk while it
    makes them, and can be led out of the folder (CVE-2025-4517).

    Args:
        archive: the file.
        folder: it is made if missing.
        check: called before each member; whatever it raises ends the unpacking.

    Raises:
        JobFailed: it is no whole .tar.gz, it has a member that may not be here (see `_extract`),
            or it does not fit on the disk.
    """
    beside = folder.with_name(f".{folder.name}.unpacking")
    try:
        shutil.rmtree(beside, ignore_errors=True)
        beside.mkdir(parents=True)
        with gzip.open(archive) as stream:
            _extract(_Forward(stream), beside, check)
        beside.replace(folder)
    # ValueError, OverflowError: tarfile's, of numbers and texts in headers that are none.
    except (
        *(_Refused, tarfile.TarError, zlib.error, EOFError, OSError),
        *(ValueError, OverflowError),
    ) as error:
        raise JobFailed(f"ClientError: {archive.name} could not be unpacked: {error}") from None
    finally:
        shutil.rmtree(beside, ignore_errors=True)


class _Forward(io.RawIOBase):
    """A stream that is read forwards and in bounded parts.

    A header with a negative size would have tarfile read it for ever (CVE-2025-8194), and one of
    8 GB would be read into memory at once.
    """

    def __init__(self, stream: gzip.GzipFile) -> None:
        self._stream = stream

    def read(self, size: int = -1) -> bytes:
        """Read up to `size` bytes."""
        if not 0 <= size <= LONGEST_READ:
            raise _Refused(f"a header of {size} bytes in it is larger than {LONGEST_READ}")
        return self._stream.read(size)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Skip to a later place."""
        if whence != io.SEEK_SET or offset < self._stream.tell():
            raise _Refused("the size of a member in it is wrong")
        return self._stream.seek(offset)

    def tell(self) -> int:
        """How much has been read."""
        return self._stream.tell()


def _extract(stream: _Forward, folder: Path, check: Callable[[], None]) -> None:
    """Write the members of a tar into an empty folder.

    There are files, folders, hard links to files before them, and symbolic links that stay in the
    folder. Symbolic links are made when all else is written, so that nothing is written through
    one.

    Raises:
        _Refused: A member is of another kind, leads out of the folder, or does not fit on the disk.
    """
    links: dict[_Parts, str] = {}
    with tarfile.TarFile(fileobj=stream, mode="r") as tar:
        while (member := tar.next()) is not None:
            check()
            vars(tar)["members"].clear()  # else they are all kept in memory
            parts = _parts(member.name)
            links.pop(parts, None)  # a later member of the same name replaces an earlier one
            target = folder.joinpath(*parts)
            if member.size < 0:
                raise _Refused(f"the size of {_shown(member.name)} is {member.size}")
            if shutil.disk_usage(folder).free - LEAST_FREE < member.size:
                raise _Refused(
                    f"{_shown(member.name)} has {member.size} bytes, for which the disk has no "
                    "room; free some space"
                )
            if member.isdir():
                target.mkdir(parents=True, exist_ok=True)
            elif not parts:
                raise _Refused("a member has no name")
            elif member.issym():
                links[parts] = member.linkname
            elif member.islnk():
                source = folder.joinpath(*_parts(member.linkname))
                if not source.is_file():
                    raise _Refused(
                        f"{_shown(member.name)} is a hard link to {_shown(member.linkname)}, "
                        "which is no file before it in the archive"
                    )
                _make_room(target)
                target.hardlink_to(source)
            elif member.isreg():
                _make_room(target)
                _write(tar, member, target)
            else:
                raise _Refused(
                    f"{_shown(member.name)} is a FIFO, a device or of an unknown kind; only "
                    "files, folders and links may be in an archive"
                )
        _require_end(stream, tar.offset)
    for parts, target_name in links.items():
        _require_inside(parts, target_name, links)
        link = folder.joinpath(*parts)
        _make_room(link)
        link.symlink_to(target_name)


def _parts(name: str) -> _Parts:
    """The folders and the name of a member.

    Raises:
        _Refused: It is absolute, or has `..` in it.
    """
    parts = name.split("/")
    if name.startswith("/") or ".." in parts:
        raise _Refused(
            f"{_shown(name)} leads out of the folder; names are relative and without '..'"
        )
    return tuple(part for part in parts if part not in ("", "."))


def _make_room(target: Path) -> None:
    """Make the folder of a member, and delete an earlier member of the same name."""
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)  # fails, as it should, where a folder is in the way


def _write(tar: tarfile.TarFile, member: tarfile.TarInfo, target: Path) -> None:
    content = tar.extractfile(member)
    assert content is not None  # it is a file
    with target.open("xb") as file:
        # Not copyfileobj: it would take the end of a cut archive for the end of the file.
        left = member.size
        while left > 0:
            data = content.read(min(left, CHUNK))
            if not data:
                raise _Refused(f"it ends within {_shown(member.name)}")
            file.write(data)
            left -= len(data)
    target.chmod(0o755 if member.mode & 0o100 else 0o644)
    with contextlib.suppress(OverflowError, ValueError, OSError):  # a time that none can have
        os.utime(target, (member.mtime, member.mtime))


def _require_end(stream: _Forward, offset: int) -> None:
    """Check that only zeros follow: tarfile takes a damaged header for the end of the archive.

    Reading to the end also has gzip compare its checksum.
    """
    stream.seek(max(offset, stream.tell()))
    while data := stream.read(CHUNK):
        if data.strip(b"\0"):
            raise _Refused("it is damaged: there is content after its end")


def _require_inside(parts: _Parts, target: str, links: dict[_Parts, str]) -> None:
    """Check that a symbolic link stays in the folder, by its text alone.

    The text says where a link leads only if no part of it is itself a link; so links through
    links are refused.

    Raises:
        _Refused: It leads out of the folder, or through another link.
    """
    shown = f"the link {_shown('/'.join(parts))} to {_shown(target)}"
    if target.startswith("/") or not target:
        raise _Refused(f"{shown} leads out of the folder; links are relative")
    if any(parts[:i] in links for i in range(1, len(parts))):
        raise _Refused(f"{shown} is in a folder that is a link")
    place = list(parts[:-1])
    steps = [step for step in target.split("/") if step not in ("", ".")]
    for i, step in enumerate(steps, 1):
        if step == "..":
            if not place:
                raise _Refused(f"{shown} leads out of the folder")
            place.pop()
        else:
            place.append(step)
            if tuple(place) in links and i < len(steps):
                raise _Refused(f"{shown} leads through another link; link to its target instead")


def _shown(name: str) -> str:
    """A member's name for a message."""
    return repr(name if len(name) <= 80 else f"{name[:50]}...{name[-20:]}")
