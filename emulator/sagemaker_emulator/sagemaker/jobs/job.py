"""A running job: its folder, its instances, and how to stop it."""

import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.aws.measurements import Measurement
from sagemaker_emulator.containers.sandbox import Relocate
from sagemaker_emulator.sagemaker.jobs import cluster, status_events
from sagemaker_emulator.sagemaker.jobs.instance import Exit, Instance
from sagemaker_emulator.sagemaker.jobs.kinds import JobKind
from sagemaker_emulator.sagemaker.jobs.metrics import Metrics
from sagemaker_emulator.storage.store import Document

STOP_GRACE = 20.0  # seconds between SIGTERM and SIGKILL; 120 on AWS
MAX_RUNTIME = "MaxRuntimeExceeded"
INTERRUPTED = "the spot instances were interrupted"
SHUTDOWN = "the emulator stopped"

_log = logging.getLogger("emulator.jobs")


class JobStopped(Exception):
    """The job was asked to stop before it had a container, or ended because of that."""


class Job:
    """A job while it runs.

    Attributes:
        context: the server.
        kind: the job's kind.
        name: the job's name.
        arn: the job's ARN.
        request: the Create request, without its tags.
        folder: `<state>/jobs/<resource>-<name>`.
        hosts: name, type and group of each instance.
        addresses: the address of each host's name.
        instances: in the order of the hosts; the first is algo-1.
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
            threads: returns how many cores an instance may use, when its container starts.
        """
        self.context = context
        self.kind = kind
        self.name: str = document[kind.name_key]
        self.arn: str = document[kind.arn_key]
        self.request: Document = document["Request"]
        self.folder = context.state / "jobs" / f"{kind.resource}-{self.name}"
        self.hosts = cluster.hosts_of(kind, self.request)
        self.addresses = cluster.addresses(self.hosts, self.folder)
        self.metrics = Metrics(self.request, self._record)
        alone, began = len(self.hosts) == 1, int(time.time())
        self.instances = [
            Instance(self, host, self.folder / ("" if alone else host.name), began, not alone)
            for host in self.hosts
        ]
        self._threads = threads
        self._lock = threading.Lock()
        self._stopped: str | None = None
        self._began = time.monotonic()

    @property
    def stream(self) -> str:
        """The name of the first instance's log stream."""
        return self.instances[0].stream

    @property
    def stopped(self) -> str | None:
        """Why somebody asked the job to stop, or None."""
        return self._stopped

    @property
    def s3(self) -> Path:
        """The folder of buckets."""
        return self.context.s3.folder

    def _record(self, metric: str, value: float) -> None:
        """Give CloudWatch a value of a metric, under the dimension that AWS has for it."""
        where = {f"{self.kind.title}JobName": self.name}
        self.context.metrics.record(self.kind.log_group, where, [Measurement(metric, value)])

    def log(self, lines: Iterable[str]) -> None:
        """Append lines to the first instance's log."""
        self.instances[0].log(lines)

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
        store, kind = self.context.store, self.kind.resource
        try:
            with store.transaction():
                changed = changes(store.get(kind, self.name) or {})
                changed = {"LastModifiedTime": time.time(), **changed}
                document = store.update(kind, self.name, **changed)
        except sqlite3.OperationalError as error:
            _log.error("the document of %s cannot be written: %s", self.name, error)
            return
        if "SecondaryStatus" in changed:
            status_events.emit_status(self.context, self.kind, document)

    def stop(self, reason: str, grace: float = STOP_GRACE) -> None:
        """Ask the job to end; returns at once."""
        with self._lock:
            self._stopped = self._stopped or reason
            for instance in self.instances:
                instance.stop(reason, grace)

    def interrupt(self) -> None:
        """Take the instances away, as AWS does with spot instances; returns at once."""
        with self._lock:  # all of them or, where `renew` comes first, all of the new ones
            for instance in self.instances:
                instance.stop(INTERRUPTED, STOP_GRACE)

    def renew(self) -> None:
        """Give the job new instances in the place of those that were taken away.

        Raises:
            JobStopped: the job was asked to stop meanwhile.
        """
        with self._lock:
            for instance in self.instances:
                instance.renew()
        self.check()

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
        """Run the container of each instance to its end.

        Where one fails, the others are stopped.

        Args:
            image: the image's reference.
            command: program and arguments.
            environment: the job's own variables.
            seconds: after which the job is stopped, for MAX_RUNTIME. As on AWS, they count from
                the job's start: so does the time in which inputs are fetched and an environment is
                built, in the place of an image that is pulled.

        Returns:
            How the first instance ended that failed; where none did, how one that was asked to
            stop ended, else algo-1.

        Raises:
            JobStopped: the job was asked to stop before.
        """
        left = max(0.0, seconds - (time.monotonic() - self._began))
        limit = threading.Timer(left, self.stop, (MAX_RUNTIME,))
        limit.daemon = True
        limit.start()
        first = self.instances[0]
        try:
            self.context.containers.prepare(image, first.log_line, first)
            if len(self.instances) == 1:
                return first.execute(image, command, environment, self._threads())
            return self._execute_all(image, command, environment)
        finally:
            limit.cancel()

    def _execute_all(self, image: str, command: Sequence[str], environment: dict[str, str]) -> Exit:
        if self.context.containers.kind == Relocate.kind:
            self.log(
                ["Under the runtime relocate, the names of the job's hosts have no addresses."]
            )
        failed: list[Exit | Exception] = []  # in the order in which they failed

        def execute(instance: Instance) -> Exit | None:
            try:
                ended = instance.execute(image, command, environment, self._threads())
            except Exception as error:
                failed.append(error)
                self._stop_others(instance, "cannot run on")
                return None
            if ended.code != 0 and ended.stopped is None:
                failed.append(ended)
                self._stop_others(instance, f"ended with exit code {ended.code}")
            return ended

        with ThreadPoolExecutor(len(self.instances), thread_name_prefix=self.name) as pool:
            ends = list(pool.map(execute, self.instances))
        for cause in failed:
            if isinstance(cause, Exception):
                raise cause
            return cause
        ended = [end for end in ends if end is not None]
        return next((end for end in ended if end.stopped is not None), ended[0])

    def _stop_others(self, failed: Instance, why: str) -> None:
        for instance in self.instances:
            if instance is not failed:
                instance.stop(f"{failed.host.name} {why}", STOP_GRACE)
