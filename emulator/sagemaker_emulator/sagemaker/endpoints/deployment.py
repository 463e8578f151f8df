"""What stands behind an endpoint: one model server for each production variant."""

import random
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from sagemaker_emulator.sagemaker.endpoints.model_server import (
    STARTUP_SECONDS,
    ModelServer,
    ServedModel,
)
from sagemaker_emulator.sagemaker.jobs.job import Place

DRAIN_SECONDS = 60.0


class Replaced(Exception):
    """The deployment was drained, as another took its place."""


class Deployment:
    """The servers of one endpoint configuration.

    Attributes:
        config: the configuration's description.
        weights: the share of each variant, by name.
    """

    def __init__(
        self,
        config: dict[str, Any],
        models: dict[str, ServedModel],
        folder: Path,
        place: Place,
        log: Callable[[str, list[str]], None],
    ) -> None:
        """Make the servers; `start` starts them.

        Args:
            config: DescribeEndpointConfig's answer.
            models: what each variant serves, by the variant's name.
            folder: where the servers' folders go.
            place: the runtime and the buckets.
            log: takes a log stream's name and lines.
        """
        self.config = config
        self.weights = {v["VariantName"]: weight_of(v) for v in config["ProductionVariants"]}
        self._active = 0
        self._drained = False
        self._idle = threading.Condition()
        self._servers = {}
        for variant in config["ProductionVariants"]:
            name = variant["VariantName"]
            instance = uuid.uuid4().hex[:12]
            self._servers[name] = ModelServer(
                name,
                models[name],
                folder / instance,
                place.runtime,
                place.s3,
                partial(log, f"{name}/i-{instance}"),
            )

    def start(self) -> None:
        """Start every server and wait until all answer /ping.

        Raises:
            JobFailed: one does not; the others are ended.
        """
        limits = {
            v["VariantName"]: v.get("ContainerStartupHealthCheckTimeoutInSeconds", STARTUP_SECONDS)
            for v in self.config["ProductionVariants"]
        }
        with ThreadPoolExecutor(len(self._servers)) as pool:
            starts = [pool.submit(s.start, limits[name]) for name, s in self._servers.items()]
        try:
            for started in starts:
                started.result()
        except Exception:
            self.stop()
            raise

    def choose(self, variant: str | None = None) -> str | None:
        """The variant named if it is there, else one by weight; None where there is none."""
        if variant is not None:
            return variant if variant in self._servers else None
        names = [name for name, weight in self.weights.items() if weight > 0]
        return random.choices(names, [self.weights[n] for n in names])[0] if names else None

    @contextmanager
    def server(self, variant: str) -> Iterator[ModelServer]:
        """A variant's server, which is not ended by `drain` while it is in use.

        Raises:
            Replaced: `drain` came before.
        """
        with self._idle:
            if self._drained:
                raise Replaced
            self._active += 1
        try:
            yield self._servers[variant]
        finally:
            with self._idle:
                self._active -= 1
                self._idle.notify_all()

    def drain(self) -> None:
        """Wait for the answers under way, then end the servers."""
        deadline = time.monotonic() + DRAIN_SECONDS
        with self._idle:
            self._drained = True
            while self._active and time.monotonic() < deadline:
                self._idle.wait(1.0)
        self.stop()

    def stop(self) -> None:
        """End the servers."""
        with ThreadPoolExecutor(len(self._servers)) as pool:
            list(pool.map(ModelServer.stop, self._servers.values()))


def weight_of(variant: dict[str, Any]) -> float:
    """A production variant's weight; 1 unless the configuration says another."""
    return float(variant.get("InitialVariantWeight", 1.0))
