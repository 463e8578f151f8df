"""What an object is, by its content type and the end of its key."""

from enum import Enum

_PLAIN = "text/plain"


class Kind(Enum):
    """How an object is previewed."""

    TEXT = "text"
    JSON = "json"
    TABLE = "table"
    PICTURE = "picture"
    PAGE = "page"
    ARCHIVE = "archive"
    UNKNOWN = "unknown"

    @property
    def is_read(self) -> bool:
        """Whether the server reads its begin; of an unknown kind it may be text."""
        return self in (Kind.TEXT, Kind.JSON, Kind.TABLE, Kind.UNKNOWN)


# By the end of a key: most clients upload without a content type.
_BY_END = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".gif": "image/gif",
    ".webp": "image/webp",
    ".avif": "image/avif",
    ".bmp": "image/bmp",
    ".ico": "image/x-icon",
    ".svg": "image/svg+xml",
    ".html": "text/html",
    ".htm": "text/html",
    ".json": "application/json",
    ".ipynb": "application/json",
    ".csv": "text/csv",
    ".tsv": "text/tab-separated-values",
    ".tar.gz": "application/gzip",
    ".tgz": "application/gzip",
    **dict.fromkeys((".txt", ".log", ".md", ".jsonl", ".ndjson", ".manifest", ".out"), _PLAIN),
    **dict.fromkeys((".py", ".sh", ".toml", ".yaml", ".yml", ".ini", ".cfg", ".xml"), _PLAIN),
}
# What a browser may show of an object by itself; text of any kind as plain text.
_SHOWN = {*(each for each in _BY_END.values() if each.startswith("image/")), "text/html"}
_KINDS = {
    "text/html": Kind.PAGE,
    "application/json": Kind.JSON,
    "text/csv": Kind.TABLE,
    "text/tab-separated-values": Kind.TABLE,
    "application/gzip": Kind.ARCHIVE,
}
_UNSET = (
    "",
    "binary/octet-stream",
    "application/octet-stream",
    "application/x-www-form-urlencoded",
)


def kind_of(key: str, content_type: str) -> Kind:
    """How to preview an object.

    Args:
        key: Its key.
        content_type: As it was uploaded with; S3's default says nothing.
    """
    media = _media(key, content_type)
    if media in _KINDS:
        return _KINDS[media]
    if media in _SHOWN:
        return Kind.PICTURE
    return Kind.TEXT if media.startswith("text/") else Kind.UNKNOWN


def media_type(key: str, content_type: str) -> str | None:
    """The content type to show an object with; None if a browser only saves it."""
    media = _media(key, content_type)
    if media in _SHOWN:
        return media
    return _PLAIN if media.startswith("text/") or media == "application/json" else None


def _media(key: str, content_type: str) -> str:
    stated = content_type.partition(";")[0].strip().lower()
    if stated in ("image/jpg", "image/pjpeg"):
        return "image/jpeg"
    if stated in ("application/x-gzip", "application/x-tar+gzip"):
        return "application/gzip"
    if stated not in _UNSET:
        return stated
    lower = key.lower()
    return next((media for end, media in _BY_END.items() if lower.endswith(end)), "")
