"""One step of one execution, while it runs: what it can see and where it writes."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.sagemaker.pipelines.language.definition import Definition, Step
from sagemaker_emulator.sagemaker.pipelines.language.definition_errors import StepError
from sagemaker_emulator.sagemaker.pipelines.language.expressions import Scope, evaluate
from sagemaker_emulator.sagemaker.pipelines.run.records import StepRecord, iso, step_records

# Waits end when the store changes; this bounds how long a stop goes unseen.
_LONGEST_WAIT = 1.0


class StoppedError(Exception):
    """The execution was stopped while the step ran."""


@dataclass
class StepRun:
    """A step being run.

    Attributes:
        context: the emulator.
        execution: the execution's record when the step began.
        definition: the definition that the execution runs.
        step: the step.
        record: where its progress is written.
        stopping: set when StopPipelineExecution was called.
        closing: set when the emulator goes down: threads end and leave the records as they are.
        log: writes a line to the execution's log.
        resumed: whether an earlier process had begun the step.
    """

    context: Context
    execution: dict[str, Any]
    definition: Definition
    step: Step
    record: StepRecord
    stopping: threading.Event
    closing: threading.Event
    log: Callable[[str], None]
    resumed: bool = False
    began: float = field(default_factory=time.time)

    @property
    def arn(self) -> str:
        """The execution's ARN."""
        return str(self.execution["PipelineExecutionArn"])

    @property
    def execution_id(self) -> str:
        """The last part of the execution's ARN."""
        return self.arn.rsplit("/", 1)[-1]

    def evaluate(self, node: Any, job_name: str = "") -> Any:
        """A part of the definition with its expressions evaluated now."""
        return evaluate(node, self._scope(job_name))

    def wait(self, ready: Callable[[], bool]) -> None:
        """Block until `ready()`; it is asked again whenever the store changes.

        Raises:
            StoppedError: if the execution is stopped, or the emulator goes down, before that.
        """
        while not self.closing.is_set():
            if ready():
                return
            if self.stopping.is_set():
                raise StoppedError
            self.context.store.wait(_LONGEST_WAIT)
        raise StoppedError

    def sleep(self, seconds: float) -> None:
        """Wait between attempts.

        Raises:
            StoppedError: if the execution is stopped, or the emulator goes down, before that.
        """
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if self.closing.is_set() or self.stopping.wait(min(0.2, until - time.monotonic())):
                raise StoppedError

    def _scope(self, job_name: str) -> Scope:
        records = step_records(self.context.store, self.arn)
        properties = {
            name: record["Properties"]
            for name, record in records.items()
            if record.get("StepStatus") == "Succeeded" and "Properties" in record
        }
        return Scope(
            parameters=self.execution["Parameters"],
            execution={
                "PipelineName": self.execution["PipelineName"],
                "PipelineArn": self.execution["PipelineArn"],
                "PipelineExecutionId": self.execution_id,
                "PipelineExecutionArn": self.arn,
                "StartDateTime": iso(self.execution["CreationTime"]),
                "CurrentDateTime": iso(time.time()),
                "TrainingJobName": job_name,
                "ProcessingJobName": job_name,
            },
            properties=properties,
            property_files=self._property_files(properties),
            read_json=self._read_json,
        )

    def _property_files(self, properties: dict[str, Any]) -> dict[tuple[str, str], str]:
        files: dict[tuple[str, str], str] = {}
        for name, values in properties.items():
            outputs = (values.get("ProcessingOutputConfig") or {}).get("Outputs") or []
            prefixes = {o["OutputName"]: o.get("S3Output", {}).get("S3Uri", "") for o in outputs}
            for file in self.definition.steps[name].property_files.values():
                if file.output in prefixes:
                    prefix = str(prefixes[file.output]).rstrip("/")
                    files[name, file.name] = f"{prefix}/{file.path}"
        return files

    def _read_json(self, uri: str) -> Any:
        try:
            return json.loads(self._object(uri))
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
            raise StepError(
                f"{uri} cannot be read: there is no such object. Did the step that should write "
                "it write to the output's LocalPath?"
            ) from error
        except ValueError as error:
            raise StepError(f"{uri} is not a JSON document: {error}") from error

    def _object(self, uri: str) -> bytes:
        return (self.context.state / "s3" / uri.removeprefix("s3://")).read_bytes()
