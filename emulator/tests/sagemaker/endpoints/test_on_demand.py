"""The server of a serverless variant, with servers that only wait."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from waiting import wait_until

from sagemaker_emulator.errors import JobFailed
from sagemaker_emulator.sagemaker.endpoints import serverless
from sagemaker_emulator.sagemaker.endpoints.serverless import OnDemand, Throttled

SIZE = {"MemorySizeInMB": 1024, "MaxConcurrency": 2}


class Server:
    def __init__(self, starts: Callable[[], None]) -> None:
        self._starts = starts
        self.ended = False

    def start(self, _: float) -> None:
        self._starts()

    def stop(self) -> None:
        self.ended = True


class Bench:
    def __init__(self, **changes: int) -> None:
        self.made: list[Server] = []
        self.starts: Callable[[], None] = lambda: None
        self.measured: list[float] = []
        make: Any = self._make
        self.variant = OnDemand(make, SIZE | changes, 5.0, self.measured.append)

    def _make(self) -> Server:
        self.made.append(Server(lambda: self.starts()))
        return self.made[-1]


@pytest.fixture
def short_idle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serverless, "IDLE_SECONDS", 0.05)


def fail() -> None:
    raise JobFailed("the model is broken")


@pytest.mark.usefixtures("short_idle")
def test_idle_server_ends_and_the_next_request_starts_another() -> None:
    bench = Bench()
    bench.variant.start()
    wait_until(lambda: bench.made[0].ended)
    assert not bench.variant.is_up
    with bench.variant.server() as server:
        assert server is not None
    assert len(bench.made) == len(bench.measured) == 2


def test_warm_server_is_used_again() -> None:
    bench = Bench()
    bench.variant.start()
    for _ in range(3):
        with bench.variant.server():
            pass
    assert len(bench.made) == 1


@pytest.mark.usefixtures("short_idle")
def test_server_in_use_does_not_end() -> None:
    bench = Bench()
    with bench.variant.server():
        threading.Event().wait(0.3)
        assert not bench.made[0].ended
    wait_until(lambda: bench.made[0].ended)


@pytest.mark.usefixtures("short_idle")
def test_provisioned_server_does_not_end_until_it_is_given_up() -> None:
    bench = Bench(ProvisionedConcurrency=1)
    bench.variant.start()
    threading.Event().wait(0.3)
    assert not bench.made[0].ended
    bench.variant.resize(SIZE)
    wait_until(lambda: bench.made[0].ended)


def test_more_requests_than_the_concurrency_are_refused() -> None:
    bench = Bench()
    with bench.variant.server(), bench.variant.server():
        with pytest.raises(Throttled), bench.variant.server():
            pass
        bench.variant.resize(SIZE | {"MaxConcurrency": 3})
        with bench.variant.server():
            pass
    with bench.variant.server():
        pass


def test_requests_that_come_together_start_one_server() -> None:
    bench = Bench()
    gate = threading.Event()
    answered = []

    def wait() -> None:
        gate.wait(30)

    def ask() -> None:
        with bench.variant.server() as server:
            answered.append(server)

    bench.starts = wait
    asking = [threading.Thread(target=ask) for _ in range(2)]
    for each in asking:
        each.start()
    wait_until(lambda: bench.made)
    gate.set()
    for each in asking:
        each.join()
    assert len(answered) == 2
    assert len(bench.made) == 1


def test_server_that_does_not_start_is_tried_again() -> None:
    bench = Bench()
    bench.starts = fail
    with pytest.raises(JobFailed, match="the model is broken"), bench.variant.server():
        pass
    assert bench.made[0].ended
    bench.starts = lambda: None
    with bench.variant.server():
        pass


def test_stopped_variant_starts_nothing() -> None:
    bench = Bench()
    bench.variant.start()
    bench.variant.stop()
    assert bench.made[0].ended
    with pytest.raises(JobFailed, match="was deleted or replaced"), bench.variant.server():
        pass
