"""SQLite files, checked before they are opened: nothing is written to a damaged one."""

import sqlite3
import struct
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path

from sagemaker_emulator.errors import StartError

# NORMAL: a commit survives the end of any process, and the last ones may be lost with the machine's
# power. FULL survives that, too, and waits for the disk at each commit: about 3 ms.
SYNCHRONOUS = "NORMAL"
_WAL_MAGIC = (0x377F0682, 0x377F0683)


class _Damaged(Exception):
    """What is wrong with a file."""


def open_database(
    path: Path,
    tables: Mapping[str, str],
    version: int,
    ways_out: str,
    problem: Callable[[sqlite3.Connection], str] = lambda _: "",
) -> sqlite3.Connection:
    """Open a database with a write-ahead log, creating the file and its folder if missing.

    An existing file is first read, without a write: its pages, its version and its tables. A file
    without a version has the first one.

    Args:
        path: The file.
        tables: The CREATE TABLE statement of each table.
        version: The format's version, kept in `PRAGMA user_version`.
        ways_out: What to do where it cannot be used, for the message.
        problem: Returns what is wrong with the content, or an empty string.

    Raises:
        StartError: The file is damaged, has other tables or a later version; nothing is written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() or _log_of(path).exists():
        try:
            _check(path, tables, version, problem)
        except (_Damaged, sqlite3.DatabaseError, struct.error) as error:
            if isinstance(error, sqlite3.OperationalError) and "malformed" not in str(error):
                raise  # for example a full disk: the file may be whole
            raise StartError(
                f"the database {path} cannot be used: {error}. Nothing was written to it. "
                f"{ways_out}"
            ) from None
    else:
        _create(path, tables, version)
    connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute(f"PRAGMA synchronous={SYNCHRONOUS}")
    if connection.execute("PRAGMA user_version").fetchone()[0] != version:
        connection.execute(f"PRAGMA user_version={version}")
    return connection


def _create(path: Path, tables: Mapping[str, str], version: int) -> None:
    """Create the file at once and whole: an empty one is a damaged one."""
    new = path.with_name(f"{path.name}.new")
    new.unlink(missing_ok=True)
    with closing(sqlite3.connect(new)) as connection:
        for statement in tables.values():
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version={version}")
        connection.commit()
    new.replace(path)


def _log_of(path: Path) -> Path:
    return path.with_name(f"{path.name}-wal")


def _check(
    path: Path,
    tables: Mapping[str, str],
    version: int,
    problem: Callable[[sqlite3.Connection], str],
) -> None:
    """Read all of a file and of its write-ahead log.

    Raises:
        _Damaged, sqlite3.DatabaseError: Something is wrong with it.
    """
    if not path.exists():
        raise _Damaged(f"the file is missing, and its write-ahead log {_log_of(path).name} is not")
    if not path.stat().st_size:
        raise _Damaged("the file is empty")
    # Without a log it can be read as immutable; else SQLite would make an empty one.
    mode = "mode=ro" if _check_log(_log_of(path)) else "immutable=1"
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?{mode}", uri=True)) as connection:
        found = connection.execute("PRAGMA user_version").fetchone()[0]
        if found > version:
            raise _Damaged(
                f"a later version of the emulator wrote it (format {found}, this one reads "
                f"{version}); use that version"
            )
        rows = connection.execute("PRAGMA quick_check(3)").fetchall()
        if rows != [("ok",)]:
            lines = " ".join(" ".join(str(row[0]).split()) for row in rows)
            raise _Damaged(f"it is damaged ({lines})")
        for name, statement in tables.items():
            if _columns(connection, name) != _columns_of(name, statement):
                raise _Damaged(f"it has no table {name!r} as this version of the emulator makes it")
        if wrong := problem(connection):
            raise _Damaged(wrong)


def _columns(connection: sqlite3.Connection, table: str) -> list[str]:
    rows = connection.execute("SELECT name FROM pragma_table_info(?)", (table,))
    return [name for (name,) in rows]


def _columns_of(table: str, statement: str) -> list[str]:
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute(statement)
        return _columns(connection, table)


def _check_log(path: Path) -> bool:
    """Whether there is a write-ahead log; SQLite takes one with a damaged header for an empty one.

    The format is that of https://www.sqlite.org/fileformat.html#the_write_ahead_log.

    Raises:
        _Damaged: It is damaged.
    """
    if not path.exists() or not path.stat().st_size:
        return False
    with path.open("rb") as file:
        header = file.read(32)
    magic = int.from_bytes(header[:4], "big")
    words = struct.unpack((">" if magic & 1 else "<") + "6I", header[:24].ljust(24, b"\0"))
    first = second = 0
    for i in range(0, 6, 2):
        first = (first + words[i] + second) & 0xFFFFFFFF
        second = (second + words[i + 1] + first) & 0xFFFFFFFF
    if magic not in _WAL_MAGIC or header[24:] != struct.pack(">2I", first, second):
        raise _Damaged(
            f"its write-ahead log {path.name}, which holds the last changes, is damaged; without "
            "that file the database has what it had before them"
        )
    return True
