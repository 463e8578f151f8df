"""Resources on disk: JSON documents in one SQLite file, so a killed server loses nothing."""

import json
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sagemaker_emulator.storage.database import open_database
from sagemaker_emulator.storage.orders import BY_STATUS, CREATION, MADE, NAME, Found, Order, Place
from sagemaker_emulator.storage.selection import Selection
from sagemaker_emulator.storage.watched import Watched

Document = dict[str, Any]

VERSION = 1  # of the format of the file
_TABLES = {
    "documents": """
CREATE TABLE documents (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    document TEXT NOT NULL,
    UNIQUE (kind, name)
)
"""
}
_SMALL = 500


class Store(Watched):
    """Documents addressed by (kind, name), safe to use from many threads.

    When a write returns, it is in the write-ahead log: killing the process loses nothing
    acknowledged, cutting the machine's power may lose the last writes, but no part of one
    (`database.SYNCHRONOUS`). Datetimes are stored as seconds since the epoch.

    Args:
        path: The SQLite file; it and its folder are created if missing.

    Raises:
        StartError: The file is damaged, not a database, or of a later version; nothing is written.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        ways_out = (
            "Put back a copy of the state folder that you made while the emulator was down, or "
            f"delete all of it: sagemaker-emulator reset --state {path.parent}"
        )
        self._connection = open_database(path, _TABLES, VERSION, ways_out, _problem)
        for order in MADE:
            order.make_index(self._connection)
        self._lock = threading.RLock()
        self._depth = 0
        self._written: set[str] = set()  # names in the transaction that is open
        self._empty: set[str] = set()  # kinds of which there is nothing: rules, for most pipelines

    def put(self, kind: str, name: str, document: Document) -> None:
        """Write a whole document; an existing one keeps its place in the creation order."""
        with self._write(name):
            self._empty.discard(kind)
            self._connection.execute(
                "INSERT INTO documents (kind, name, document) VALUES (?, ?, ?)"
                " ON CONFLICT (kind, name) DO UPDATE SET document = excluded.document",
                (kind, name, json.dumps(document)),
            )

    def create(self, kind: str, name: str, document: Document) -> bool:
        """Write a document if there is none of that name; return whether it was written."""
        with self._write(name):
            self._empty.discard(kind)
            cursor = self._connection.execute(
                "INSERT OR IGNORE INTO documents (kind, name, document) VALUES (?, ?, ?)",
                (kind, name, json.dumps(document)),
            )
            return cursor.rowcount == 1

    def get(self, kind: str, name: str) -> Document | None:
        """A new copy of the document, or None."""
        with self._lock:
            row = self._connection.execute(
                "SELECT document FROM documents WHERE kind = ? AND name = ?", (kind, name)
            ).fetchone()
        return json.loads(row[0]) if row else None

    def update(self, kind: str, name: str, **changes: Any) -> Document:
        """Merge top-level keys into a document in one step and return the whole of it.

        Raises:
            KeyError: There is no such document.
        """
        with self.transaction():
            document = self.get(kind, name)
            if document is None:
                raise KeyError(f"no {kind} named {name}")
            document |= changes
            self.put(kind, name, document)
            return document

    def delete(self, kind: str, name: str) -> bool:
        """Remove a document; return whether there was one."""
        with self._write(name):
            cursor = self._connection.execute(
                "DELETE FROM documents WHERE kind = ? AND name = ?", (kind, name)
            )
            return cursor.rowcount == 1

    def places(
        self,
        selection: Selection,
        most: int,
        *,
        order: Order = CREATION,
        after: Place | None = None,
        descending: bool = False,
    ) -> list[Found]:
        """The first documents of a selection in an order.

        It takes no longer for many documents than for few, unless the selection leaves out most.

        Args:
            selection: The documents.
            most: How many.
            order: What they are sorted by.
            after: The place in this order beyond which they begin; None: the first or last.
            descending: Whether the greatest come first.
        """
        where, values = selection.in_sql()
        if after is not None:
            condition, more = order.beyond(after, descending)
            where += f" AND {condition}"
            values += more
        way = "DESC" if descending else "ASC"
        index = BY_STATUS.index if order is CREATION and selection.status else order.index
        with self._lock:
            if order is CREATION and self._is_small(selection):
                index = NAME.index
            rows = self._connection.execute(
                f"SELECT sequence, name, {order.key} FROM documents INDEXED BY {index}"
                f" WHERE {where} ORDER BY {order.key} {way}, sequence {way} LIMIT ?",
                (*values, most),
            ).fetchall()
        return [
            Found(number, name, value if order.unique else (value, number))
            for number, name, value in rows
        ]

    def _is_small(self, selection: Selection) -> bool:
        """Whether few names have the selection's prefix, so that reading all of them is quick."""
        if not selection.prefix:
            return False
        where, values = selection.names_in_sql()
        rows = self._connection.execute(
            f"SELECT 1 FROM documents INDEXED BY {NAME.index} WHERE {where} LIMIT ?",
            (*values, _SMALL),
        ).fetchall()
        return len(rows) < _SMALL

    def select(self, selection: Selection) -> list[Document]:
        """The documents of a selection, in the order of their creation."""
        where, values = selection.in_sql()
        with self._lock:
            if selection.kind in self._empty:
                return []
            rows = self._connection.execute(
                f"SELECT document FROM documents WHERE {where} ORDER BY sequence", values
            ).fetchall()
            if not rows and not self._depth:  # a transaction may yet be rolled back
                self._note_if_empty(selection.kind)
        return [json.loads(row[0]) for row in rows]

    def _note_if_empty(self, kind: str) -> None:
        found = self._connection.execute("SELECT 1 FROM documents WHERE kind = ? LIMIT 1", (kind,))
        if found.fetchone() is None:
            self._empty.add(kind)

    def read(self, numbers: Sequence[int]) -> dict[int, Document]:
        """The documents of these numbers, at most some hundreds; without those deleted since."""
        with self._lock:
            rows = self._connection.execute(
                "SELECT sequence, document FROM documents"
                f" WHERE sequence IN ({', '.join('?' * len(numbers))})",
                tuple(numbers),
            ).fetchall()
        return {number: json.loads(text) for number, text in rows}

    def list(self, kind: str, prefix: str = "") -> list[Document]:
        """Documents of a kind whose names begin with `prefix`, in the order of their creation."""
        return self.select(Selection(kind, prefix))

    def items(self, kind: str) -> Sequence[tuple[str, Document]]:
        """The names and documents of a kind, in the order of their creation."""
        with self._lock:
            rows = self._connection.execute(
                "SELECT name, document FROM documents WHERE kind = ? ORDER BY sequence", (kind,)
            ).fetchall()
        return [(name, json.loads(text)) for name, text in rows]

    @contextmanager
    def _write(self, name: str) -> Iterator[None]:
        """A transaction that writes the document of a name."""
        with self.transaction():
            self._written.add(name)
            yield

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All writes inside happen or none does; other threads wait. May be nested."""
        with self._lock:
            if self._depth == 0:
                self._connection.execute("BEGIN IMMEDIATE")
                self._written.clear()
            self._depth += 1
            try:
                yield
            except BaseException:
                self._depth -= 1
                if self._depth == 0 and self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise
            self._depth -= 1
            if self._depth:
                return
            try:
                self._connection.execute("COMMIT")
            except sqlite3.Error:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise
            written = tuple(self._written)
        self._tell(written)

    def close(self) -> None:
        """Fold the write-ahead log into the file and close it."""
        with self._lock:
            self._connection.close()


def _problem(connection: sqlite3.Connection) -> str:
    """Which documents are damaged: SQLite checks the structure of its pages, not their content."""
    suspects = connection.execute(
        "SELECT kind, name, document FROM documents WHERE NOT json_valid(document)"
    )
    for kind, name, document in suspects:
        try:
            json.loads(document)  # it may have numbers that JSON has not: NaN
        except ValueError:
            return f"the document of {kind} {name!r} is damaged"
    return ""
