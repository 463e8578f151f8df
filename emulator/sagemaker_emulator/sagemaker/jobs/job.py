"""A running job: its folder, its log, its container, and how to stop it."""

import contextlib
import logging
import signal
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.containers.process import HostLost, Process
from sagemaker_emulator.containers.runtime import Container
from sagemaker_emulator.sagemaker.jobs.kinds import JobKind
from sagemaker_emulator.sagemaker.jobs.metrics import Metrics
from sagemaker_emulator.storage.store import Document

STOP_GRACE = 20.0  # seconds between SIGTERM and SIGKILL; 120 on AWS
TAIL = 12  # lines of the log that a failure shows
REASON_LENGTH = 1024  # characters, of FailureReason and ExitMessage
MAX_RUNTIME = "MaxRuntimeExceeded"
SHUTDOWN = "the emulator stopped"

_log = logging.getLogger("emulator.jobs")

_KILLED = 128 + signal.SIGKILL
_OUT_OF_MEMORY = (
    "Something killed the process; the kernel does so when memory runs out: have the job work on "
    "less data at a time, such as smaller batches."
)


class JobStopped(Exception):
    """The job was asked to stop before it had a container, or ended because of that."""


@dataclass(frozen=True)
class Exit:
    """How a container ended.

    Attributes:
        code: the exit code, 128 + n for signal n.
        tail: the last lines that it printed.
        stopped: why it was asked to stop, or None.
        seconds: how long it ran.
    """

    code: int
    tail: tuple[str, ...]
    stopped: str | None
    seconds: float

    def reason(self, message: str = "") -> str:
        """The FailureReason: the message that the container left, else its last lines."""
        end = f", exit code: {self.code}"
        if message:
            return f"AlgorithmError: {message[: REASON_LENGTH - 16 - len(end)]}{end}"
        lines = "\n".join(map(_printable, self.tail)) or "(it printed nothing)"
        text = f"See job logs for more information. The last lines:\n{lines}"
        if self.code == _KILLED and self.stopped is None:
            text += f"\n{_OUT_OF_MEMORY}"
        room = REASON_LENGTH - 16 - len(end)
        return f"AlgorithmError: {text if len(text) <= room else '...' + text[-room + 3 :]}{end}"


class Job:
    """A job while it runs.

    Attributes:
        context: the server.
        name: the job's name.
        arn: the job's ARN.
        request: the Create request, without its tags.
        folder: `<state>/jobs/<resource>-<name>`; the container sees its `ml` at /opt/ml.
        stream: the name of the job's log stream.
        metrics: what the log has of the metrics that the request defines.
    """

    def __init__(
        self, context: Context, kind: JobKind, document: Document, threads: Callable[[], int]
    ) -> None:
        """Prepare a job.

        Args:
            context: the server.
            kind: the job's kind.
            document: the job's document.
            threads: returns how many cores the job may use, when its container starts.
        """
        self.context = context
        self.name: str = document[kind.name_key]
        self.arn: str = document[kind.arn_key]
        self.request: Document = document["Request"]
        self.folder = context.state / "jobs" / f"{kind.resource}-{self.name}"
        self.stream = f"{self.name}/algo-1-{int(time.time())}"
        self.metrics = Metrics(self.request)
        self._kind = kind
        self._threads = threads
        self._lock = threading.Lock()
        self._process: Process | None = None
        self._stopped: str | None = None
        self._grace = STOP_GRACE
        self._began = time.monotonic()

    @property
    def ml(self) -> Path:
        """The folder that the container sees at /opt/ml."""
        return self.folder / "ml"

    @property
    def stopped(self) -> str | None:
        """Why somebody asked the job to stop, or None."""
        return self._stopped

    @property
    def s3(self) -> Path:
        """The folder of buckets."""
        return self.context.s3.folder

    def log(self, lines: Iterable[str]) -> None:
        """Append lines to the job's log."""
        self.context.logs.append(self._kind.log_group, self.stream, lines)

    def local(self, path: str) -> Path:
        """Where a path under /opt/ml is on this machine."""
        return self.ml / path.removeprefix("/opt/ml").lstrip("/")

    def inform(self, changes: Callable[[Document], Document]) -> None:
        """Change the document of a job that continues; left out where the disk is full.

        Left out also where the server goes down: the document stays InProgress. The next start
        turns that into Failed, as after a kill, and a pipeline's execution, which ends at the
        same moment, never mistakes it for a failure of the step.

        Args:
            changes: returns what changes in the document, its argument.
        """
        if self._stopped == SHUTDOWN:
            return
        store, kind = self.context.store, self._kind.resource
        try:
            with store.transaction():
                changed = changes(store.get(kind, self.name) or {})
                store.update(kind, self.name, LastModifiedTime=time.time(), **changed)
        except sqlite3.OperationalError as error:
            _log.error("the document of %s cannot be written: %s", self.name, error)

    def stop(self, reason: str, grace: float = STOP_GRACE) -> None:
        """Ask the job to end; returns at once."""
        with self._lock:
            self._stopped = self._stopped or reason
            self._grace = min(grace, self._grace)
            if self._process is not None:
                self._process.stop(reason, grace)

    def attach(self, process: Process) -> None:
        """Stop this process from now on where the job is asked to stop."""
        with self._lock:
            self._process = process
            if self._stopped is not None:  # while it was starting
                process.stop(self._stopped, self._grace)

    def check(self) -> None:
        """Raise JobStopped if somebody asked the job to stop."""
        if self._stopped is not None:
            raise JobStopped(self._stopped)

    def execute(
        self,
        image: str,
        command: Sequence[str],
        environment: dict[str, str],
        seconds: float,
    ) -> Exit:
        """Run the container to its end; its output goes to the job's log and metrics as it comes.

        Args:
            image: the image's reference.
            command: program and arguments.
            environment: the job's own variables.
            seconds: after which the job is stopped, for MAX_RUNTIME. As on AWS, they count from
                the job's start: so does the time in which inputs are fetched and an environment is
                built, in the place of an image that is pulled.

        Raises:
            JobStopped: the job was asked to stop before.
        """
        left = max(0.0, seconds - (time.monotonic() - self._began))
        limit = threading.Timer(left, self.stop, (MAX_RUNTIME,))
        limit.daemon = True
        limit.start()
        try:
            return self._execute(image, command, environment)
        finally:
            limit.cancel()

    def _execute(self, image: str, command: Sequence[str], environment: dict[str, str]) -> Exit:
        runtime = self.context.containers

        def log(line: str) -> None:
            self.log([line])

        runtime.prepare(image, log, self)
        container = Container(image, tuple(command), environment, self.folder, self._threads())
        self.check()
        process = runtime.start(container, log, self)
        began = time.monotonic()
        tail: deque[str] = deque(maxlen=TAIL)
        try:
            for lines in process.lines():
                self.log(lines)
                tail.extend(line for line in lines if line.strip())
                if notes := self.metrics.read(lines):
                    self.log(notes)
            code = process.wait()
        except Exception as error:  # such as a full disk under the log
            process.stop(f"{error}", 0)
            with contextlib.suppress(HostLost):
                process.wait()
            raise
        code = 128 - code if code < 0 else code
        return Exit(code, tuple(tail), process.stopped, time.monotonic() - began)


def _printable(line: str) -> str:
    """The line without control characters, which would act on the terminal that shows them."""
    return "".join(c if c.isprintable() or c == "\t" else "\ufffd" for c in line)


def read_message(path: Path) -> str:
    """The message that a container left in a file; at most 1024 characters."""
    if not path.is_file():  # a FIFO would never end
        return ""
    try:
        with path.open(errors="replace") as file:
            return file.read(REASON_LENGTH).strip()
    except OSError:
        return ""
