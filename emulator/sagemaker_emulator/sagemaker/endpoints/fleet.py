"""The instances of one variant: server processes that share its requests."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

from sagemaker_emulator.sagemaker.endpoints.model_server import ModelServer, NoAnswer
from sagemaker_emulator.sagemaker.endpoints.start import start_together

DRAIN_SECONDS = 60.0
AVOIDED_SECONDS = 5.0  # after an instance did not respond
# The default of SageMaker, and the other one of its strategies that is done here.
RANDOM, LEAST_OUTSTANDING = "RANDOM", "LEAST_OUTSTANDING_REQUESTS"


@dataclass(eq=False)
class _Instance:
    server: ModelServer
    requests: int = 0  # under way
    avoided: float = 0.0  # until then, by `time.monotonic`


class Fleet:
    """As many servers as the variant has instances.

    Args:
        make: makes a server, not yet started.
        count: how many are started first, at least 1.
        seconds: the longest wait for one of them.
        routing: which of them gets a request: a RoutingStrategy.
    """

    def __init__(
        self, make: Callable[[], ModelServer], count: int, seconds: float, routing: str = RANDOM
    ) -> None:
        self._make = make
        self._first = count
        self._seconds = seconds
        self._routing = routing
        self._scaling = threading.Lock()
        self._idle = threading.Condition()
        self._instances: list[_Instance] = []
        self._starting: list[ModelServer] = []
        self._stopped = False

    @property
    def count(self) -> int:
        """How many instances take requests."""
        with self._idle:
            return len(self._instances)

    def start(self) -> None:
        """Start the first instances and wait until all respond to /ping.

        Raises:
            JobFailed: one does not; the others are ended.
        """
        self.scale(self._first)

    def scale(self, count: int) -> None:
        """Have this many instances; those that are too many end when they have responded.

        Raises:
            JobFailed: a new one does not respond; there are as many as before.
        """
        with self._scaling:
            now = self.count
            if count > now:
                self._add(count - now)
            elif count < now:
                self._remove(now - count)

    @contextmanager
    def server(self) -> Iterator[ModelServer]:
        """The server for the next request, which is not ended while it is in use."""
        with self._idle:
            instance = self._choose()
            instance.requests += 1
        try:
            yield instance.server
        except NoAnswer:
            instance.avoided = time.monotonic() + AVOIDED_SECONDS
            raise
        finally:
            with self._idle:
                instance.requests -= 1
                self._idle.notify_all()

    def stop(self) -> None:
        """End all of them, also those that are starting."""
        with self._idle:
            self._stopped = True
            servers = [*(each.server for each in self._instances), *self._starting]
        _end(servers)

    def _choose(self) -> _Instance:
        now = time.monotonic()
        # One that did not respond is being started again; the others answer meanwhile.
        up = [each for each in self._instances if each.avoided < now] or self._instances
        if self._routing == LEAST_OUTSTANDING:
            least = min(each.requests for each in up)
            up = [each for each in up if each.requests == least]
        return random.choice(up)

    def _add(self, count: int) -> None:
        servers = [self._make() for _ in range(count)]
        with self._idle:
            self._starting = servers
        try:
            starts = [partial(each.start, self._seconds) for each in servers]
            start_together(starts, partial(_end, servers))
        finally:
            with self._idle:
                self._starting = []
        with self._idle:
            stopped = self._stopped
            if not stopped:
                self._instances += [_Instance(each) for each in servers]
        if stopped:
            _end(servers)

    def _remove(self, count: int) -> None:
        deadline = time.monotonic() + DRAIN_SECONDS
        with self._idle:
            leaving = sorted(self._instances, key=lambda each: each.requests)[:count]
            self._instances = [each for each in self._instances if each not in leaving]
            while any(each.requests for each in leaving) and time.monotonic() < deadline:
                self._idle.wait(1.0)
        _end([each.server for each in leaving])


def _end(servers: list[ModelServer]) -> None:
    if servers:
        with ThreadPoolExecutor(len(servers)) as pool:
            list(pool.map(lambda each: each.stop(), servers))
