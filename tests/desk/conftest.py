"""The desk over HTTP, over an endpoint that really answers."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from tests.desk import service
from tests.desk.service import Desk, Target, run_desk

OpenDesk = Callable[..., Desk]


@pytest.fixture(scope="session")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """An emulator whose endpoint counts white squares."""
    line = service.start(tmp_path_factory.mktemp("desk"))
    yield Target(line)
    line.emulator("down")


@pytest.fixture
def open_desk(target: Target, tmp_path: Path) -> Iterator[OpenDesk]:
    """Opens desks with settings, such as desk_records."""
    with ExitStack() as desks:
        yield lambda **values: desks.enter_context(
            run_desk(lambda: target.open(**values), tmp_path / "desk")
        )


@pytest.fixture
def client(open_desk: OpenDesk) -> Iterator[httpx.Client]:
    """A browser that is signed in to a desk without stock records."""
    with open_desk().sign_in() as signed_in:
        yield signed_in
