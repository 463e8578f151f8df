"""An object as it is on the disk."""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from sagemaker_emulator.s3.about import About

# Of a body that somebody else put there; a longer one has an ETag that is no MD5, as on S3 one
# that was uploaded in parts.
_LONGEST_HASHED = 8 << 20


@dataclass(frozen=True)
class Stored:
    """An object as it is on the disk.

    Attributes:
        key: Its key.
        size: In bytes.
        mtime: When it was changed, in nanoseconds since the epoch.
        etag: Without quotes.
        about: What else is kept of it.
    """

    key: str
    size: int
    mtime: int
    etag: str
    about: About

    @property
    def modified(self) -> int:
        """When it was changed, in whole seconds since the epoch, as HTTP has it."""
        return self.mtime // 1_000_000_000


def etag_of(path: Path | str, found: os.stat_result) -> str:
    """The ETag of a body of which nothing is kept."""
    if found.st_size <= _LONGEST_HASHED:
        with Path(path).open("rb") as file:
            return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
    text = f"{found.st_size} {found.st_mtime_ns}"
    return f"{hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()}-1"
