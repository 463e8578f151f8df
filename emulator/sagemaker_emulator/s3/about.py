"""What is kept of objects and of uploads beside their bodies."""

import json
from dataclasses import asdict, dataclass, field


@dataclass(frozen=True)
class About:
    """What is kept of an object or of an upload.

    Attributes:
        headers: System metadata by lower-case header: `content-type`, `x-amz-storage-class`, ...
        metadata: The user's, by name without `x-amz-meta-`.
        tags: By key.
        checksums: In base64, by algorithm; with `-N` where they are composed of N parts'.
        checksum_type: FULL_OBJECT or COMPOSITE.
        checksum_algorithm: What an upload in parts was begun with.
        parts: Of an object uploaded in parts, each one's size and checksums.
    """

    headers: dict[str, str] = field(default_factory=dict)
    metadata: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    checksums: dict[str, str] = field(default_factory=dict)
    checksum_type: str = "FULL_OBJECT"
    checksum_algorithm: str = ""
    parts: list[tuple[int, dict[str, str]]] = field(default_factory=list)

    def dump(self) -> str:
        """As it is stored: what is not empty."""
        return json.dumps({name: value for name, value in asdict(self).items() if value})

    @classmethod
    def load(cls, text: str) -> "About":
        """As it was dumped."""
        return cls(**json.loads(text)) if text != "{}" else cls()


@dataclass(frozen=True)
class Upload:
    """An upload in parts that is under way; `created` in seconds since the epoch."""

    id: str
    bucket: str
    key: str
    created: float
    about: About


@dataclass(frozen=True)
class Part:
    """A part of an upload; `file` is its name in the upload's folder."""

    number: int
    size: int
    created: float
    etag: str
    checksums: dict[str, str]
    file: str
