"""The processing, training and transform jobs that run in this server, a thread each."""

import os
import shutil
import sqlite3
import threading
import time
from collections.abc import Callable, Mapping

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.sagemaker.experiments import job_components
from sagemaker_emulator.sagemaker.jobs import documents, failures, status_events
from sagemaker_emulator.sagemaker.jobs.job import SHUTDOWN, Job, JobStopped
from sagemaker_emulator.sagemaker.jobs.kinds import RUNNING, TRAINING, TUNING, JobKind
from sagemaker_emulator.sagemaker.jobs.metrics import Metrics
from sagemaker_emulator.sagemaker.jobs.status import status_changes
from sagemaker_emulator.storage.disk import retry_while_disk_full
from sagemaker_emulator.storage.store import Document

# Runs a job to its end and returns the members of its document that then change, its status first.
Runner = Callable[[Job], Document]


class RunningJobs:
    """The jobs that run in one server."""

    def __init__(self, context: Context, runners: Mapping[JobKind, Runner]) -> None:
        """Run nothing yet.

        Args:
            context: the server.
            runners: what runs a job, for each kind.
        """
        self._context = context
        self._runners = {kind.resource: (kind, runner) for kind, runner in runners.items()}
        self._jobs: dict[tuple[str, str], Job] = {}
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()
        self._closing = threading.Event()

    def start(self) -> None:
        """End what the previous server left running."""
        for kind, _ in self._runners.values():
            documents.fail_interrupted(self._context, kind)

    def stop(self) -> None:
        """Kill what runs, wait for its threads, and end the processes behind containers."""
        self._closing.set()
        with self._lock:
            jobs, threads = list(self._jobs.values()), list(self._threads)
        for job in jobs:
            job.stop(SHUTDOWN, grace=0)
        for thread in threads:
            thread.join(10)
        self._context.containers.close()

    def begin(self, kind: str, document: Document) -> None:
        """Start the thread of the job of a document just created."""
        names, runner = self._runners[kind]
        job = Job(self._context, names, document, self._cores)
        thread = threading.Thread(
            target=self._run, args=(names, job, runner), name=job.name, daemon=True
        )
        with self._lock:
            self._jobs[kind, job.name] = job
            self._threads = [t for t in self._threads if t.is_alive()] + [thread]
        # A stop that came since the document was created found no job to end.
        if (self._context.store.get(kind, job.name) or {}).get(names.status_key) == "Stopping":
            job.stop("Stopped")
        thread.start()

    def stop_job(self, kind: str, name: str) -> None:
        """Ask a job to end; nothing happens where it has ended."""
        with self._lock:
            job = self._jobs.get((kind, name))
        if job is not None:
            job.stop("Stopped")

    def interrupt_job(self, name: str) -> None:
        """Take a training job's instances away; nothing happens where it has ended."""
        with self._lock:
            job = self._jobs.get((TRAINING.resource, name))
        if job is not None:
            job.interrupt()

    def metric_history(self, job: str, metric: str) -> list[float]:
        """The values of a metric that a training job has logged so far, in order."""
        with self._lock:
            running = self._jobs.get((TRAINING.resource, job))
        if running is not None:
            return running.metrics.history(metric)
        document = self._context.store.get(TRAINING.resource, job) or {}
        metrics = Metrics(document)
        metrics.read(self._context.logs.read(TRAINING.log_group, f"{job}/"))
        return metrics.history(metric)

    def _cores(self) -> int:
        """Cores for one of the instances that run now, or that a tuning job will soon start."""
        with self._lock:
            jobs = list(self._jobs.values())
        most = max((len(job.instances) for job in jobs), default=1)
        together = max(sum(len(job.instances) for job in jobs), 1)
        for tuning in self._context.store.list(TUNING.resource):
            if tuning[TUNING.status_key] == "InProgress":
                limits = tuning["HyperParameterTuningJobConfig"]["ResourceLimits"]
                together = max(together, limits["MaxParallelTrainingJobs"] * most)
        return max(1, (os.cpu_count() or 1) // together)

    def _run(self, kind: JobKind, job: Job, runner: Runner) -> None:
        shutil.rmtree(job.folder, ignore_errors=True)
        try:
            try:
                for instance in job.instances:
                    instance.ml.mkdir(parents=True)
                job.inform(lambda _: {kind.start_key: time.time()})
                changes = runner(job)
            except JobStopped:
                changes = {kind.status_key: "Stopped"}
            self._end(kind, job, changes)
        except Exception as error:
            reason = failures.log_failure(job, error)
            self._end(kind, job, {kind.status_key: "Failed", "FailureReason": reason})
        finally:
            with self._lock:
                self._jobs.pop((kind.resource, job.name), None)
            shutil.rmtree(job.folder, ignore_errors=True)

    def _end(self, kind: JobKind, job: Job, changes: Document) -> None:
        """Write how a job ended, unless that is written or the server goes down, and emit it.

        A job whose document has its end has left no files behind. Where the disk is
        full, this is tried until there is room, some of which the job's files may have taken, or
        until the server goes down.
        """
        shutil.rmtree(job.folder, ignore_errors=True)
        if job.stopped == SHUTDOWN:
            return  # see `Job.inform`
        context, changes = self._context, {kind.end_key: time.time(), **changes}
        status = changes.pop(kind.status_key)

        def write() -> Document:
            with context.store.transaction():
                document = context.store.get(kind.resource, job.name)
                if document is None or document[kind.status_key] not in RUNNING:
                    return {}
                changed = status_changes(document, kind, status, **changes)
                ended = context.store.update(kind.resource, job.name, **changed)
                job_components.end(context, kind, ended, job.metrics.history)
                return ended

        try:
            document: Document | None = write()
        except sqlite3.OperationalError:
            document = retry_while_disk_full(write, self._closing, f"the end of job {job.name}")
        if document:
            status_events.emit_status(context, kind, document)
