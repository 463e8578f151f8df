"""The log of audits in S3: entries are added, and none is ever changed or deleted.

An entry is one object, which S3 creates only if there is none of its name (`If-None-Match: *`). Two
people, or two desks, never overwrite each other. The page chooses an entry's id when it draws a
form. So whoever sends the form twice, because the first response was lost, adds one entry.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from pipelines import NAME
from pipelines.errors import UserError
from pipelines.steps import audits, document

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

PREFIX = f"{NAME}/audits/"
READERS = 16  # objects that are read at the same time
ATTEMPTS = 5  # to write where others write the same object at this moment
FIRST_DAY = date(2000, 1, 1)


class TwiceError(UserError):
    """The form was sent before, with another decision; that one is kept."""


def now() -> str:
    """The time of an entry."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


@dataclass
class AuditLog:
    """The log of one bucket. What was read once is kept, as entries never change.

    Attributes:
        s3: Returns a client of the target; it is asked for each time, as the target may come back
            at another address.
        bucket: Returns the bucket's name.
        unreadable: Why an object below the prefix is no entry, by its key.
    """

    s3: Callable[[], S3Client]
    bucket: Callable[[], str]
    unreadable: dict[str, str] = field(default_factory=dict)
    _entries: dict[str, audits.Audit] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def write(self, audit: audits.Audit) -> audits.Audit:
        """Add an entry, and return the entry that the log has: an earlier one of the same id.

        Raises:
            TwiceError: The log has an entry of this id with another decision.
            AuditError: It is not an entry.
            ClientError, BotoCoreError: S3 did not confirm that it is written. Send it again.
        """
        audits.parse(audit.as_document())
        # Sent again after midnight, it would be an object of another day.
        today = date.fromisoformat(audit.when[:10])
        for entry in self.read(today - timedelta(days=1)):
            if entry.id == audit.id:
                return _same(entry, audit)
        key = PREFIX + audit.path
        if not put_once(self.s3(), self.bucket(), key, audit.as_document()):
            return _same(self._get(key), audit)
        with self._lock:
            self._entries[key] = audit
        return audit

    def read(self, since: date = FIRST_DAY) -> list[audits.Audit]:
        """Every entry since a day (UTC), in no order; objects that are no entries are left out.

        Raises:
            ClientError, BotoCoreError: S3 cannot be read.
        """
        s3, bucket = self.s3(), self.bucket()
        keys = [
            key
            for key in list_keys(s3, bucket, PREFIX, f"{PREFIX}{since.isoformat()}")
            if audits.is_entry(key.removeprefix(PREFIX))
        ]
        with self._lock:
            new = [key for key in keys if key not in self._entries and key not in self.unreadable]
        with ThreadPoolExecutor(READERS) as pool:
            list(pool.map(self._read_one, new))
        with self._lock:
            return [self._entries[key] for key in keys if key in self._entries]

    def undo(self, entry: audits.Audit, identity: str, who: str) -> audits.Audit:
        """Add an entry that takes another one back.

        Args:
            entry: What is undone.
            identity: The new entry's id, made by the page.
            who: The person's name.

        Raises:
            As `write`.
        """
        changes: dict[str, Any] = {"undoes": entry.id, "true_count": None, "note": ""}
        undo = replace(entry, id=identity, when=now(), who=who, decision="undo", **changes)
        return self.write(undo)

    def _read_one(self, key: str) -> None:
        try:
            entry = self._get(key)
        except (audits.AuditError, document.DocumentError) as error:
            with self._lock:
                self.unreadable[key] = str(error)
            return
        with self._lock:
            self._entries[key] = entry

    def _get(self, key: str) -> audits.Audit:
        body = self.s3().get_object(Bucket=self.bucket(), Key=key)["Body"].read()
        return audits.parse(document.read(body, "the entry"))


def put_once(s3: S3Client, bucket: str, key: str, content: object) -> bool:
    """Write an object of JSON unless there is one of this name; returns whether it was written.

    Raises:
        ClientError, BotoCoreError: S3 did not confirm that it is written.
    """
    body = json.dumps(content, indent=1).encode()
    for attempt in range(1, ATTEMPTS + 1):
        try:
            s3.put_object(
                Bucket=bucket, Key=key, Body=body, ContentType="application/json", IfNoneMatch="*"
            )
            return True
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code == "PreconditionFailed":
                return False
            if code != "ConditionalRequestConflict" or attempt == ATTEMPTS:
                raise
    return False


def list_keys(s3: S3Client, bucket: str, prefix: str, after: str = "") -> Iterable[str]:
    """The keys below a prefix, in order, from `after` on; none where there is no bucket yet.

    Raises:
        ClientError, BotoCoreError: S3 cannot be read.
    """
    pages = s3.get_paginator("list_objects_v2")
    try:
        for page in pages.paginate(Bucket=bucket, Prefix=prefix, StartAfter=after or prefix):
            for entry in page.get("Contents", []):
                yield entry["Key"]
    except ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchBucket":  # `setup` creates it
            raise


def _same(written: audits.Audit, sent: audits.Audit) -> audits.Audit:
    """The entry that was written, if the other is the same but for its time.

    Raises:
        TwiceError: It is another decision.
    """
    if replace(sent, when=written.when) != written:
        raise TwiceError(
            f"{written.image} was decided from this page before, and that decision is kept. To "
            "change it, undo it first."
        )
    return written
