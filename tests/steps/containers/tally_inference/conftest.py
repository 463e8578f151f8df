"""One server for all tests of a file."""

from collections.abc import Iterator

import pytest

from tests.steps.containers.tally_inference.server_process import (
    Endpoint,
    encoded,
    serving,
    wait,
)
from tests.steps.tiny_model import CLASSES, draw_bin, save_model


def first_answer(started: Endpoint, statuses: list[int]) -> bool:
    """Ping once; whether there was an answer, which is added to `statuses`."""
    statuses += filter(None, [started.ping()])
    return bool(statuses)


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    """One server for all requests; its answers while it loads are checked here."""
    root = tmp_path_factory.mktemp("serve")
    picture = root / "bin.jpg"
    draw_bin(3, 0).save(picture)
    save_model(root / "model", CLASSES, [picture], [(0.2, 0.7, 0.1)])
    with serving(root) as started:
        statuses: list[int] = []
        wait(lambda: first_answer(started, statuses), "it does not listen")
        assert statuses == [503], "it must listen before the model is loaded"
        status, answer = started.invoke(b"early")
        assert status == 503
        assert "still being loaded" in answer["error"]
        wait(lambda: started.ping() == 200, "the model does not load")
        yield started


@pytest.fixture(scope="module")
def picture() -> bytes:
    return encoded(draw_bin(3, 0))
