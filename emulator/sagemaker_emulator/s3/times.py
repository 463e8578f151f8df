"""Times as S3's documents have them."""

from datetime import UTC, datetime


def iso(seconds: float) -> str:
    """Seconds since the epoch, as `2026-11-30T01:12:35.000Z`; S3 has whole seconds."""
    moment = datetime.fromtimestamp(int(seconds), UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.000Z")
