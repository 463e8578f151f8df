"""The orders of a kind's documents for which the store has an index.

Every index holds what it is sorted by, the document's number and its name, so that a list reads the
documents that it shows, and no other.
"""

import sqlite3
from dataclasses import dataclass
from typing import NamedTuple

# The member that holds the status, by the kind of documents that are listed by status.
STATUS = {
    "training-job": "TrainingJobStatus",
    "processing-job": "ProcessingJobStatus",
    "transform-job": "TransformJobStatus",
    "hyper-parameter-tuning-job": "HyperParameterTuningJobStatus",
    "endpoint": "EndpointStatus",
}


# Where a document stands in an order: its number, its name, or a value and the number.
Place = int | str | tuple[str | float, int]


class Found(NamedTuple):
    """A document in an order."""

    number: int
    name: str
    place: Place


@dataclass(frozen=True)
class Order:
    """An order.

    Attributes:
        index: the name of its index.
        key: what is sorted by, as SQL.
        unique: whether no two documents of a kind have the same; else the number decides, too.
    """

    index: str
    key: str
    unique: bool = False

    def make_index(self, connection: sqlite3.Connection) -> None:
        """Make its index, anew where an earlier version of the emulator made another one."""
        columns = "sequence, name" if self.key == "sequence" else f"{self.key}, sequence, name"
        wanted = f"CREATE INDEX {self.index} ON documents (kind, {columns})"
        found = connection.execute("SELECT sql FROM sqlite_master WHERE name = ?", (self.index,))
        if found.fetchone() != (wanted,):
            connection.execute(f"DROP INDEX IF EXISTS {self.index}")
            connection.execute(wanted)

    def beyond(self, place: Place, descending: bool) -> tuple[str, list[str | float]]:
        """The condition for what follows a place, and its values."""
        sign = "<" if descending else ">"
        if not isinstance(place, tuple):
            return f"{self.key} {sign} ?", [place]
        value, number = place
        # The first part alone is a range of the index; SQLite finds none for a row of values.
        either = f"{self.key} {sign} ? OR sequence {sign} ?"
        return f"{self.key} {sign}= ? AND ({either})", [value, value, number]


def _member(path: str) -> str:
    """A member of the document as SQL; 0, before all texts and times, where it has none.

    A document with NaN is not JSON to SQLite; it comes first, too.
    """
    found = f"json_extract(document, {path})"
    return f"ifnull(CASE WHEN json_valid(document) THEN {found} END, 0)"


_PATHS = " ".join(f"WHEN '{kind}' THEN '$.{member}'" for kind, member in STATUS.items())
CREATION = Order("documents_by_creation", "sequence", unique=True)
NAME = Order("sqlite_autoindex_documents_1", "name", unique=True)  # made by the table's UNIQUE
MODIFICATION = Order("documents_by_modification", _member("'$.LastModifiedTime'"))
BY_STATUS = Order("documents_by_status", _member(f"CASE kind {_PATHS} ELSE '$.Status' END"))
MADE = (CREATION, MODIFICATION, BY_STATUS)
