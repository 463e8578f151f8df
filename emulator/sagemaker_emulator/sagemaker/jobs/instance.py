"""One instance of a job: its /opt/ml, its log stream, and its container."""

from __future__ import annotations

import contextlib
import shutil
import signal
import threading
import time
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sagemaker_emulator.containers.process import HostLost, Process
from sagemaker_emulator.containers.runtime import Container
from sagemaker_emulator.sagemaker.jobs.cluster import Host

if TYPE_CHECKING:
    from sagemaker_emulator.sagemaker.jobs.job import Job

TAIL = 12  # lines of the log that a failure shows
REASON_LENGTH = 1024  # characters, of FailureReason and ExitMessage
_KILLED = 128 + signal.SIGKILL
_OUT_OF_MEMORY = (
    "Something killed the process; the kernel does so when memory runs out: have the job work on "
    "less data at a time, such as smaller batches."
)


@dataclass(frozen=True)
class Exit:
    """How a container ended.

    Attributes:
        code: the exit code, 128 + n for signal n.
        tail: the last lines that it printed.
        stopped: why it was asked to stop, or None.
        seconds: how long it ran.
        instance: where it ran.
    """

    code: int
    tail: tuple[str, ...]
    stopped: str | None
    seconds: float
    instance: Instance

    def reason(self, message: str = "") -> str:
        """The FailureReason: the message that the container left, else its last lines."""
        end = f", exit code: {self.code}"
        if message:
            return f"AlgorithmError: {message[: REASON_LENGTH - 16 - len(end)]}{end}"
        lines = "\n".join(map(_printable, self.tail)) or "(it printed nothing)"
        of = f" of {self.instance.host.name}" if self.instance.has_peers else ""
        text = f"See job logs for more information. The last lines{of}:\n{lines}"
        if self.code == _KILLED and self.stopped is None:
            text += f"\n{_OUT_OF_MEMORY}"
        room = REASON_LENGTH - 16 - len(end)
        return f"AlgorithmError: {text if len(text) <= room else '...' + text[-room + 3 :]}{end}"


class Instance:
    """One instance of a job while it runs.

    Attributes:
        host: its name, type and group.
        folder: what is this instance's alone; the container sees its `ml` at /opt/ml.
        stream: the name of its log stream.
        has_peers: whether the job has other instances.
    """

    def __init__(self, job: Job, host: Host, folder: Path, began: int, has_peers: bool) -> None:
        """Prepare an instance.

        Args:
            job: its job.
            host: its name, type and group.
            folder: see the class.
            began: when the job began, in seconds since 1970.
            has_peers: see the class.
        """
        self.host = host
        self.folder = folder
        self.stream = f"{job.name}/{host.name}-{began}"
        self.has_peers = has_peers
        self._job = job
        self._lock = threading.Lock()
        self._process: Process | None = None
        self._stopped: tuple[str, float] | None = None

    @property
    def ml(self) -> Path:
        """The folder that the container sees at /opt/ml."""
        return self.folder / "ml"

    @property
    def s3(self) -> Path:
        """The folder of buckets."""
        return self._job.s3

    def local(self, path: str) -> Path:
        """Where a path under /opt/ml is on this machine."""
        return self.ml / path.removeprefix("/opt/ml").lstrip("/")

    def log(self, lines: Iterable[str]) -> None:
        """Append lines to the instance's log."""
        self._job.context.logs.append(self._job.kind.log_group, self.stream, lines)

    def log_line(self, line: str) -> None:
        """Append one line to the instance's log."""
        self.log([line])

    def stop(self, reason: str, grace: float) -> None:
        """Ask the container to end; returns at once.

        Args:
            reason: why; the first one is kept.
            grace: seconds between SIGTERM and SIGKILL; the fewest are kept.
        """
        with self._lock:
            before, least = self._stopped or (reason, grace)
            self._stopped = (before, min(grace, least))
            if self._process is not None:
                self._process.stop(reason, grace)

    def attach(self, process: Process) -> None:
        """Stop this process from now on where the instance is asked to stop."""
        with self._lock:
            self._process = process
            if self._stopped is not None:  # while it was starting
                process.stop(*self._stopped)

    def renew(self) -> None:
        """Become a new instance: nothing under /opt/ml, and no request to stop."""
        shutil.rmtree(self.ml, ignore_errors=True)
        self.ml.mkdir(parents=True)
        with self._lock:
            self._process, self._stopped = None, None

    def check(self) -> None:
        """Raise JobStopped if somebody asked the job to stop."""
        self._job.check()

    def execute(
        self, image: str, command: Sequence[str], environment: dict[str, str], threads: int
    ) -> Exit:
        """Run the container to its end; its output goes to the log and the job's metrics.

        Args:
            image: the image's reference.
            command: program and arguments.
            environment: the job's own variables.
            threads: how many cores it may use.

        Raises:
            JobStopped: the job was asked to stop before.
        """
        container = Container(
            image,
            tuple(command),
            environment,
            self.folder,
            threads,
            host=self.host.name,
            hosts=self._job.addresses,
        )
        self.check()
        process = self._job.context.containers.start(container, self.log_line, self)
        began = time.monotonic()
        tail: deque[str] = deque(maxlen=TAIL)
        try:
            for lines in process.lines():
                self.log(lines)
                tail.extend(line for line in lines if line.strip())
                if notes := self._job.metrics.read(lines):
                    self.log(notes)
            code = process.wait()
        except Exception as error:  # such as a full disk under the log
            process.stop(f"{error}", 0)
            with contextlib.suppress(HostLost):
                process.wait()
            raise
        code = 128 - code if code < 0 else code
        return Exit(code, tuple(tail), process.stopped, time.monotonic() - began, self)


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
