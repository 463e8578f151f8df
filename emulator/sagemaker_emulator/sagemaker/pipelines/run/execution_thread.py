"""The thread of one execution: starts steps, each in a thread of its own, until it is over."""

import contextlib
import logging
import queue
import threading
import time
from collections.abc import Callable
from functools import partial

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.errors import ApiError
from sagemaker_emulator.sagemaker.pipelines.language.definition import parse
from sagemaker_emulator.sagemaker.pipelines.language.definition_errors import StepError
from sagemaker_emulator.sagemaker.pipelines.run import records, status_events
from sagemaker_emulator.sagemaker.pipelines.run.callback_step import run_callback
from sagemaker_emulator.sagemaker.pipelines.run.condition_and_fail import run_condition, run_fail
from sagemaker_emulator.sagemaker.pipelines.run.lambda_step import run_lambda
from sagemaker_emulator.sagemaker.pipelines.run.resource_step import run_resource_step
from sagemaker_emulator.sagemaker.pipelines.run.scheduler import RUNNING, SKIPPED, plan
from sagemaker_emulator.sagemaker.pipelines.run.step_run import StepRun, StoppedError
from sagemaker_emulator.storage.disk import retry_while_disk_full

LOG_GROUP = "/aws/sagemaker/PipelineExecutions"
STEP_FAILURE = "Step failure: One or multiple steps failed."
_log = logging.getLogger("emulator")
# How many steps an AWS account may run at once by default.
_MAX_PARALLEL = 50
# Steps of other types are SageMaker resources.
_RUNNERS: dict[str, Callable[[StepRun], None]] = {
    "Condition": run_condition,
    "Fail": run_fail,
    "Lambda": run_lambda,
    "Callback": run_callback,
}


class ExecutionThread(threading.Thread):
    """Runs one execution, whose record is Executing or Stopping, to its end."""

    def __init__(self, context: Context, arn: str, closing: threading.Event) -> None:
        super().__init__(name=f"execution-{arn.rsplit('/', 1)[-1]}", daemon=True)
        self._context = context
        self._arn = arn
        self._closing = closing
        self._stopping = threading.Event()
        self._wakes: queue.SimpleQueue[str] = queue.SimpleQueue()
        # Of the steps that have begun or are skipped, and of the conditions: as the records have
        # them, which are too many to be read whenever a step ends.
        self._statuses: dict[str, str] = {}
        self._outcomes: dict[str, bool] = {}
        self._definition = parse(records.definition_text(context.store, self._execution()))

    def stop(self) -> None:
        """Stop the execution."""
        self._stopping.set()
        self._context.store.wake(self._arn)  # the steps
        self.wake()

    def wake(self, step: str = "") -> None:
        """Have the thread look at once at what has changed: perhaps a step, which has ended."""
        self._wakes.put(step)

    def run(self) -> None:
        """Run the execution to its end, or until the emulator shuts down."""
        # Read here, not before the thread is known to `Executions`: a stop is never missed.
        if self._execution()["PipelineExecutionStatus"] == "Stopping":
            self._stopping.set()
        for record in records.step_records(self._context.store, self._arn).values():
            self._note(record)
        running = [name for name, status in self._statuses.items() if status in RUNNING]
        self._write_log("execution continues after a restart" if running else "execution begins")
        for name in running:
            self._launch(name, resumed=True)
        label = f"execution {self._arn}"
        while not self._closing.is_set():
            status = retry_while_disk_full(self._advance, self._closing, label)
            if status:
                retry_while_disk_full(partial(self._finish, status), self._closing, label)
                return
            with contextlib.suppress(queue.Empty):
                self._note_end(self._wakes.get(timeout=1.0))
                while True:
                    self._note_end(self._wakes.get_nowait())

    def _execution(self) -> records.ExecutionRecord:
        return records.get_execution(self._context.store, self._arn)

    def _advance(self) -> str | None:
        """Start and skip what the plan says; return the final status if the execution is over."""
        parallelism = self._execution().get("ParallelismConfiguration")
        limit = parallelism["MaxParallelExecutionSteps"] if parallelism else _MAX_PARALLEL
        move = plan(
            self._definition,
            self._statuses,
            self._outcomes,
            limit,
            self._stopping.is_set(),
        )
        for name in move.skip:
            progress = records.StepProgress(self._context.store, self._arn, name)
            progress.begin({"StepName": name, "StepStatus": SKIPPED})
            self._statuses[name] = SKIPPED
        for name in move.start:
            self._launch(name)
        return move.status

    def _note_end(self, step: str) -> None:
        if step:
            self._note(records.StepProgress(self._context.store, self._arn, step).record())

    def _note(self, record: records.StepRecord) -> None:
        """Keep in mind what the plan needs of a step's record."""
        name = record["StepName"]
        self._statuses[name] = record["StepStatus"]
        if (
            self._definition.steps[name].type == "Condition"
            and record["StepStatus"] == "Succeeded"
            and "SelectiveExecutionResult" not in record
        ):
            self._outcomes[name] = records.properties(record)["Outcome"]

    def _launch(self, name: str, resumed: bool = False) -> None:
        step = self._definition.steps[name]
        # Made before the step is recorded as begun: nothing may fail between that and its thread.
        run = StepRun(
            context=self._context,
            execution=self._execution(),
            definition=self._definition,
            step=step,
            progress=records.StepProgress(self._context.store, self._arn, name),
            stopping=self._stopping,
            closing=self._closing,
            log=self._write_log,
            resumed=resumed,
        )
        if not resumed:
            record: records.StepRecord = {
                "StepName": name,
                "StepStatus": "Starting",
                "StartTime": time.time(),
                "AttemptCount": 1,
            }
            if display_name := step.entry.get("DisplayName"):
                record["StepDisplayName"] = display_name
            if description := step.entry.get("Description"):
                record["StepDescription"] = description
            run.progress.begin(record)
            self._statuses[name] = "Starting"
        status_events.emit_step_event(self._context, self._arn, step.type, run.progress, "Starting")
        threading.Thread(
            target=self._run_step, args=(run,), name=f"step-{name}", daemon=True
        ).start()

    def _run_step(self, run: StepRun) -> None:
        """Run a step to its end; the body of its thread."""
        name, status, reason = run.step.name, "", ""
        try:
            _RUNNERS.get(run.step.type, run_resource_step)(run)
        except StoppedError:
            status = "Stopped"
        except (StepError, ApiError) as error:
            status, reason = "Failed", str(error)
        except Exception as error:
            if not self._closing.is_set():
                _log.exception("step %s of %s", name, self._arn)
            status, reason = "Failed", f"InternalServerError: {type(error).__name__}: {error}"
        if self._closing.is_set():
            return
        if status:
            retry_while_disk_full(
                lambda: run.progress.finish(status, reason),
                self._closing,
                f"the end of step {name} of {self._arn}",
            )
        final = run.progress.record()["StepStatus"]
        self._write_log(f"{name}: {final}" + (f": {reason}" if reason else ""))
        status_events.emit_step_event(
            self._context, self._arn, run.step.type, run.progress, "Executing"
        )
        self.wake(name)

    def _finish(self, status: str) -> None:
        changes = {"FailureReason": STEP_FAILURE} if status == "Failed" else {}
        execution = records.update_execution(
            self._context.store, self._arn, PipelineExecutionStatus=status, **changes
        )
        self._write_log(f"execution {status}")
        previous = "Stopping" if status == "Stopped" else "Executing"
        status_events.emit_execution_event(self._context, execution, previous)

    def _write_log(self, line: str) -> None:
        stream = "/".join(self._arn.rsplit("/", 3)[1::2])
        # The log only explains what the records contain; a full disk must not end the execution.
        with contextlib.suppress(OSError):
            self._context.logs.append(LOG_GROUP, stream, [line])
