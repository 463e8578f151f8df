"""One step of one execution while it runs: what it can read and where it reports."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from sagemaker_emulator.aws import json_text
from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.sagemaker.pipelines.language.definition import Definition, StepDefinition
from sagemaker_emulator.sagemaker.pipelines.language.definition_errors import StepError
from sagemaker_emulator.sagemaker.pipelines.language.expressions import Scope, evaluate
from sagemaker_emulator.sagemaker.pipelines.run import records
from sagemaker_emulator.sagemaker.pipelines.run.execution_values import execution_variables
from sagemaker_emulator.sagemaker.pipelines.run.finished_steps import FinishedSteps, PropertyFiles

# Waits end when the document changes or the execution is stopped; this bounds how long it takes
# until a resource that depends on other documents, too, or a shutdown is noticed.
_LONGEST_WAIT = 1.0


class StoppedError(Exception):
    """The execution was stopped, or the emulator shuts down, while the step ran."""


@dataclass
class StepRun:
    """A running step.

    Attributes:
        execution: the execution's record when the step began.
        progress: the step's record in the store.
        stopping: set when StopPipelineExecution was called.
        closing: set when the emulator shuts down: threads end and leave the records as they are.
        log: writes a line to the execution's log.
        resumed: whether an earlier process had begun the step.
        began: when this run began, in seconds since the epoch.
    """

    context: Context
    execution: records.ExecutionRecord
    definition: Definition
    step: StepDefinition
    progress: records.StepProgress
    stopping: threading.Event
    closing: threading.Event
    log: Callable[[str], None]
    resumed: bool = False
    began: float = field(default_factory=time.time)

    @property
    def arn(self) -> str:
        """The execution's ARN."""
        return self.execution["PipelineExecutionArn"]

    @property
    def execution_id(self) -> str:
        """The last part of the execution's ARN."""
        return self.arn.rsplit("/", 1)[-1]

    def evaluate(self, node: Any, job_name: str = "") -> Any:
        """Return a part of the definition with its expressions evaluated now.

        Raises:
            StepError: if an expression has no value.
        """
        return evaluate(node, self._scope(job_name))

    def wait(self, ready: Callable[[], bool], name: str) -> None:
        """Block until `ready()` is true.

        Args:
            ready: called again whenever a document of that name changes.
            name: that document, in the store.

        Raises:
            StoppedError: if the execution is stopped, or the emulator shuts down, before that.
        """
        with self.context.store.watch(name, self.arn) as changed:
            while not self.closing.is_set():
                changed.clear()
                if ready():
                    return
                if self.stopping.is_set():
                    break
                changed.wait(_LONGEST_WAIT)
        raise StoppedError

    def sleep(self, seconds: float) -> None:
        """Wait between attempts.

        Raises:
            StoppedError: if the execution is stopped, or the emulator shuts down, before that.
        """
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if self.closing.is_set() or self.stopping.wait(min(0.2, until - time.monotonic())):
                raise StoppedError

    def _scope(self, job_name: str) -> Scope:
        properties = FinishedSteps(self.context.store, self.arn)
        return Scope(
            parameters=self.execution["Parameters"],
            execution=execution_variables(self.execution, job_name),
            properties=properties,
            property_files=PropertyFiles(self.definition, properties),
            read_json=self._read_json,
        )

    def _read_json(self, uri: str) -> Any:
        content = self.context.s3.read(uri)
        if content is None:
            raise StepError(
                f"{uri} cannot be read: there is no such object. Did the step that should write "
                "it write to the output's LocalPath?"
            )
        try:
            return json_text.loads(content)
        except ValueError as error:
            raise StepError(f"{uri} is not a JSON document: {error}") from error
