"""What the services call each other for, as Protocols; `serve` connects their objects."""

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import httpx

from sagemaker_emulator.aws.dispatch import HttpResponse
from sagemaker_emulator.aws.signed_request import SignedRequest
from sagemaker_emulator.storage.store import Document


class Service(Protocol):
    """A part of the server that runs something in the background."""

    def start(self) -> None:
        """Continue what the previous server of this state left unfinished."""

    def stop(self) -> None:
        """End the threads and processes; the state stays as it is for the next server."""


class Logs(Protocol):
    """CloudWatch Logs."""

    def append(self, group: str, stream: str, lines: Iterable[str]) -> None:
        """Add lines, logged now, to a stream, which is made when missing."""

    def write(self, group: str, stream: str, events: Iterable[tuple[float, str]]) -> object:
        """Add (epoch seconds, message) to a stream, which is made when missing."""

    def keep_last(self, group: str, stream_prefix: str, count: int) -> None:
        """Delete a group's streams of a prefix but the last ones in the order of their names."""

    def read(self, group: str, stream_prefix: str) -> Iterator[str]:
        """The messages of a group's streams in the order of time; none where it has no such."""


class Measurement(NamedTuple):
    """One value of a metric of CloudWatch.

    Attributes:
        name: The metric.
        value: What was measured.
        unit: One of CloudWatch's.
    """

    name: str
    value: float
    unit: str = "None"


class MeasuredMinute(NamedTuple):
    """What was measured of one metric in one minute.

    Attributes:
        namespace: The metric's.
        dimensions: Their values by name.
        name: The metric.
        unit: One of CloudWatch's.
        start: When the minute began, in seconds since the epoch.
        samples: How many values.
        total: Their sum.
        least: The smallest.
        most: The greatest.
    """

    namespace: str
    dimensions: Mapping[str, str]
    name: str
    unit: str
    start: int
    samples: int
    total: float
    least: float
    most: float


class MeasuredSums(NamedTuple):
    """What was measured of one metric in a short while.

    Attributes:
        start: When it began, in seconds since the epoch.
        samples: How many values.
        total: Their sum.
        least: The smallest.
        most: The greatest.
    """

    start: float
    samples: float
    total: float
    least: float
    most: float


class Metrics(Protocol):
    """CloudWatch's metrics of what runs here."""

    def record(
        self, namespace: str, dimensions: Mapping[str, str], values: Iterable[Measurement]
    ) -> None:
        """Count values that were measured now; it takes microseconds."""

    def minutes(self) -> list[MeasuredMinute]:
        """What was measured in the last three hours."""

    def sums(
        self, namespace: str, dimensions: Mapping[str, str], name: str, unit: str | None
    ) -> list[MeasuredSums]:
        """What was measured of one metric, by ten seconds; None: in any unit."""


class Alarms(Service, Protocol):
    """CloudWatch's alarms."""

    def state(self, name: str) -> str | None:
        """An alarm's state: OK, ALARM or INSUFFICIENT_DATA; None where there is no such alarm."""

    def was_in_alarm(self, name: str, since: float) -> bool:
        """Whether an alarm is in ALARM, or was at any time since, in seconds since the epoch."""

    def change(self, name: str, state: str, reason: str, data: str | None) -> None:
        """Give an alarm a state; if it is another one, act on it.

        Raises:
            KeyError: There is no such alarm.
        """


class Events(Protocol):
    """EventBridge's default bus."""

    def emit(
        self,
        detail_type: str,
        detail: Mapping[str, object],
        resources: Sequence[str],
        source: str = "aws.sagemaker",
        when: float | None = None,
    ) -> str:
        """Deliver an event to the targets of every rule that matches it, and return its id.

        Args:
            detail_type: what happened.
            detail: about it.
            resources: their ARNs.
            source: who sends it.
            when: in seconds since the epoch; None: now.

        Raises:
            sqlite3.OperationalError: The event cannot be kept; undo what it reports.
        """


@dataclass(frozen=True)
class Outcome:
    """How an invocation ended.

    Attributes:
        payload: the JSON value that the function returned, or AWS's description of its failure.
        failed: whether it failed.
        lines: its log.
    """

    payload: Any
    failed: bool
    lines: list[str] = field(default_factory=list)


class Functions(Service, Protocol):
    """Lambda functions."""

    def invoke(self, name: str, payload: object) -> Outcome:
        """Run a function, by name or ARN, to its end; the payload is any JSON value.

        Raises:
            ApiError: There is no such function.
        """

    def invoke_later(self, name: str, payload: object, identity: str = "") -> None:
        """Accept an asynchronous invocation: kept on disk, and tried as the function has it.

        Args:
            name: The function's name or ARN.
            payload: Any JSON value.
            identity: The RequestId of all tries; a new one by default.
        """

    def permits(self, name: str, principal: str, source: str) -> bool:
        """Whether a function's policy lets a service invoke it on behalf of a resource."""


class Clock(Service, Protocol):
    """What happens at a time."""

    sources: list[Callable[[float], float | None]]

    def wake(self) -> None:
        """Look again, as something may be due earlier than before."""


class Deliveries(Service, Protocol):
    """What is handed over to other services in the background."""

    reports: dict[str, Callable[[Any], None]]

    def send(
        self,
        arn: str,
        body: str,
        options: Mapping[str, Any],
        *,
        origin: Mapping[str, Any] | None = None,
        most_retries: int | None = None,
        most_age: float | None = None,
        dead_letters: Mapping[str, Any] | None = None,
        attempts: int = 0,
    ) -> str:
        """Deliver something, soon; it may be called in a transaction."""

    def send_dead_letter(self, arn: str, body: str, attributes: Mapping[str, str | int]) -> None:
        """Send a letter to the queue or topic of this ARN; it may be called in a transaction."""

    def give_up(self, ended: Any) -> None:
        """Send the dead letter of what cannot be delivered; it may be called in a transaction."""


class Moto(Protocol):
    """The services that moto runs.

    Attributes:
        changes: How many requests have changed it, as far as is known.
    """

    changes: int

    def respond(
        self, service: str, method: str, url: str, headers: dict[str, str], body: bytes
    ) -> HttpResponse:
        """Respond to a request of another AWS service; not in a transaction."""

    def wait_for_change(self, seen: int, seconds: float) -> int:
        """Return `changes` as soon as it is another number than `seen`, or after some seconds."""


class SourceMappings(Service, Protocol):
    """Lambda's mappings of queues to functions."""

    def begin(self, identity: str) -> None:
        """Poll the queue of a mapping that was just created or changed."""


class Jobs(Service, Protocol):
    """Processing, training and transform jobs."""

    def begin(self, kind: str, document: Document) -> None:
        """Run the job of a document just created; `kind` as in its ARN: `training-job`."""

    def stop_job(self, kind: str, name: str) -> None:
        """Ask a job to end; nothing happens where it has ended."""

    def metric_history(self, job: str, metric: str) -> list[float]:
        """The values of a metric that a training job has logged so far, in order."""


class Tuning(Service, Protocol):
    """Hyperparameter tuning jobs."""

    def begin(self, name: str) -> None:
        """Run, or continue, the tuning job of this name."""


class ModelServer(Protocol):
    """A container that serves a model."""

    client: httpx.Client


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


class Executions(Service, Protocol):
    """Executions of pipelines."""

    def drive(self, arn: str) -> None:
        """Begin, or continue, an execution whose record is Executing or Stopping."""

    def stop_execution(self, arn: str) -> None:
        """Stop an execution's running steps and start no more."""


class Stacks(Service, Protocol):
    """CloudFormation's stacks."""

    def begin(self, stack_id: str, run: Callable[[Any], None]) -> None:
        """Run a change of a stack in the background."""


class Calls(Protocol):
    """The record of the operations that are called."""

    def add(self, caller: str, service: str, operation: str) -> None:
        """Record a call; the caller is `pipeline` where it is in the name of a pipeline's role."""

    def add_request(self, request: SignedRequest, service: str | None, body: bytes) -> None:
        """Record a request that was admitted, signed for a service."""
