"""Serverless variants: a server that is started for requests, and ended when there are none.

Rules: SageMaker developer guide, "Deploy models with Amazon SageMaker Serverless Inference".
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.errors import JobFailed, invalid
from sagemaker_emulator.sagemaker.endpoints import capture, variants
from sagemaker_emulator.sagemaker.endpoints.model_server import ModelServer
from sagemaker_emulator.sagemaker.endpoints.served_model import ServedModel
from sagemaker_emulator.storage.store import Document

IDLE_SECONDS = 300.0  # AWS names no number
MAX_BODY = 4 * 1024 * 1024
_GIBIBYTE = 1024
# Members of a variant that are about instances.
_OF_INSTANCES = (
    *("InstanceType", "InitialInstanceCount", "AcceleratorType", "VolumeSizeInGB"),
    *("RoutingConfig", "CapacityReservationConfig", "EnableSSMAccess", "InferenceAmiVersion"),
)


class Throttled(Exception):
    """As many requests as the variant may have are under way."""


class OnDemand:
    """The server of a serverless variant, which has the methods of a `Fleet`.

    One server answers all requests that are under way; AWS starts one for each.

    Args:
        make: makes a server, not yet started.
        config: the variant's ServerlessConfig.
        seconds: the longest wait for the server.
        started: called with the seconds that a start took.
    """

    def __init__(
        self,
        make: Callable[[], ModelServer],
        config: Mapping[str, int],
        seconds: float,
        started: Callable[[float], None],
    ) -> None:
        self._make, self._seconds, self._started = make, seconds, started
        self._changed = threading.Condition()
        self._server: ModelServer | None = None
        self._starting: ModelServer | None = None
        self._active = 0
        self._used = time.monotonic()
        self._stopped = False
        self.resize(config)

    @property
    def count(self) -> int:
        """Serverless variants have no instances."""
        return 0

    @property
    def is_up(self) -> bool:
        """Whether the server runs now."""
        with self._changed:
            return self._server is not None

    def resize(self, config: Mapping[str, int]) -> None:
        """Have the concurrency of another ServerlessConfig."""
        with self._changed:
            self._most = config["MaxConcurrency"]
            self._stays = config.get("ProvisionedConcurrency", 0) > 0
            self._changed.notify_all()

    def start(self) -> None:
        """Start the server once, to see that it does.

        Raises:
            JobFailed: it does not.
        """
        self._ready()

    def scale(self, count: int) -> None:
        """Refuse: it scales by itself."""
        raise NotImplementedError

    @contextmanager
    def server(self) -> Iterator[ModelServer]:
        """The server, started if it is not up.

        Raises:
            Throttled: MaxConcurrency requests are under way.
            JobFailed: it does not start.
        """
        with self._changed:
            if self._active >= self._most:
                raise Throttled
            self._active += 1
        try:
            yield self._ready()
        finally:
            with self._changed:
                self._active -= 1
                self._used = time.monotonic()

    def stop(self) -> None:
        """End the server, also one that is starting."""
        with self._changed:
            self._stopped = True
            servers = [self._server, self._starting]
            self._server = None
            self._changed.notify_all()
        for server in servers:
            if server is not None:
                server.stop()

    def _ready(self) -> ModelServer:
        with self._changed:
            self._changed.wait_for(lambda: self._starting is None)
            if self._stopped:
                raise JobFailed("the endpoint was deleted or replaced.")
            if self._server is not None:
                return self._server
            server = self._starting = self._make()
        begin = time.monotonic()
        try:
            server.start(self._seconds)
        except Exception:
            server.stop()
            raise
        else:
            with self._changed:
                self._used = time.monotonic()
                self._server = None if self._stopped else server
        finally:
            with self._changed:
                self._starting = None
                self._changed.notify_all()
        self._started(time.monotonic() - begin)
        threading.Thread(target=self._watch, args=(server,), daemon=True).start()
        return server

    def _watch(self, server: ModelServer) -> None:
        """End the server when nobody has used it for long."""
        with self._changed:
            while self._server is server:
                left = self._used + IDLE_SECONDS - time.monotonic()
                if self._active or self._stays:
                    left = IDLE_SECONDS
                if left <= 0:
                    self._server = None
                    break
                self._changed.wait(left)
        server.stop()


def check(config: Mapping[str, Any]) -> None:
    """Check what SageMaker does not do with serverless variants.

    Args:
        config: the request of a new configuration.

    Raises:
        ApiError: it names the member.
    """
    for variant in config[variants.PRODUCTION]:
        if "ServerlessConfig" not in variant:
            continue
        place = f"ProductionVariants ({variant['VariantName']})"
        check_size(place, variant["ServerlessConfig"])
        if wrong := [key for key in _OF_INSTANCES if key in variant]:
            raise invalid(
                f"{place}: a variant with ServerlessConfig has no instances; leave "
                f"{', '.join(wrong)} out, or ServerlessConfig."
            )
        others = [key for key in ("VpcConfig", "EnableNetworkIsolation") if config.get(key)]
        if capture.is_on(config.get("DataCaptureConfig")):
            others.append("DataCaptureConfig")
        if config.get(variants.SHADOW):
            others.append(variants.SHADOW)
        if len(config[variants.PRODUCTION]) > 1:
            others.append("a second production variant")
        if others:
            raise invalid(
                f"{place}: serverless endpoints cannot have {', '.join(others)}. Leave that out, "
                "or set InstanceType and InitialInstanceCount in place of ServerlessConfig."
            )
    if any("ServerlessConfig" in each for each in config.get(variants.SHADOW) or []):
        raise invalid(f"{variants.SHADOW}: a shadow variant cannot be serverless.")


def check_size(place: str, config: Mapping[str, int]) -> None:
    """Check a ServerlessConfig.

    Args:
        place: where it is, for the message.
        config: the ServerlessConfig.

    Raises:
        ApiError: its memory or its concurrency cannot be had.
    """
    memory, most = config["MemorySizeInMB"], config["MaxConcurrency"]
    if memory % _GIBIBYTE:
        raise invalid(
            f"{place}: MemorySizeInMB is {memory} and must be 1024, 2048, 3072, 4096, 5120 or 6144."
        )
    if (kept := config.get("ProvisionedConcurrency", 0)) > most:
        raise invalid(
            f"{place}: ProvisionedConcurrency is {kept} and must not be greater than "
            f"MaxConcurrency, which is {most}."
        )


def check_model(context: Context, variant: Mapping[str, Any], model: Mapping[str, Any]) -> None:
    """Check that a variant's model may be serverless, where the variant is.

    Raises:
        ApiError: the model has a network of its own, several containers, or many models.
    """
    if "ServerlessConfig" not in variant:
        return
    containers = ServedModel.describe(context, variant["ModelName"]).containers
    kind = "an inference pipeline" if len(containers) > 1 else ""
    if any(container.multi_model for container in containers):
        kind = "a multi-model container"
    if kind:
        raise invalid(
            f"ProductionVariants ({variant['VariantName']}): serverless endpoints cannot have "
            f"{kind}, as the model {variant['ModelName']} is. Set InstanceType and "
            "InitialInstanceCount in place of ServerlessConfig."
        )
    if wrong := [key for key in ("VpcConfig", "EnableNetworkIsolation") if model.get(key)]:
        raise invalid(
            f"ProductionVariants ({variant['VariantName']}): serverless endpoints cannot have "
            f"{', '.join(wrong)}, which the model {variant['ModelName']} has."
        )


def is_serverless(config: Mapping[str, Any]) -> bool:
    """Whether a configuration's endpoint is serverless."""
    return any("ServerlessConfig" in variant for variant in config[variants.PRODUCTION])


def check_update(old: Document | None, new: Document, deployment_config: object) -> None:
    """Check what SageMaker does not do with serverless endpoints.

    Deployment guardrails are for real-time and asynchronous endpoints only:
    https://docs.aws.amazon.com/sagemaker/latest/dg/deployment-guardrails.html

    Args:
        old: the configuration in service; None where the endpoint is new.
        new: the one that is to serve.
        deployment_config: the DeploymentConfig by which it is to.

    Raises:
        ApiError: it names what is not done.
    """
    if not is_serverless(new):
        return
    if old is not None and not is_serverless(old):
        raise invalid(
            "An endpoint with instances cannot become serverless; create another endpoint with "
            f'the configuration "{new["EndpointConfigName"]}".'
        )
    if deployment_config:
        raise invalid(
            "DeploymentConfig: deployment guardrails are for real-time and asynchronous endpoints "
            "only; a serverless one changes over all at once. Leave it out."
        )
