"""Checksums of bodies, as S3 names them: `crc32`, `sha256`, ...

CRC32C and CRC64NVME are computed by `awscrt` where it is installed, and otherwise here: numpy
computes the remainders of many pieces at once, which are then joined by table.
"""

import base64
import binascii
import functools
import hashlib
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

HEADER = "x-amz-checksum-"
CRCS = ("crc32", "crc32c", "crc64nvme")
ALGORITHMS = (*CRCS, "sha1", "sha256", "sha512", "md5")
SIZES = {"crc32": 4, "crc32c": 4, "crc64nvme": 8, "sha1": 20, "sha256": 32, "sha512": 64, "md5": 16}
_PIECE = 256  # bytes whose remainder is computed at once with those of other pieces
_BUFFER = 1 << 20
_POLYNOMIALS = {"crc32c": (0x82F63B78, 4), "crc64nvme": (0x9A6C9329AC4BC9B5, 8)}


class Hasher(Protocol):
    """An algorithm under way."""

    def update(self, data: bytes, /) -> None:
        """Take more of the body."""

    def digest(self) -> bytes:
        """The checksum of all of it so far."""


def hasher(algorithm: str) -> Hasher:
    """An algorithm at its beginning; one of `ALGORITHMS`."""
    if algorithm == "crc32":
        return _Running(zlib.crc32, 4)
    if algorithm in _POLYNOMIALS:
        return _Running(_crc(algorithm), _POLYNOMIALS[algorithm][1], _BUFFER)
    made: Hasher = hashlib.new(algorithm, usedforsecurity=False)
    return made


def of_file(path: Path, algorithm: str) -> bytes:
    """The checksum of a file's content."""
    computed = hasher(algorithm)
    with path.open("rb") as file:
        while data := file.read(_BUFFER):
            computed.update(data)
    return computed.digest()


def encode(digest: bytes) -> str:
    """As headers have it."""
    return base64.b64encode(digest).decode()


def decode(text: str, size: int) -> bytes | None:
    """The digest that a header has, or None if it is no base64 of so many bytes."""
    try:
        digest = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return digest if len(digest) == size else None


class _Running:
    """A CRC under way, computed over pieces of some size."""

    def __init__(self, compute: Callable[[bytes, int], int], size: int, piece: int = 0) -> None:
        self._compute = compute
        self._size = size
        self._piece = piece
        self._waiting = bytearray()
        self._value = 0

    def update(self, data: bytes, /) -> None:
        if not self._piece:
            self._value = self._compute(data, self._value)
            return
        self._waiting += data
        if len(self._waiting) >= self._piece:
            self._take()

    def _take(self) -> None:
        if self._waiting:
            self._value = self._compute(bytes(self._waiting), self._value)
            self._waiting.clear()

    def digest(self) -> bytes:
        self._take()
        return self._value.to_bytes(self._size, "big")


@functools.cache
def _crc(algorithm: str) -> Callable[[bytes, int], int]:
    try:
        from awscrt import checksums as crt  # type: ignore[import-not-found,unused-ignore]
    except ImportError:
        return _Crc(*_POLYNOMIALS[algorithm])
    compute: Callable[[bytes, int], int] = getattr(crt, algorithm)
    return compute


class _Crc:
    """A reflected CRC whose register begins and ends inverted.

    Args:
        polynomial: Reflected.
        size: Bytes of the register.
    """

    def __init__(self, polynomial: int, size: int) -> None:
        import numpy as np  # only where one is asked for: it takes memory

        self._all = (1 << 8 * size) - 1
        values = np.arange(256, dtype=np.uint64)
        for _ in range(8):
            values = np.where(values & 1, (values >> 1) ^ np.uint64(polynomial), values >> 1)
        self._table = values
        self._small = [int(value) for value in values]
        # What becomes of each byte of the register when a piece of zeros follows.
        places = np.arange(256, dtype=np.uint64)
        moved = [places << np.uint64(8 * place) for place in range(size)]
        for _ in range(_PIECE):
            moved = [values[part & np.uint64(255)] ^ (part >> np.uint64(8)) for part in moved]
        self._moved = [[int(value) for value in part] for part in moved]

    def __call__(self, data: bytes, previous: int = 0) -> int:
        register = previous ^ self._all
        whole = len(data) // _PIECE * _PIECE
        if whole >= 16 * _PIECE:
            for remainder in self._remainders(data[:whole]):
                moved = 0
                for table in self._moved:
                    moved ^= table[register & 255]
                    register >>= 8
                register = moved ^ remainder
            data = data[whole:]
        small = self._small
        for byte in data:
            register = small[(register ^ byte) & 255] ^ (register >> 8)
        return register ^ self._all

    def _remainders(self, data: bytes) -> list[int]:
        """The register after each piece, if it began at zero."""
        import numpy as np

        columns = np.frombuffer(data, np.uint8).reshape(-1, _PIECE).T.astype(np.uint64)
        registers = np.zeros(columns.shape[1], np.uint64)
        low, byte = np.uint64(255), np.uint64(8)
        for column in columns:
            registers = self._table[(registers ^ column) & low] ^ (registers >> byte)
        return [int(value) for value in registers]
