"""The executions that this process runs, each in a thread of its own."""

import logging
import threading

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.sagemaker.pipelines.language.definition_errors import DefinitionError
from sagemaker_emulator.sagemaker.pipelines.run.execution_thread import ExecutionThread
from sagemaker_emulator.sagemaker.pipelines.run.records import list_executions, update_execution

_log = logging.getLogger("emulator")


class Executions:
    """The running executions of one server."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._lock = threading.Lock()
        self._threads: dict[str, ExecutionThread] = {}
        self._closing = threading.Event()

    def start(self) -> None:
        """Continue every execution that an earlier process left unfinished."""
        for execution in list_executions(self._context.store):
            if execution["PipelineExecutionStatus"] not in ("Executing", "Stopping"):
                continue
            arn = execution["PipelineExecutionArn"]
            try:
                self.drive(arn)
            except DefinitionError as error:  # accepted by an earlier version
                _log.error("%s cannot be continued: %s", arn, error)
                changes = {"PipelineExecutionStatus": "Failed", "FailureReason": str(error)[:1024]}
                update_execution(self._context.store, arn, **changes)

    def drive(self, arn: str) -> None:
        """Begin, or continue, an execution whose record is Executing or Stopping."""
        # The store must not be used under the lock: a caller that starts an execution because of
        # an event may hold the store, and would wait for one that holds the lock and waits for it.
        thread = ExecutionThread(self._context, arn, self._closing)
        with self._lock:
            if self._closing.is_set():
                return
            self._threads = {a: t for a, t in self._threads.items() if t.is_alive()}
            self._threads[arn] = thread
            thread.start()

    def stop_execution(self, arn: str) -> None:
        """Stop an execution's running steps and start no more."""
        with self._lock:
            thread = self._threads.get(arn)
        if thread:
            thread.stop()

    def stop(self) -> None:
        """End all threads; the records stay as they are for the next process."""
        self._closing.set()
        with self._lock:
            threads = list(self._threads.values())
        for thread in threads:
            thread.wake()
        for thread in threads:
            thread.join(2)
