"""The executions that this process runs, each in a thread of its own."""

import threading

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.sagemaker.pipelines.run.execution_thread import ExecutionThread
from sagemaker_emulator.sagemaker.pipelines.run.records import list_executions


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
            if execution["PipelineExecutionStatus"] in ("Executing", "Stopping"):
                self.drive(execution["PipelineExecutionArn"])

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
