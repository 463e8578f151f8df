"""The servers behind an endpoint: a fleet of them for each variant."""

import random
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.aws.measurements import Measurement
from sagemaker_emulator.sagemaker.endpoints import variants
from sagemaker_emulator.sagemaker.endpoints.container_server import STARTUP_SECONDS
from sagemaker_emulator.sagemaker.endpoints.fleet import DRAIN_SECONDS, RANDOM, Fleet
from sagemaker_emulator.sagemaker.endpoints.model_server import ModelServer
from sagemaker_emulator.sagemaker.endpoints.served_model import ServedModel
from sagemaker_emulator.sagemaker.endpoints.serverless import OnDemand
from sagemaker_emulator.sagemaker.endpoints.shadow import Copies
from sagemaker_emulator.sagemaker.endpoints.start import start_together
from sagemaker_emulator.storage.store import Document


class Replaced(Exception):
    """The deployment was drained, as another replaced it."""


class Deployment:
    """The servers of one endpoint configuration.

    Attributes:
        config: the configuration's description.
        weights: the share of each production variant, by name.
    """

    def __init__(
        self, context: Context, endpoint: str, config: Document, models: dict[str, ServedModel]
    ) -> None:
        """Make the fleets; `start` starts their servers.

        Args:
            context: the server.
            endpoint: the endpoint's name.
            config: DescribeEndpointConfig's response.
            models: what each variant serves, by the variant's name.
        """
        self.config = config
        self.weights: dict[str, float] = {
            v["VariantName"]: variants.weight_of(v) for v in config[variants.PRODUCTION]
        }
        self._shadows: dict[str, float] = {
            v["VariantName"]: variants.weight_of(v) for v in config.get(variants.SHADOW) or []
        }
        self._endpoint = endpoint
        self._models = models
        self._copies = Copies(endpoint)
        self._active = 0
        self._drained = False
        self._idle = threading.Condition()
        self._fleets: dict[str, Fleet | OnDemand] = {}

        def server(name: str) -> ModelServer:
            instance = uuid.uuid4().hex[:12]

            def log(container: str, lines: list[str]) -> None:
                stream = "/".join(filter(None, (name, f"i-{instance}", container)))
                context.logs.append(log_group(endpoint), stream, lines)

            return ModelServer(
                context,
                name,
                models[name],
                context.state / "endpoints" / endpoint / instance,
                log,
            )

        def measure(name: str, seconds: float) -> None:
            dimensions = {"EndpointName": endpoint, "VariantName": name}
            setup = Measurement("ModelSetupTime", seconds * 1e6, "Microseconds")
            context.metrics.record("AWS/SageMaker", dimensions, [setup])

        for variant in variants.all_of(config):
            name = variant["VariantName"]
            make = partial(server, name)
            limit = variant.get("ContainerStartupHealthCheckTimeoutInSeconds", STARTUP_SECONDS)
            if size := variant.get("ServerlessConfig"):
                self._fleets[name] = OnDemand(make, size, limit, partial(measure, name))
                continue
            routing = variant.get("RoutingConfig", {}).get("RoutingStrategy", RANDOM)
            self._fleets[name] = Fleet(make, variants.count_of(variant), limit, routing)

    def start(self) -> None:
        """Start every server and wait until all respond to /ping.

        Raises:
            JobFailed: one does not; the others are ended.
        """
        start_together([fleet.start for fleet in self._fleets.values()], self.stop)

    def choose(self, variant: str | None = None) -> str | None:
        """The production variant of that name, else one by weight; None where there is none."""
        if variant is not None:
            return variant if variant in self.weights else None
        names = [name for name, weight in self.weights.items() if weight > 0]
        return random.choices(names, [self.weights[n] for n in names])[0] if names else None

    def shadow(self, variant: str) -> str | None:
        """The shadow variant that gets a copy of a request; None where it gets none.

        Of the requests to a production variant, the share of the shadow variant's weight in the
        production variant's weight is copied.

        Args:
            variant: the production variant that the request goes to.
        """
        for name, weight in self._shadows.items():
            if random.random() * self.weights[variant] < weight:
                return name
        return None

    def copy(self, send: Callable[[], object]) -> None:
        """Send the copy of a request to the shadow variant soon; it takes microseconds."""
        self._copies.send(send)

    def target_problem(self, variant: str, hostname: str | None, model: str | None) -> str:
        """Why a request to a variant cannot have such a target; empty where it can."""
        return self._models[variant].target_problem(self._endpoint, hostname, model)

    def count(self, variant: str) -> int:
        """How many instances of a variant take requests; 0 where it is serverless."""
        return self._fleets[variant].count

    def scale(self, counts: Mapping[str, int]) -> None:
        """Have that many instances of each variant, by name.

        Raises:
            JobFailed: a new one does not respond.
        """
        for name, count in counts.items():
            self._fleets[name].scale(count)

    def resize(self, configs: Mapping[str, Mapping[str, int]]) -> None:
        """Set the concurrency of serverless variants, by name."""
        for name, config in configs.items():
            fleet = self._fleets[name]
            if isinstance(fleet, OnDemand):
                fleet.resize(config)

    def weigh(self, weights: Mapping[str, float]) -> None:
        """Set the weights of variants, by name."""
        for name, weight in weights.items():
            (self._shadows if name in self._shadows else self.weights)[name] = weight

    @contextmanager
    def server(self, variant: str) -> Iterator[ModelServer]:
        """A server of a variant, which is not ended by `drain` while it is in use.

        Raises:
            Replaced: `drain` came before.
            Throttled: a serverless variant has too many requests under way.
            JobFailed: the server of a serverless variant does not start.
        """
        with self._idle:
            if self._drained:
                raise Replaced
            self._active += 1
        try:
            with self._fleets[variant].server() as server:
                yield server
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
        self._copies.stop()
        with ThreadPoolExecutor(len(self._fleets)) as pool:
            list(pool.map(lambda fleet: fleet.stop(), self._fleets.values()))


def log_group(endpoint: str) -> str:
    """The log group of an endpoint."""
    return f"/aws/sagemaker/Endpoints/{endpoint}"
