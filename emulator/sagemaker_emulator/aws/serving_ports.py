"""What serves models, as Protocols for the other services; `serve` connects their objects."""

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol

import httpx

from sagemaker_emulator.aws.ports import Service
from sagemaker_emulator.storage.store import Document


class Answer(Protocol):
    """A container's response."""

    @property
    def container(self) -> str:
        """The name of the container."""

    @property
    def response(self) -> httpx.Response:
        """Its response, which may be an error."""

    @property
    def content_type(self) -> str:
        """The content type of the response."""


class ModelServer(Protocol):
    """The containers that serve a model."""

    def invoke(
        self,
        body: bytes | Iterable[bytes],
        headers: Mapping[str, str],
        seconds: float,
        container: str | None = None,
        model: str | None = None,
        is_streamed: bool = False,
    ) -> Answer:
        """Send a request through the containers, or to the one of that name."""


class Deployment(Protocol):
    """The model servers of one endpoint configuration, and each variant's share by name."""

    config: Document
    weights: dict[str, float]

    def choose(self, variant: str | None = None) -> str | None:
        """The variant of that name, else one by weight; None where there is none."""

    def shadow(self, variant: str) -> str | None:
        """The shadow variant that gets a copy of a request to a variant; None: none does."""

    def copy(self, send: Callable[[], object]) -> None:
        """Send the copy of a request to the shadow variant soon."""

    def target_problem(self, variant: str, hostname: str | None, model: str | None) -> str:
        """Why a request to a variant cannot have such a target; empty where it can."""

    def count(self, variant: str) -> int:
        """How many instances of a variant take requests; 0 where it is serverless."""

    def resize(self, configs: Mapping[str, Mapping[str, int]]) -> None:
        """Set the concurrency of serverless variants, by name."""

    def weigh(self, weights: Mapping[str, float]) -> None:
        """Set the weights of variants, by name."""

    def server(self, variant: str) -> AbstractContextManager[ModelServer]:
        """A server of a variant, kept up while it is in use."""


class Endpoints(Service, Protocol):
    """The deployments behind endpoints.

    Attributes:
        changed: held while an endpoint's document and its deployments change together; always
            taken before the store.
    """

    changed: threading.Condition

    def begin(
        self, name: str, *configs: Document, deployment_config: Document | None = None
    ) -> None:
        """Deploy configurations in the background, one after the other; the last is to stay.

        The last one goes in by a DeploymentConfig, if there is one.
        """

    def scale(self, name: str, counts: Mapping[str, int]) -> None:
        """Start or end instances of an endpoint that is Updating, in the background."""

    def serving(self, name: str, timeout: float) -> Deployment | None:
        """The deployment for an endpoint's next request, by share while an update shifts traffic.

        After a restart, it waits until the servers respond again.
        """

    def remove(self, name: str) -> None:
        """End an endpoint's servers, also those that are starting."""


@dataclass(frozen=True)
class Exchange:
    """A request to a variant's container, and the container's answer.

    Attributes:
        endpoint: the endpoint's name.
        variant: the variant's name.
        body: the request's.
        answer: the answer's body.
        content_type: of the request.
        answer_type: the content type of the answer.
        attributes: the custom attributes of the request; "" without any.
        inference_id: the InferenceId of the request; "" without one.
        time: when it was answered, in seconds since the epoch.
    """

    endpoint: str
    variant: str
    body: bytes
    answer: bytes
    content_type: str
    answer_type: str
    attributes: str = ""
    inference_id: str = ""
    time: float = field(default_factory=time.time)


class Captures(Service, Protocol):
    """Data capture: what endpoints were asked and answered, on its way to S3."""

    def record(self, config: Mapping[str, Any] | None, exchange: Exchange) -> None:
        """Keep an exchange, if the DataCaptureConfig samples it; it takes microseconds."""

    def describe(self, endpoint: str, config: Mapping[str, Any]) -> dict[str, object]:
        """DescribeEndpoint's DataCaptureConfig, from that of the endpoint's configuration."""

    def forget(self, endpoint: str) -> None:
        """Write what waits of an endpoint that is deleted."""


class AsyncInvocations(Service, Protocol):
    """Requests of InvokeEndpointAsync on their way."""

    def begin(self, queued: Document) -> None:
        """Keep a request, and send it as soon as its endpoint has room."""

    def forget(self, endpoint: str) -> None:
        """Drop what waits for an endpoint that is deleted."""


class Scaling(Service, Protocol):
    """Application Auto Scaling of endpoint variants."""

    def now(self) -> float:
        """The time by which it scales, in seconds since the epoch."""

    def registered(self, endpoint: str) -> set[str]:
        """The variants of an endpoint that are scalable targets."""

    def forget(self, endpoint: str) -> None:
        """Deregister the variants of an endpoint that is deleted."""

    def look(self) -> None:
        """Look once at every target, and scale what its policies or bounds ask for."""
