"""The jobs that run in this server: a thread each, and the runtime that they share."""

import logging
import os
import shutil
import sqlite3
import threading
import time
from collections.abc import Callable
from typing import Any

from sagemaker_emulator.aws.dispatch import SDK_DEFAULTS, Context
from sagemaker_emulator.containers.runtime import Runtime
from sagemaker_emulator.containers.sandbox import SandboxUnavailable
from sagemaker_emulator.errors import StartError, invalid
from sagemaker_emulator.sagemaker.jobs import documents, failures
from sagemaker_emulator.sagemaker.jobs.job import Job, Place

SHUTDOWN = "the emulator stopped"
RETRY_SECONDS = 1.0  # between two tries to write to a full disk
_ENDED = {"ProcessingEndTime", "TrainingEndTime", "TransformEndTime"}
Work = Callable[[Job], None]

_log = logging.getLogger("emulator.jobs")


class Running:
    """What runs for one server."""

    def __init__(self, context: Context) -> None:
        """Probe the sandbox.

        Raises:
            StartError: the runtime that was asked for does not work here.
        """
        self.context = context
        client = context.client_environment
        if context.runtime == "docker":  # a real container does not see this machine's files
            del client[SDK_DEFAULTS]
        try:
            runtime = Runtime(context.images, context.state, context.runtime, client)
        except SandboxUnavailable as error:
            raise StartError(str(error)) from None
        self.place = Place(
            runtime,
            context.s3.folder.resolve(),
            context.s3.refresh,
            context.region,
            "" if runtime.kind == "docker" else context.tracking_uri,
        )
        self._jobs: dict[tuple[str, str], Job] = {}
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()
        self._closing = threading.Event()

    def begin(self, kind: str, document: dict[str, Any], group: str, work: Work) -> None:
        """Start a job's thread.

        Args:
            kind: `processing-job` and so on: the store's kind and the ARN's resource.
            document: the job's document: the Create request with name and ARN.
            group: the CloudWatch log group.
            work: runs the job, and writes how it ended with `update`.
        """
        name = document[documents.name_key(kind)]
        stream = f"{name}/algo-1-{int(time.time())}"
        job = Job(
            name,
            self.context.arn(kind, name),
            document["Request"],
            self.context.state.resolve() / "jobs" / f"{kind}-{name}",
            self.place,
            lambda lines: self.context.log(group, stream, lines),
            self._share,
        )
        thread = threading.Thread(target=self._run, args=(kind, job, work), name=name, daemon=True)
        with self._lock:
            self._jobs[kind, name] = job
            self._threads = [t for t in self._threads if t.is_alive()] + [thread]
        # A stop that came since the document was kept found no job to end.
        kept = self.context.store.get(kind, name) or {}
        if kept.get(documents.name_key(kind).replace("Name", "Status")) == "Stopping":
            job.stop("Stopped")
        thread.start()

    def _share(self) -> int:
        """Cores for one of the jobs that run now, or that a running tuning job will soon start."""
        together = max(len(self._jobs), 1)
        for tuning in self.context.store.list("hyper-parameter-tuning-job"):
            if tuning["HyperParameterTuningJobStatus"] == "InProgress":
                limits = tuning["HyperParameterTuningJobConfig"]["ResourceLimits"]
                together = max(together, limits["MaxParallelTrainingJobs"])
        return max(1, (os.cpu_count() or 1) // together)

    def _run(self, kind: str, job: Job, work: Work) -> None:
        shutil.rmtree(job.folder, ignore_errors=True)
        try:
            job.ml.mkdir(parents=True)
            work(job)
        except Exception as error:
            _log.exception("%s %s could not be finished", kind, job.name)
            self._fail(kind, job, error)
        finally:
            with self._lock:
                self._jobs.pop((kind, job.name), None)
            shutil.rmtree(job.folder, ignore_errors=True)

    def _fail(self, kind: str, job: Job, error: Exception) -> None:
        """End a job whose own code could not."""
        reason = failures.failure(job, error)
        status = documents.name_key(kind).replace("Name", "Status")
        store = self.context.store

        def write() -> dict[str, Any]:
            with store.transaction():
                document = store.get(kind, job.name)
                if document is None or document[status] not in ("InProgress", "Stopping"):
                    return {}
                changes = documents.ended_now(kind, reason)
                if "SecondaryStatus" in document:
                    changes["SecondaryStatus"] = "Failed"
                return store.update(kind, job.name, **changes)

        self.ended(kind, self.write(job, write, ends=True))

    def update(self, kind: str, job: Job, **changes: Any) -> dict[str, Any]:
        """Change the job's document, unless the server is going down: then it stays InProgress.

        The next start turns that into Failed, as after a kill, and the pipeline engine, which
        goes down at the same moment, never mistakes it for a failure of the step.
        """
        ends = not changes.keys().isdisjoint(_ENDED)
        store = self.context.store
        return self.write(
            job,
            lambda: store.update(kind, job.name, LastModifiedTime=time.time(), **changes),
            ends,
        )

    def write(self, job: Job, write: Callable[[], dict[str, Any]], ends: bool) -> dict[str, Any]:
        """Do one write of a job's document, which must be a whole transaction.

        A job that is said to have ended has left nothing behind. Where the disk is full, the
        job's end is tried until there is room, some of which its files may have taken, or the
        server goes down; a write that only informs is left out.
        """
        if ends:
            shutil.rmtree(job.folder, ignore_errors=True)
        while job.stopped != SHUTDOWN:
            try:
                return write()
            except sqlite3.OperationalError as error:
                _log.error("the document of %s cannot be written: %s", job.name, error)
                if not ends:
                    break
                if self._closing.wait(RETRY_SECONDS):
                    break
        return {}

    def ended(self, kind: str, document: dict[str, Any]) -> None:
        """Tell EventBridge that a job has ended, as SageMaker does."""
        if document:
            title = kind.title().replace("-", " ")
            arn = document[documents.name_key(kind).replace("Name", "Arn")]
            detail = {k: v for k, v in document.items() if k != "Request"}
            self.context.emit(f"SageMaker {title} State Change", detail, [arn])

    def stop(self, kind: str, name: str) -> None:
        """Ask a job to end."""
        with self._lock:
            job = self._jobs.get((kind, name))
        if job is not None:
            job.stop("Stopped")

    def close(self) -> None:
        """Kill what runs and wait for its threads."""
        self._closing.set()
        with self._lock:
            jobs, threads = list(self._jobs.values()), list(self._threads)
        for job in jobs:
            job.stop(SHUTDOWN, grace=0)
        for thread in threads:
            thread.join(10)
        self.place.runtime.close()


_all: dict[Context, Running] = {}
_all_lock = threading.Lock()


def of(context: Context) -> Running:
    """The running jobs of a server, whose runtime is probed at the first call."""
    with _all_lock:
        if context not in _all:
            _all[context] = Running(context)
        return _all[context]


def close(context: Context) -> None:
    """End what runs for a server that goes down."""
    with _all_lock:
        running = _all.pop(context, None)
    if running is not None:
        running.close()


def request_stop(
    context: Context, kind: str, name: str, changes: Callable[[dict[str, Any]], dict[str, Any]]
) -> None:
    """Put a job that is InProgress in Stopping and ask it to end.

    Args:
        context: the server.
        kind: the job's kind.
        name: the job's name.
        changes: what else changes in the document.

    Raises:
        ApiError: there is no such job, or it has ended.
    """
    status = documents.name_key(kind).replace("Name", "Status")
    with context.store.transaction():
        document = documents.get(context, kind, name)
        if document[status] == "Stopping":
            return
        if document[status] != "InProgress":
            raise invalid(
                f"The request was rejected because the job {name} is in status {document[status]}."
            )
        changed = {status: "Stopping", "LastModifiedTime": time.time(), **changes(document)}
        context.store.update(kind, name, **changed)
    of(context).stop(kind, name)
