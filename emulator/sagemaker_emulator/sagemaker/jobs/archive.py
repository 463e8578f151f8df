"""model.tar.gz and output.tar.gz: packed quickly, unpacked safely."""

import io
import struct
import sys
import zlib
from pathlib import Path
from typing import Any, BinaryIO

from sagemaker_emulator.errors import JobFailed

if sys.version_info >= (3, 11, 4):
    import tarfile
else:  # Debian 12's Python, whose tarfile has no filters
    from backports import tarfile  # type: ignore[no-redef]

CHUNK = 1 << 20
SAMPLE = 1 << 16


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


def unpack(archive: Path, folder: Path) -> None:
    """Unpack a .tar.gz; links and names that lead out of the folder are refused.

    Raises:
        JobFailed: it is no such archive, or not a safe one.
    """
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with tarfile.open(archive, "r:*") as opened:
            opened.extractall(folder, filter="data")
    except (tarfile.TarError, OSError, zlib.error, EOFError) as error:
        raise JobFailed(f"ClientError: {archive.name} could not be unpacked: {error}") from None
