"""Keys as files: what a path cannot say is held, listed and deleted all the same."""

import contextlib
import random
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import pytest

from sagemaker_emulator.storage import object_files
from sagemaker_emulator.storage.object_files import KeyRefused, Walk

KEYS = [
    *("a", "a/", "a/b", "a/b/c", "a//b", "a-b", "a.b", "a0", "/", "//", "/a", "ü", "\U0001f600"),
    *("z/.hidden", "z/ ", "z/*?[x]", "z/%2e%2e/x", "z/\\..\\x", "z/\n", "k" * 255),
]


def put(bucket: Path, key: str, content: bytes = b"") -> None:
    file = bucket.parent / "incoming"
    file.write_bytes(content)
    object_files.move_in(file, bucket, key)


@pytest.fixture
def bucket(tmp_path: Path) -> Path:
    folder = tmp_path / "bucket"
    folder.mkdir()
    return folder


# What a job does to a key below another that is written at the same time.
OTHER = """
import sys
from pathlib import Path
from sagemaker_emulator.storage import object_files
bucket = Path(sys.argv[1])
file = bucket.parent / "other"
while not (bucket.parent / "over").exists():
    file.write_bytes(b"")
    object_files.move_in(file, bucket, "a/b/c")
    object_files.remove(bucket, "a/b/c")
"""


def read(bucket: Path, key: str) -> bytes | None:
    for _ in range(100):
        with contextlib.suppress(FileNotFoundError, IsADirectoryError):  # it moves aside just now
            return object_files.file_of(bucket, key).read_bytes()
    return None


def test_processes_that_write_at_once_fail_and_lose_nothing(bucket: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", OTHER, str(bucket)]) as other:
        try:
            until = time.monotonic() + 1.5
            while time.monotonic() < until:
                put(bucket, "a", b"1")
                put(bucket, "a/b", b"2")
                assert read(bucket, "a") == b"1"
                assert object_files.remove(bucket, "a/b")
        finally:
            (bucket.parent / "over").touch()
    assert other.returncode == 0


def test_every_key_is_kept_in_whatever_order_they_come(bucket: Path) -> None:
    order = random.Random(1)
    for _ in range(20):
        keys = order.sample(KEYS, len(KEYS))
        for key in keys:
            put(bucket, key, key.encode())
        for key in order.sample(KEYS, len(KEYS)):
            put(bucket, key, key.encode())
        walked = list(Walk(bucket))
        assert [key for key, _ in walked] == sorted(KEYS, key=str.encode)
        for key, path in walked:
            assert Path(path).read_bytes() == key.encode()
            assert object_files.file_of(bucket, key) == Path(path)
        for key in order.sample(KEYS, len(KEYS)):
            assert object_files.remove(bucket, key)
        assert list(bucket.iterdir()) == []


def test_walk_begins_behind_a_key_and_keeps_to_a_prefix(bucket: Path) -> None:
    for key in KEYS:
        put(bucket, key)
    for prefix in ("", "a", "a/", "a/b", "a//", "z/", "none", "/", "//x"):
        expected = sorted((key for key in KEYS if key.startswith(prefix)), key=str.encode)
        assert [key for key, _ in Walk(bucket, prefix)] == expected
        for after in KEYS:
            behind = [key for key in expected if key.encode() > after.encode()]
            assert [key for key, _ in Walk(bucket, prefix, after)] == behind


def test_deleting_while_walking_skips_nothing(bucket: Path) -> None:
    for number in range(50):
        put(bucket, f"d{number % 7}/{number:02}")
    seen = []
    after = ""
    while page := [key for key, _ in Walk(bucket, "", after)][:5]:
        for key in page:
            object_files.remove(bucket, key)
        seen += page
        after = page[-1]
    assert len(seen) == 50
    assert all(a < b for a, b in pairwise(seen))


def test_what_is_no_object_is_not_listed(bucket: Path) -> None:
    (bucket / ".s3~incoming~1").touch()
    (bucket / "empty/folder").mkdir(parents=True)
    (bucket / "broken").symlink_to("nowhere")
    put(bucket, "object")
    assert [key for key, _ in Walk(bucket)] == ["object"]


@pytest.mark.parametrize("key", ["..", "a/../b", ".", "a/.", "a\0", ".s3~x", "x" * 256, "\udcff"])
def test_key_that_no_file_can_hold_is_refused(bucket: Path, key: str) -> None:
    with pytest.raises(KeyRefused):
        object_files.file_of(bucket, key)
    with pytest.raises(KeyRefused):
        put(bucket, key)
    assert list(bucket.iterdir()) == []


def test_long_name_cannot_be_moved_aside(bucket: Path) -> None:
    put(bucket, "k" * 250)
    with pytest.raises(KeyRefused, match="too long for it to have others below it"):
        put(bucket, f"{'k' * 250}/below")
    assert [key for key, _ in Walk(bucket)] == ["k" * 250]
