"""Metadata that are damaged or unknown are named, and nothing is written to them."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from sagemaker_emulator.errors import StartError
from sagemaker_emulator.s3.about import About
from sagemaker_emulator.s3.metadata import Metadata


@pytest.fixture
def database(tmp_path: Path) -> Path:
    metadata = Metadata(tmp_path / "s3.sqlite")
    for i in range(100):
        about = About(metadata={"text": 200 * f"{i}"})
        metadata.put_object("bucket", f"key-{i}", (i, i), "etag", about, None)
    metadata.close()
    return tmp_path / "s3.sqlite"


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE objects RENAME TO things",
        "DROP TABLE parts",
        "PRAGMA user_version=2",
        "UPDATE objects SET about = '{' WHERE key = 'key-7'",
    ],
)
def test_unknown_metadata_are_refused(database: Path, statement: str) -> None:
    with closing(sqlite3.connect(database)) as connection:
        connection.execute(statement)
        connection.commit()
    before = database.read_bytes()
    with pytest.raises(StartError, match=r"s3\.sqlite cannot be used: .*the objects stay"):
        Metadata(database)
    assert database.read_bytes() == before
    assert [file.name for file in database.parent.iterdir()] == ["s3.sqlite"]


def test_overwritten_page_of_the_metadata_is_noticed(database: Path) -> None:
    whole = database.read_bytes()
    for page in range(0, len(whole), 10 * 4096):
        damaged = whole[:page] + bytes(4096) + whole[page + 4096 :]
        database.write_bytes(damaged)
        with pytest.raises(StartError, match=r"s3\.sqlite cannot be used"):
            Metadata(database)
        assert database.read_bytes() == damaged


def test_metadata_are_read_again(database: Path) -> None:
    metadata = Metadata(database)
    found = metadata.object("bucket", "key-7", 7, 7)
    metadata.close()
    assert found == ("etag", About(metadata={"text": 200 * "7"}))
