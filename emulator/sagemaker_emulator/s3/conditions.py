"""Conditional requests: If-Match and its kin, of reads, writes and copies."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime

from sagemaker_emulator.s3.faults import S3Fault, not_implemented
from sagemaker_emulator.s3.stored import Stored


def http_date(seconds: float) -> str:
    """Seconds since the epoch as HTTP has them."""
    return format_datetime(datetime.fromtimestamp(int(seconds), UTC), usegmt=True)


def check_read(headers: Mapping[str, str], stored: Stored) -> None:
    """Check the conditions of GET and HEAD, in the order of RFC 9110.

    Raises:
        S3Fault: PreconditionFailed or NotModified.
    """
    match = headers.get("if-match")
    none_match = headers.get("if-none-match")
    before = _seconds(headers.get("if-unmodified-since"))
    if match is not None:
        if not _matches(match, stored.etag):
            raise S3Fault("PreconditionFailed", Condition="If-Match")
    elif before is not None and stored.modified > before:
        raise S3Fault("PreconditionFailed", Condition="If-Unmodified-Since")
    unchanged = False
    if none_match is not None:
        unchanged = _matches(none_match, stored.etag)
    elif (since := _seconds(headers.get("if-modified-since"))) is not None:
        unchanged = stored.modified <= since
    if unchanged:
        kept = {"etag": f'"{stored.etag}"', "last-modified": http_date(stored.modified)}
        raise S3Fault("NotModified", headers=kept)


def check_copy(headers: Mapping[str, str], source: Stored) -> None:
    """Check the conditions of a copy on its source.

    Raises:
        S3Fault: PreconditionFailed.
    """
    prefix = "x-amz-copy-source-"
    own = {name.removeprefix(prefix): headers[name] for name in headers if name.startswith(prefix)}
    try:
        check_read(own, source)
    except S3Fault as fault:
        if fault.code == "NotModified":
            raise S3Fault(
                "PreconditionFailed", Condition="x-amz-copy-source-If-None-Match"
            ) from None
        raise


def write_check(headers: Mapping[str, str]) -> Callable[[Stored | None], None] | None:
    """What a write requires of the object that it replaces, or None if nothing.

    Raises:
        S3Fault: `If-None-Match` has another value than `*`, which S3 does not implement either.
    """
    match, none_match = headers.get("if-match"), headers.get("if-none-match")
    if none_match not in (None, "*"):
        raise not_implemented("The header If-None-Match with another value than *")
    if match is None and none_match is None:
        return None

    def check(current: Stored | None) -> None:
        if none_match is not None and current is not None:
            raise S3Fault("PreconditionFailed", Condition="If-None-Match")
        if match is not None and current is None:
            raise S3Fault("NoSuchKey")
        if match is not None and current is not None and not _matches(match, current.etag):
            raise S3Fault("PreconditionFailed", Condition="If-Match")

    return check


def check_delete(headers: Mapping[str, str], current: Stored | None) -> None:
    """Check the conditions of a deletion.

    Raises:
        S3Fault: PreconditionFailed; NoSuchKey where there is no object to match.
    """
    names = ("if-match", "x-amz-if-match-size", "x-amz-if-match-last-modified-time")
    if not any(name in headers for name in names):
        return
    if current is None:
        raise S3Fault("NoSuchKey")
    match, size, changed = (headers.get(name) for name in names)
    if match is not None and not _matches(match, current.etag):
        raise S3Fault("PreconditionFailed", Condition="If-Match")
    if size is not None and size != str(current.size):
        raise S3Fault("PreconditionFailed", Condition="x-amz-if-match-size")
    if changed is not None and _seconds(changed) != current.modified:
        raise S3Fault("PreconditionFailed", Condition="x-amz-if-match-last-modified-time")


def _matches(condition: str, etag: str) -> bool:
    tags = [tag.strip().removeprefix("W/").strip('"') for tag in condition.split(",")]
    return "*" in tags or etag in tags


def _seconds(date: str | None) -> int | None:
    """Seconds since the epoch; None for what is no date, which HTTP has servers ignore."""
    if date is None:
        return None
    try:
        # XML bodies have ISO's form.
        moment = datetime.fromisoformat(date) if "T" in date[:11] else parsedate_to_datetime(date)
        return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())
    except (ValueError, OverflowError, IndexError, TypeError):
        return None
