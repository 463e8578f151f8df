"""Reads the bins of one source: what is known of each, and its image."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from preparation import metadata, picture
from preparation.errors import UnusableBinError
from preparation.metadata import Bin
from preparation.source import Source


class Reader:
    """Reads bins by their ids, many at a time. What is wrong with a bin is returned, not raised.

    Args:
        source: Where the bins are; it is listed at once.
        folder: Where the images go, as ID.jpg.
        prefix: What the bins' ids begin with in the results, so that two sources never share one.

    Raises:
        PreparationError: The source cannot be read, or has no bins.
    """

    def __init__(self, source: Source, folder: Path, prefix: str = "") -> None:
        self.address = source.address
        self.bins = source.bins()
        self.prefix = prefix
        self._source = source
        self._folder = folder
        self._sizes: dict[str, tuple[int, int]] = {}  # of the images that are there
        print(f"{source.address}: {len(self.bins.files)} bins {self.bins.words}")
        if unused := self.bins.unused:
            print(f"not listed there, so not used: {len(unused)} pictures, such as {unused[0]}")

    def read(self, ids: Iterable[str]) -> Iterator[Bin | UnusableBinError]:
        """Read what is known of bins, in the order of their ids."""
        return self._source.map(self._read, ids)

    def fetch(self, ids: Iterable[str]) -> Iterator[tuple[int, int] | UnusableBinError]:
        """Fetch and check images, in the order of the ids; a usable one is kept, with its size."""
        return self._source.map(self._fetch, ids)

    def sha256(self, identity: str) -> str:
        """The SHA-256 of an image that was fetched, in hex."""
        return hashlib.sha256(self._file(identity).read_bytes()).hexdigest()

    def _file(self, identity: str) -> Path:
        return self._folder / f"{self.prefix}{identity}.jpg"

    def _read(self, identity: str) -> Bin | UnusableBinError:
        if flaw := self.bins.flaws.get(identity):
            return UnusableBinError(*flaw)
        file = self.bins.files[identity]
        try:
            if file.record:
                return metadata.parse(self.prefix + identity, self._source.read(file.record) or b"")
            return metadata.of_place(self.prefix + identity, file)
        except UnusableBinError as error:
            return error

    def _fetch(self, identity: str) -> tuple[int, int] | UnusableBinError:
        if identity in self._sizes:
            return self._sizes[identity]
        content = self._source.read(self.bins.files[identity].image) or b""
        try:
            size = picture.check(content)
        except UnusableBinError as error:
            return error
        self._file(identity).write_bytes(content)
        self._sizes[identity] = size
        return size
