"""One server for all tests, and servers of a test's own."""

import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from emulator_process import BUCKET, Emulator


@pytest.fixture(scope="session")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    """One server, with a bucket, for all tests that only add to it."""
    server = Emulator(tmp_path_factory.mktemp("emulator") / "state")
    server.keep_ports()
    done = server.up()
    assert done.returncode == 0, done.stderr
    server.client("s3").create_bucket(Bucket=BUCKET)
    yield server
    server.down()


@pytest.fixture
def own_emulator(tmp_path: Path) -> Iterator[Callable[..., Emulator]]:
    """A function that gives a server of the test's own, not yet started, to kill and restart."""
    made: list[Emulator] = []

    def make(name: str = "state") -> Emulator:
        made.append(Emulator(tmp_path / name))
        made[-1].keep_ports()
        return made[-1]

    yield make
    for server in made:
        server.run("down")


@pytest.fixture
def name() -> str:
    return f"test-{uuid.uuid4().hex[:12]}"


@pytest.fixture
def until() -> Callable[..., dict[str, Any]]:
    """A function that waits until a description has a final status, and returns it."""

    def wait(describe: Callable[[], dict[str, Any]], key: str, seconds: float = 30) -> Any:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            found = describe()
            if found[key] not in ("InProgress", "Stopping", "Creating", "Updating"):
                return found
            time.sleep(0.01)
        raise AssertionError(f"still {found[key]} after {seconds} s: {found}")

    return wait
