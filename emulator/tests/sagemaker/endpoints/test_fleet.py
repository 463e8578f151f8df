"""The instances of a variant, with servers that only wait."""

import itertools
import threading
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from waiting import wait_until

from sagemaker_emulator.errors import JobFailed
from sagemaker_emulator.sagemaker.endpoints.fleet import LEAST_OUTSTANDING, RANDOM, Fleet
from sagemaker_emulator.sagemaker.endpoints.model_server import NoAnswer

STARTUP_SECONDS = 5.0


class Server:
    def __init__(self, starts: Callable[[], None]) -> None:
        self._starts = starts
        self.seconds, self.ended = 0.0, False

    def start(self, seconds: float) -> None:
        self.seconds = seconds
        self._starts()

    def stop(self) -> None:
        self.ended = True


class Bench:
    def __init__(self, count: int, routing: str = RANDOM) -> None:
        self.made: list[Server] = []
        self.starts: Callable[[], None] = lambda: None
        make: Any = self._make
        self.fleet = Fleet(make, count, STARTUP_SECONDS, routing)

    def _make(self) -> Server:
        self.made.append(Server(lambda: self.starts()))
        return self.made[-1]

    @property
    def ended(self) -> list[bool]:
        return [each.ended for each in self.made]


def fail() -> None:
    raise JobFailed("the model is broken")


def test_fleet_starts_its_instances() -> None:
    bench = Bench(3)
    bench.fleet.start()
    assert bench.fleet.count == 3
    assert [each.seconds for each in bench.made] == [STARTUP_SECONDS] * 3


def test_instances_share_the_requests() -> None:
    bench = Bench(2, LEAST_OUTSTANDING)
    bench.fleet.start()
    with bench.fleet.server() as first, bench.fleet.server() as second:
        assert first is not second
        with bench.fleet.server() as third:
            assert third in (first, second)


def test_random_routing_reaches_every_instance() -> None:
    bench = Bench(2)
    bench.fleet.start()
    reached = set()
    for _ in range(100):  # one run in 10^30 misses one of them
        with bench.fleet.server() as server:
            reached.add(server)
    assert len(reached) == 2


def test_instance_that_does_not_respond_is_avoided() -> None:
    bench = Bench(2)
    bench.fleet.start()
    with pytest.raises(NoAnswer), bench.fleet.server() as dead:
        raise NoAnswer("primary", httpx.ConnectError("refused"))
    for _ in range(20):
        with bench.fleet.server() as server:
            assert server is not dead


def test_only_instance_is_asked_again() -> None:
    bench = Bench(1)
    bench.fleet.start()
    with pytest.raises(httpx.ConnectError), bench.fleet.server():
        raise httpx.ConnectError("refused")
    with bench.fleet.server() as server:
        assert server is not None


def test_instance_that_leaves_first_answers_what_it_has_begun() -> None:
    bench = Bench(2, LEAST_OUTSTANDING)
    bench.fleet.start()
    scaling = threading.Thread(target=bench.fleet.scale, args=(1,))
    with bench.fleet.server(), bench.fleet.server():
        scaling.start()
        wait_until(lambda: bench.fleet.count == 1)
        assert bench.ended == [False, False]
    scaling.join()
    assert sorted(bench.ended) == [False, True]


def test_idle_instances_leave_first() -> None:
    bench = Bench(2, LEAST_OUTSTANDING)
    bench.fleet.start()
    with bench.fleet.server() as busy:
        bench.fleet.scale(1)
        left: list[object] = [each for each in bench.made if not each.ended]
        assert left == [busy]


def test_instances_that_do_not_start_leave_the_fleet_as_it_was() -> None:
    bench = Bench(1)
    bench.fleet.start()
    bench.starts = fail
    with pytest.raises(JobFailed, match="the model is broken"):
        bench.fleet.scale(3)
    assert bench.fleet.count == 1
    assert bench.ended == [False, True, True]


def test_instance_that_fails_ends_those_that_are_starting() -> None:
    bench = Bench(2)
    turns = itertools.count()

    def start() -> None:
        if next(turns):
            fail()
        wait_until(lambda: bench.ended == [True, True])  # the slow one

    bench.starts = start
    with pytest.raises(JobFailed, match="the model is broken"):
        bench.fleet.start()


def test_stop_ends_instances_that_are_starting() -> None:
    bench = Bench(1)
    bench.fleet.start()
    gate = threading.Event()

    def wait() -> None:
        gate.wait(30)

    bench.starts = wait
    scaling = threading.Thread(target=bench.fleet.scale, args=(2,))
    scaling.start()
    wait_until(lambda: len(bench.made) == 2)
    wait_until(lambda: bench.made[1].seconds)
    bench.fleet.stop()
    gate.set()
    scaling.join()
    assert bench.ended == [True, True]
