"""What is known of objects beside their bodies, in SQLite: `s3.sqlite` in the state folder."""

import json
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sagemaker_emulator.s3.about import About, Part, Upload
from sagemaker_emulator.storage.database import open_database

_TABLES = {
    "objects": """
CREATE TABLE objects (
    bucket TEXT NOT NULL, key TEXT NOT NULL, size INTEGER NOT NULL, mtime INTEGER NOT NULL,
    etag TEXT NOT NULL, about TEXT NOT NULL,
    PRIMARY KEY (bucket, key, size, mtime)
) WITHOUT ROWID
""",
    "buckets": """
CREATE TABLE buckets (name TEXT PRIMARY KEY, created REAL NOT NULL)
""",
    "configurations": """
CREATE TABLE configurations (
    bucket TEXT NOT NULL, kind TEXT NOT NULL, id TEXT NOT NULL, body BLOB NOT NULL,
    PRIMARY KEY (bucket, kind, id)
) WITHOUT ROWID
""",
    "uploads": """
CREATE TABLE uploads (
    id TEXT PRIMARY KEY, bucket TEXT NOT NULL, key TEXT NOT NULL, created REAL NOT NULL,
    about TEXT NOT NULL
)
""",
    "parts": """
CREATE TABLE parts (
    upload TEXT NOT NULL, number INTEGER NOT NULL, size INTEGER NOT NULL, created REAL NOT NULL,
    etag TEXT NOT NULL, checksums TEXT NOT NULL, file TEXT NOT NULL,
    PRIMARY KEY (upload, number)
) WITHOUT ROWID
""",
}
_VERSION = 1


class Metadata:
    """The database. A row of an object holds for the body of just its size and time of change.

    Args:
        path: The file, made if missing.

    Raises:
        StartError: It is damaged, or of a later version; nothing is written to it.
    """

    def __init__(self, path: Path) -> None:
        self._lock = threading.RLock()
        ways_out = (
            "Put back a copy of it, or delete it with what begins with its name: the objects stay; "
            "their metadata, tags and uploads in parts are lost."
        )
        self._connection = open_database(path, _TABLES, _VERSION, ways_out, _problem)
        self._connection.execute("PRAGMA busy_timeout=5000")

    def close(self) -> None:
        """Fold the write-ahead log into the file and close it."""
        with self._lock:
            self._connection.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All writes inside happen or none does."""
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    def _write(self, sql: str, *values: object) -> int:
        with self._lock:
            return self._connection.execute(sql, values).rowcount

    def _read(self, sql: str, *values: object) -> list[tuple]:  # type: ignore[type-arg]
        with self._lock:
            return self._connection.execute(sql, values).fetchall()

    # Objects

    def object(self, bucket: str, key: str, size: int, mtime: int) -> tuple[str, About] | None:
        """The ETag, and what is kept of a body of this size and time (in ns), or None."""
        rows = self._read(
            "SELECT etag, about FROM objects WHERE bucket=? AND key=? AND size=? AND mtime=?",
            *(bucket, key, size, mtime),
        )
        return (rows[0][0], About.load(rows[0][1])) if rows else None

    def objects(
        self, bucket: str, keys: list[str]
    ) -> dict[tuple[str, int, int], tuple[str, About]]:
        """The same of many keys, by key, size and time."""
        rows = self._read(
            "SELECT key, size, mtime, etag, about FROM objects"
            " WHERE bucket=? AND key IN (SELECT value FROM json_each(?))",
            *(bucket, json.dumps(keys)),
        )
        return {(key, size, at): (etag, About.load(about)) for key, size, at, etag, about in rows}

    def put_object(
        self,
        bucket: str,
        key: str,
        stamp: tuple[int, int],
        etag: str,
        about: About,
        current: tuple[int, int] | None,
    ) -> None:
        """Add what belongs to a body that is about to appear; that of the current one stays.

        Args:
            bucket: The bucket's name.
            key: The object's.
            stamp: Size and time of change (in ns) of the new body.
            etag: Its ETag, without quotes.
            about: What is kept of it.
            current: Size and time of the body that it will replace.
        """
        values = (bucket, key, *stamp, etag, about.dump())
        sql = "INSERT OR REPLACE INTO objects VALUES (?, ?, ?, ?, ?, ?)"
        if current is None:
            self._write(sql, *values)
            return
        with self.transaction():
            self._write(
                "DELETE FROM objects WHERE bucket=? AND key=? AND (size<>? OR mtime<>?)",
                *(bucket, key, *current),
            )
            self._write(sql, *values)

    def delete_object(self, bucket: str, key: str) -> None:
        """Forget an object."""
        self._write("DELETE FROM objects WHERE bucket=? AND key=?", bucket, key)

    # Buckets

    def create_bucket(self, name: str) -> None:
        """Remember when a bucket was made."""
        self._write("INSERT OR REPLACE INTO buckets VALUES (?, ?)", name, time.time())

    def created(self) -> dict[str, float]:
        """When each bucket was made, in seconds since the epoch, as far as it is known."""
        return dict(self._read("SELECT name, created FROM buckets"))

    def delete_bucket(self, name: str) -> None:
        """Forget a bucket with its configuration and uploads."""
        with self.transaction():
            self._write("DELETE FROM buckets WHERE name=?", name)
            self._write("DELETE FROM objects WHERE bucket=?", name)
            self._write("DELETE FROM configurations WHERE bucket=?", name)
            self._write(
                "DELETE FROM parts WHERE upload IN (SELECT id FROM uploads WHERE bucket=?)", name
            )
            self._write("DELETE FROM uploads WHERE bucket=?", name)

    def configuration(self, bucket: str, kind: str, name: str = "") -> bytes | None:
        """A configuration as it was put, or None."""
        rows = self._read(
            "SELECT body FROM configurations WHERE bucket=? AND kind=? AND id=?",
            *(bucket, kind, name),
        )
        return bytes(rows[0][0]) if rows else None

    def configurations(self, bucket: str, kind: str) -> list[bytes]:
        """All of a kind, in the order of their ids."""
        sql = "SELECT body FROM configurations WHERE bucket=? AND kind=? ORDER BY id"
        return [bytes(body) for (body,) in self._read(sql, bucket, kind)]

    def put_configuration(self, bucket: str, kind: str, body: bytes, name: str = "") -> None:
        """Keep a configuration in place of the last of its kind and id."""
        self._write(
            "INSERT OR REPLACE INTO configurations VALUES (?, ?, ?, ?)", bucket, kind, name, body
        )

    def delete_configuration(self, bucket: str, kind: str, name: str = "") -> bool:
        """Forget a configuration; return whether there was one."""
        sql = "DELETE FROM configurations WHERE bucket=? AND kind=? AND id=?"
        return bool(self._write(sql, bucket, kind, name))

    # Uploads in parts

    def create_upload(self, upload: Upload) -> None:
        """Begin an upload."""
        self._write(
            "INSERT INTO uploads VALUES (?, ?, ?, ?, ?)",
            *(upload.id, upload.bucket, upload.key, upload.created, upload.about.dump()),
        )

    def uploads(self, bucket: str) -> list[Upload]:
        """The uploads under way, in the order of their keys, then of their ids."""
        rows = self._read("SELECT * FROM uploads WHERE bucket=? ORDER BY key, id", bucket)
        return [_upload(row) for row in rows]

    def upload(self, upload_id: str) -> Upload | None:
        """One upload, or None."""
        rows = self._read("SELECT * FROM uploads WHERE id=?", upload_id)
        return _upload(rows[0]) if rows else None

    def upload_ids(self) -> set[str]:
        """The ids of all uploads under way."""
        return {name for (name,) in self._read("SELECT id FROM uploads")}

    def delete_upload(self, upload_id: str) -> None:
        """End an upload."""
        with self.transaction():
            self._write("DELETE FROM parts WHERE upload=?", upload_id)
            self._write("DELETE FROM uploads WHERE id=?", upload_id)

    def put_part(self, upload_id: str, part: Part) -> str | None:
        """Keep a part, and return the file of the one that it replaces."""
        with self.transaction():
            rows = self._read(
                "SELECT file FROM parts WHERE upload=? AND number=?", upload_id, part.number
            )
            values = (part.number, part.size, part.created, part.etag)
            self._write(
                "INSERT OR REPLACE INTO parts VALUES (?, ?, ?, ?, ?, ?, ?)",
                *(upload_id, *values, json.dumps(part.checksums), part.file),
            )
        return str(rows[0][0]) if rows else None

    def parts(self, upload_id: str) -> dict[int, Part]:
        """The parts of an upload by number, in order."""
        rows = self._read(
            "SELECT number, size, created, etag, checksums, file FROM parts"
            " WHERE upload=? ORDER BY number",
            upload_id,
        )
        return {
            number: Part(number, size, created, etag, json.loads(sums), file)
            for number, size, created, etag, sums, file in rows
        }


def _upload(row: tuple[str, str, str, float, str]) -> Upload:
    name, bucket, key, created, about = row
    return Upload(name, bucket, key, created, About.load(about))


def _problem(connection: sqlite3.Connection) -> str:
    """Which metadata are damaged: SQLite checks the structure of its pages, not their content."""
    damaged = connection.execute(
        "SELECT bucket, key FROM objects WHERE NOT json_valid(about) LIMIT 1"
    ).fetchone()
    return "what is kept of s3://{}/{} is damaged".format(*damaged) if damaged else ""
