"""The servers behind an endpoint: one for each production variant."""

import random
import threading
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.sagemaker.endpoints.model_server import (
    STARTUP_SECONDS,
    ModelServer,
    ServedModel,
)
from sagemaker_emulator.storage.store import Document

DRAIN_SECONDS = 60.0


class Replaced(Exception):
    """The deployment was drained, as another replaced it."""


class Deployment:
    """The servers of one endpoint configuration.

    Attributes:
        config: the configuration's description.
        weights: the share of each variant, by name.
    """

    def __init__(
        self, context: Context, endpoint: str, config: Document, models: dict[str, ServedModel]
    ) -> None:
        """Make the servers; `start` starts them.

        Args:
            context: the server.
            endpoint: the endpoint's name.
            config: DescribeEndpointConfig's response.
            models: what each variant serves, by the variant's name.
        """
        self.config = config
        self.weights = {v["VariantName"]: weight_of(v) for v in config["ProductionVariants"]}
        self._active = 0
        self._drained = False
        self._idle = threading.Condition()
        self._servers = {}
        for name in self.weights:
            instance = uuid.uuid4().hex[:12]
            self._servers[name] = ModelServer(
                context,
                name,
                models[name],
                context.state / "endpoints" / endpoint / instance,
                partial(context.logs.append, log_group(endpoint), f"{name}/i-{instance}"),
            )

    def start(self) -> None:
        """Start every server and wait until all respond to /ping.

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
        """The variant of that name, else one by weight; None where there is none."""
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
        """Wait for the responses under way, then end the servers."""
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


def weight_of(variant: Document) -> float:
    """A production variant's weight; 1 unless the configuration has another."""
    return float(variant.get("InitialVariantWeight", 1.0))


def log_group(endpoint: str) -> str:
    """The log group of an endpoint."""
    return f"/aws/sagemaker/Endpoints/{endpoint}"
