"""Executions, each driven by a thread of its own, and the engine that holds them."""

from __future__ import annotations

import contextlib
import logging
import queue
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, TypeVar

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.errors import ApiError
from sagemaker_emulator.sagemaker.pipelines.language.definition import parse
from sagemaker_emulator.sagemaker.pipelines.language.definition_errors import StepError
from sagemaker_emulator.sagemaker.pipelines.language.graph import parents
from sagemaker_emulator.sagemaker.pipelines.run.job_step import JobStep
from sagemaker_emulator.sagemaker.pipelines.run.other_steps import (
    run_callback,
    run_condition,
    run_fail,
    run_lambda,
)
from sagemaker_emulator.sagemaker.pipelines.run.records import (
    EXECUTION,
    StepRecord,
    definition_of,
    iso,
    shown,
    step_records,
)
from sagemaker_emulator.sagemaker.pipelines.run.scheduler import RUNNING, SKIPPED, plan
from sagemaker_emulator.sagemaker.pipelines.run.step_run import StepRun, StoppedError
from sagemaker_emulator.storage.disk import retry_while_disk_full

LOG_GROUP = "/aws/sagemaker/PipelineExecutions"
STEP_FAILURE = "Step failure: One or multiple steps failed."
_log = logging.getLogger("emulator")
_T = TypeVar("_T")
# What an account may run at once by default.
_MOST_PARALLEL = 50
_RUNNERS: dict[str, Callable[[StepRun], None]] = {
    "Condition": run_condition,
    "Fail": run_fail,
    "Lambda": run_lambda,
    "Callback": run_callback,
}


class Engine:
    """The executions that this process drives."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._lock = threading.Lock()
        self._drivers: dict[str, Driver] = {}
        self._closing = threading.Event()

    def drive(self, arn: str) -> None:
        """Begin, or go on with, an execution whose record is Executing or Stopping."""
        # Nothing of the store under the lock: who starts an execution because of an event may
        # hold the store, and would wait for one who holds the lock and waits for the store.
        driver = Driver(self._context, arn, self._closing)
        with self._lock:
            if self._closing.is_set():
                return
            self._drivers = {arn: one for arn, one in self._drivers.items() if one.is_alive()}
            self._drivers[arn] = driver
            driver.start()
        if (self._context.store.get(EXECUTION, arn) or {}).get(
            "PipelineExecutionStatus"
        ) == "Stopping":  # since the driver read it
            driver.stop()

    def stop_execution(self, arn: str) -> None:
        """Stop an execution's running steps and start no more."""
        with self._lock:
            driver = self._drivers.get(arn)
        if driver:
            driver.stop()

    def start(self) -> None:
        """Continue every execution that an earlier server left unfinished."""
        for record in self._context.store.list(EXECUTION):
            if record["PipelineExecutionStatus"] in ("Executing", "Stopping"):
                self.drive(record["PipelineExecutionArn"])

    def stop(self) -> None:
        """End all threads, leaving the records as they are for the next server."""
        self._closing.set()
        with self._lock:
            drivers = list(self._drivers.values())
        for driver in drivers:
            driver.wake()
        for driver in drivers:
            driver.join(2)


class Driver(threading.Thread):
    """One execution: starts what may start, until nothing is left to run."""

    def __init__(self, context: Context, arn: str, closing: threading.Event) -> None:
        super().__init__(name=f"execution-{arn.rsplit('/', 1)[-1]}", daemon=True)
        self._emulator = context
        self._arn = arn
        self._closing = closing
        self._stopping = threading.Event()
        self._news: queue.SimpleQueue[str] = queue.SimpleQueue()
        record = self._record()
        self._definition = parse(definition_of(context.store, record))
        self._waits = parents(self._definition)
        if record["PipelineExecutionStatus"] == "Stopping":
            self._stopping.set()

    def stop(self) -> None:
        """Stop the execution."""
        self._stopping.set()
        self.wake()

    def wake(self) -> None:
        """Look at once at what has changed."""
        self._news.put("wake")

    def run(self) -> None:
        """Drive the execution to its end."""
        running = [
            name
            for name, record in step_records(self._emulator.store, self._arn).items()
            if record["StepStatus"] in RUNNING
        ]
        self._log("execution begins" if not running else "execution goes on after a restart")
        for name in running:
            self._launch(name, resumed=True)
        while not self._closing.is_set():
            status = self._retry(self._advance)
            if status:
                self._retry(partial(self._finish, status))
                return
            with contextlib.suppress(queue.Empty):
                self._news.get(timeout=1.0)

    def _retry(self, write: Callable[[], _T]) -> _T | None:
        return retry_while_disk_full(write, self._closing, f"execution {self._arn}")

    def _record(self) -> dict[str, Any]:
        record = self._emulator.store.get(EXECUTION, self._arn)
        assert record is not None
        return dict(record)

    def _advance(self) -> str | None:
        record = self._record()
        records = step_records(self._emulator.store, self._arn)
        limit = (record.get("ParallelismConfiguration") or {}).get("MaxParallelExecutionSteps")
        move = plan(
            self._definition,
            self._waits,
            {name: step["StepStatus"] for name, step in records.items()},
            {
                name: step["Properties"]["Outcome"] == "True"
                for name, step in records.items()
                if self._definition.steps[name].type == "Condition"
                and step["StepStatus"] == "Succeeded"
                and "SelectiveExecutionResult" not in step
            },
            limit or _MOST_PARALLEL,
            self._stopping.is_set(),
        )
        for name in move.skip:
            self._step(name).put(StepName=name, StepStatus=SKIPPED)
        for name in move.start:
            self._launch(name)
        return move.status

    def _step(self, name: str) -> StepRecord:
        return StepRecord(self._emulator.store, self._arn, name)

    def _launch(self, name: str, resumed: bool = False) -> None:
        step = self._definition.steps[name]
        record = self._step(name)
        # Read before the step is written as begun: nothing may fail between that and its thread.
        execution = self._record()
        if not resumed:
            members = {
                "StepDisplayName": step.raw.get("DisplayName"),
                "StepDescription": step.raw.get("Description"),
            }
            record.put(
                StepName=name,
                StepStatus="Starting",
                StartTime=time.time(),
                AttemptCount=1,
                **{key: value for key, value in members.items() if value},
            )
        run = StepRun(
            self._emulator,
            execution,
            self._definition,
            step,
            record,
            self._stopping,
            self._closing,
            self._log,
            resumed,
        )
        self._step_changed(step.type, record, "Starting")
        thread = threading.Thread(
            target=self._run_step, args=(run,), name=f"step-{name}", daemon=True
        )
        thread.start()

    def _run_step(self, run: StepRun) -> None:
        runner = _RUNNERS.get(run.step.type) or (lambda run: JobStep(run)())
        status, reason = "", ""
        try:
            runner(run)
        except StoppedError:
            status = "Stopped"
        except (StepError, ApiError) as error:
            status, reason = "Failed", str(error)
        except Exception as error:
            if not self._closing.is_set():
                _log.exception("step %s of %s", run.step.name, self._arn)
            status, reason = "Failed", f"InternalServerError: {type(error).__name__}: {error}"
        if self._closing.is_set():
            return
        if status:
            self._retry(partial(run.record.finish, status, reason))
        final = run.record.get()
        self._log(f"{run.step.name}: {final['StepStatus']}" + (f": {reason}" if reason else ""))
        self._step_changed(run.step.type, run.record, "Executing")
        self._news.put(run.step.name)

    def _log(self, line: str) -> None:
        stream = "/".join(self._arn.rsplit("/", 3)[1::2])
        # The log only explains what the records say; a full disk must not end the execution.
        with contextlib.suppress(OSError):
            self._emulator.logs.append(LOG_GROUP, stream, [line])

    def _finish(self, status: str) -> None:
        reason = {"FailureReason": STEP_FAILURE} if status == "Failed" else {}
        self._emulator.store.update(
            EXECUTION,
            self._arn,
            PipelineExecutionStatus=status,
            LastModifiedTime=time.time(),
            **reason,
        )
        self._log(f"execution {status}")
        execution_changed(
            self._emulator, self._record(), "Stopping" if status == "Stopped" else "Executing"
        )

    def _step_changed(self, step_type: str, record: StepRecord, previous: str) -> None:
        with _telling(self._arn):
            step = shown(record.get())
            detail = {
                "metadata": step.get("Metadata") or {},
                "stepName": step["StepName"],
                "stepType": step_type,
                "stepStartTime": iso(step["StartTime"]),
                "stepEndTime": iso(step["EndTime"]) if "EndTime" in step else None,
                "previousStepStatus": previous,
                "currentStepStatus": step["StepStatus"],
                "pipelineArn": self._arn.split("/execution/")[0],
                "pipelineExecutionArn": self._arn,
                "failureReason": step.get("FailureReason"),
                "cacheHitResult": step.get("CacheHitResult"),
            }
            _emit(self._emulator, "Step Status Change", self._arn, detail)


def execution_changed(context: Context, record: dict[str, Any], previous: str) -> None:
    """Tell EventBridge that an execution's status is now the one in its record."""
    status = record["PipelineExecutionStatus"]
    detail: dict[str, Any] = {
        "pipelineExecutionDisplayName": record.get("PipelineExecutionDisplayName"),
        "pipelineExecutionDescription": record.get("PipelineExecutionDescription"),
        "currentPipelineExecutionStatus": status,
        "previousPipelineExecutionStatus": previous,
        "executionStartTime": iso(record["CreationTime"]),
        "pipelineArn": record["PipelineArn"],
        "pipelineExecutionArn": record["PipelineExecutionArn"],
    }
    if status not in ("Executing", "Stopping"):
        detail["executionEndTime"] = iso(record["LastModifiedTime"])
    with _telling(record["PipelineExecutionArn"]):
        _emit(context, "Status Change", record["PipelineExecutionArn"], detail)


def _emit(context: Context, change: str, arn: str, detail: dict[str, Any]) -> None:
    context.events.emit(
        f"SageMaker Model Building Pipeline Execution {change}",
        {key: value for key, value in detail.items() if value is not None},
        [arn.split("/execution/")[0], arn],
    )


@contextlib.contextmanager
def _telling(arn: str) -> Iterator[None]:
    """An event only tells: whatever is wrong with it is logged and the execution goes on."""
    try:
        yield
    except Exception:
        _log.exception("an event of %s could not be sent", arn)
