"""Times as S3's documents have them."""

import functools
from datetime import UTC, datetime


def iso(seconds: float) -> str:
    """Seconds since the epoch, as `2026-11-30T01:12:35.000Z`; S3 has whole seconds."""
    return _iso(int(seconds))


@functools.lru_cache(4096)  # a listing has many objects of one second
def _iso(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
