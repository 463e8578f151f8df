"""A job that runs: its folder, its log, its container, and the way to stop it."""

import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sagemaker_emulator.containers.process import HostLost, Process
from sagemaker_emulator.containers.runtime import Container, Runtime

STOP_GRACE = 20.0  # seconds between SIGTERM and SIGKILL; 120 on AWS
TAIL = 12  # lines of the log that a failure shows
REASON_LENGTH = 1024  # characters, of FailureReason and ExitMessage
MAX_RUNTIME = "MaxRuntimeExceeded"

LogLines = Callable[[list[str]], None]
Watch = Callable[[list[str]], None]


class JobStopped(Exception):
    """The job was asked to stop before it had a container, or ended because of that."""


@dataclass(frozen=True)
class Place:
    """Where jobs run.

    Attributes:
        runtime: what starts containers.
        s3: the folder of buckets.
        refresh: has S3's server see files that were put into the folder, under these URIs.
        region: named in AWS's messages.
        tracking_uri: MLflow's, for training jobs that bring none of their own.
    """

    runtime: Runtime
    s3: Path
    refresh: Callable[..., None]
    region: str
    tracking_uri: str = ""


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

    def reason(self, said: str = "") -> str:
        """The FailureReason: what the container left as its message, else its last lines."""
        end = f", exit code: {self.code}"
        if not said:
            lines = "\n".join(map(_printable, self.tail)) or "(it printed nothing)"
            said = f"See job logs for more information. The last lines:\n{lines}"
            head = "AlgorithmError: "
            room = REASON_LENGTH - len(head) - len(end)
            return head + (said if len(said) <= room else "..." + said[-room + 3 :]) + end
        return f"AlgorithmError: {said[: REASON_LENGTH - 16 - len(end)]}{end}"


class Job:
    """What the code of one kind of job works with.

    Attributes:
        name: the job's name.
        request: the Create request (for a retry of it, unchanged).
        arn: the job's ARN.
        folder: `<state>/jobs/<kind>-<name>`; its `ml` is seen at /opt/ml.
        place: where it runs.
        threads: tells how many cores the job may use, when its container starts.
    """

    def __init__(
        self,
        name: str,
        arn: str,
        request: dict[str, Any],
        folder: Path,
        place: Place,
        log: LogLines,
        threads: Callable[[], int],
    ) -> None:
        self.name = name
        self.arn = arn
        self.request = request
        self.folder = folder
        self.place = place
        self.log = log
        self.threads = threads
        self._lock = threading.Lock()
        self._process: Process | None = None
        self._stopped: str | None = None

    @property
    def ml(self) -> Path:
        """The folder seen at /opt/ml."""
        return self.folder / "ml"

    @property
    def stopped(self) -> str | None:
        """Why somebody asked the job to stop, or None."""
        return self._stopped

    def local(self, path: str) -> Path:
        """Where a path under /opt/ml is on this machine."""
        return self.ml / path.removeprefix("/opt/ml").lstrip("/")

    def stop(self, reason: str, grace: float = STOP_GRACE) -> None:
        """Ask the job to end; returns at once."""
        with self._lock:
            self._stopped = self._stopped or reason
            if self._process is not None:
                self._process.stop(reason, grace)

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
        watch: Watch | None = None,
    ) -> Exit:
        """Run the container to its end, its output going to the job's log as it comes.

        Args:
            image: the image's reference.
            command: program and arguments.
            environment: the job's own variables.
            seconds: after so long it is stopped, for MAX_RUNTIME.
            watch: also given the lines, in batches.

        Raises:
            JobStopped: the job was asked to stop before.
        """
        place = self.place
        place.runtime.prepare(image, lambda line: self.log([line]))
        container = Container(image, tuple(command), environment, self.folder, self.threads())
        self.check()
        process = place.runtime.start(container, lambda line: self.log([line]))
        began = time.monotonic()
        with self._lock:
            self._process = process
            if self._stopped is not None:  # while it was starting
                process.stop(self._stopped, STOP_GRACE)
        limit = threading.Timer(seconds, process.stop, (MAX_RUNTIME, STOP_GRACE))
        limit.daemon = True
        limit.start()
        tail: deque[str] = deque(maxlen=TAIL)
        try:
            for lines in process.lines():
                self.log(lines)
                tail.extend(line for line in lines if line.strip())
                if watch is not None:
                    watch(lines)
            code = process.wait()
        except Exception as error:  # such as a full disk under the log
            process.stop(f"{error}", 0)
            with contextlib.suppress(HostLost):
                process.wait()
            raise
        finally:
            limit.cancel()
        code = 128 - code if code < 0 else code
        return Exit(code, tuple(tail), process.stopped, time.monotonic() - began)


def _printable(line: str) -> str:
    """The line without control characters, which would act on the terminal that shows them."""
    return "".join(c if c.isprintable() or c == "\t" else "\ufffd" for c in line)


def read_message(path: Path) -> str:
    """What a container left in a file for its describers; at most 1024 characters."""
    try:
        return path.read_text(errors="replace")[:REASON_LENGTH].strip()
    except OSError:
        return ""
