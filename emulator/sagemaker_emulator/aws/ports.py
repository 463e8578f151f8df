"""What the services call each other for, as Protocols; `serve` connects their objects."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from sagemaker_emulator.aws.dispatch import HttpResponse
from sagemaker_emulator.aws.measurements import MeasuredMinute, MeasuredSums, Measurement
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
    """EventBridge's buses."""

    def emit(
        self,
        detail_type: str,
        detail: Mapping[str, object],
        resources: Sequence[str],
        source: str = "aws.sagemaker",
        when: float | None = None,
        bus: str = "default",
    ) -> str:
        """Deliver an event to the targets of every rule that matches it, and return its id.

        Args:
            detail_type: what happened.
            detail: about it.
            resources: their ARNs.
            source: who sends it.
            when: in seconds since the epoch; None: now.
            bus: the name of the bus.

        Raises:
            sqlite3.OperationalError: The event cannot be kept; undo what it reports.
        """

    def replay(self, event: Document, bus: str, rules: Sequence[str] | None) -> None:
        """Deliver an event of an archive again.

        Args:
            event: as targets receive it.
            bus: the name of the bus.
            rules: the ARNs of the rules that may get it; None: all.
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

    def log_group(self, name: str) -> str:
        """The log group that a function, by name or ARN, writes to.

        Raises:
            ApiError: There is no such function.
        """


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

    def interrupt_job(self, name: str) -> None:
        """Take a training job's instances away; nothing happens where it has ended."""

    def metric_history(self, job: str, metric: str) -> list[float]:
        """The values of a metric that a training job has logged so far, in order."""


class Tuning(Service, Protocol):
    """Hyperparameter tuning jobs."""

    def begin(self, name: str) -> None:
        """Run, or continue, the tuning job of this name."""


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
