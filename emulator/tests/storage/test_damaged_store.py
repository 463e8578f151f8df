"""A store that is damaged or unknown is named, and nothing is written to it."""

import random
import re
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from sagemaker_emulator.errors import StartError
from sagemaker_emulator.storage.store import VERSION, Store

PAGE = 4096


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """The file of a store with documents of many sizes, closed."""
    store = Store(tmp_path / "state/emulator.db")
    texts = random.Random(1)
    for i in range(300):
        store.put("kind", f"name-{i}", {"text": texts.randbytes(texts.randrange(6000)).hex()})
    store.close()
    return tmp_path / "state/emulator.db"


def refused(path: Path, reason: str) -> None:
    """Check that the store is refused for this reason, and that its folder stays as it is."""
    files = {file.name: file.read_bytes() for file in path.parent.iterdir()}
    ways_out = f"Nothing was written to it. .*reset --state {path.parent}"
    with pytest.raises(StartError, match=f"{path} cannot be used: .*{reason}.*{ways_out}"):
        Store(path)
    # SQLite's index of the write-ahead log may be made anew; it holds nothing of its own.
    left = {f.name: f.read_bytes() for f in path.parent.iterdir() if not f.name.endswith("-shm")}
    assert left == {name: files[name] for name in files if not name.endswith("-shm")}


def change(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()


@pytest.mark.parametrize("content", ["random", "zeros"])
def test_every_overwritten_page_is_noticed(database: Path, content: str) -> None:
    whole = database.read_bytes()
    pages = range(0, len(whole), PAGE)
    assert len(pages) > 300
    garbage = random.Random(2)
    for page in [0, *garbage.sample(pages, 40), pages[-1]]:
        damage = garbage.randbytes(PAGE) if content == "random" else bytes(PAGE)
        database.write_bytes(whole[:page] + damage + whole[page + PAGE :])
        refused(database, "")


@pytest.mark.parametrize("size", [0, 50, PAGE, 3 * PAGE + 7, -PAGE, -1])
def test_truncated_file_is_noticed(database: Path, size: int) -> None:
    whole = database.read_bytes()
    database.write_bytes(whole[: size or 0] if size >= 0 else whole[:size])
    refused(database, "the file is empty" if size == 0 else "")


def test_file_that_is_no_database_is_noticed(database: Path) -> None:
    database.write_bytes(b"no database" * 1000)
    refused(database, "file is not a database")


def test_renamed_table_is_noticed(database: Path) -> None:
    change(database, "ALTER TABLE documents RENAME TO papers")
    refused(database, "it has no table 'documents'")


def test_other_columns_are_noticed(database: Path) -> None:
    change(database, "ALTER TABLE documents RENAME COLUMN kind TO sort")
    refused(database, "it has no table 'documents'")


def test_file_of_a_later_version_is_left_alone(database: Path) -> None:
    change(database, f"PRAGMA user_version={VERSION + 1}")
    refused(database, rf"later version .*\(format {VERSION + 1}, this one reads {VERSION}\)")


def test_damaged_document_is_named(database: Path) -> None:
    change(database, "UPDATE documents SET document = '{\"a\": ' WHERE name = 'name-7'")
    refused(database, "the document of kind 'name-7' is damaged")


def test_file_without_a_version_is_of_the_first_one(database: Path) -> None:
    change(database, "PRAGMA user_version=0", "UPDATE documents SET document = '[NaN]'")
    store = Store(database)
    assert len(store.list("kind")) == 300
    store.close()
    with closing(sqlite3.connect(database)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (VERSION,)


def killed(database: Path, copy: Path) -> Path:
    """A copy of a store as a killed process leaves it: its last write in the write-ahead log."""
    store = Store(database)
    store.put("kind", "last", {"x": 1})
    copy.mkdir()
    for file in database.parent.iterdir():
        shutil.copy(file, copy)
    store.close()
    assert (copy / "emulator.db-wal").stat().st_size
    return copy / "emulator.db"


def test_store_of_a_killed_process_has_its_last_write(database: Path, tmp_path: Path) -> None:
    left = killed(database, tmp_path / "left")
    (left.parent / "emulator.db-shm").unlink()
    store = Store(left)
    assert store.get("kind", "last") == {"x": 1}
    store.close()


@pytest.mark.parametrize("begin", [0, 8, 28])
def test_damaged_write_ahead_log_is_noticed(database: Path, tmp_path: Path, begin: int) -> None:
    left = killed(database, tmp_path / "left")
    log = left.with_name("emulator.db-wal")
    content = bytearray(log.read_bytes())
    content[begin] ^= 1
    log.write_bytes(content)
    refused(left, re.escape("its write-ahead log emulator.db-wal"))


def test_missing_file_beside_its_log_is_noticed(database: Path, tmp_path: Path) -> None:
    left = killed(database, tmp_path / "left")
    left.unlink()
    refused(left, "the file is missing")


def test_server_names_the_damaged_store(own_emulator: Callable[..., Any]) -> None:
    emulator = own_emulator()
    assert emulator.up().returncode == 0
    emulator.down()
    file = emulator.state / "emulator.db"
    whole = file.read_bytes()
    file.write_bytes(whole[:PAGE] + bytes(PAGE) + whole[2 * PAGE :])
    done = emulator.up()
    assert done.returncode == 1
    assert f"the database {file} cannot be used: " in done.stderr
    assert "Traceback" not in done.stderr
