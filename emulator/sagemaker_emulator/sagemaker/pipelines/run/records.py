"""What an execution and its steps are in the store."""

from __future__ import annotations

import datetime
import hashlib
import threading
import time
from typing import TYPE_CHECKING, Any

from sagemaker_emulator.sagemaker.pipelines.run.scheduler import SKIPPED

if TYPE_CHECKING:
    from sagemaker_emulator.storage.store import Store

PIPELINE = "pipeline"
EXECUTION = "pipeline-execution"
DEFINITION = "pipeline-definition"
STEP = "pipeline-step"
CACHE = "pipeline-step-cache"
TOKEN = "pipeline-request-token"
CALLBACK = "pipeline-callback"
# Members of a step's record that ListPipelineExecutionSteps shows.
_SHOWN = (
    "StepName",
    "StepDisplayName",
    "StepDescription",
    "StartTime",
    "EndTime",
    "StepStatus",
    "CacheHitResult",
    "FailureReason",
    "Metadata",
    "AttemptCount",
    "SelectiveExecutionResult",
)
_LONGEST_REASON = 1024


class StepRecord:
    """One step of one execution, kept in the store so that it outlives the process."""

    def __init__(self, store: Store, execution_arn: str, step: str) -> None:
        self._store = store
        self._name = f"{execution_arn}/step/{step}"
        self._lock = threading.Lock()

    def get(self) -> dict[str, Any]:
        """The record, empty if the step has not begun."""
        return self._store.get(STEP, self._name) or {}

    def put(self, **members: Any) -> None:
        """Begin the record anew."""
        self._store.put(STEP, self._name, members)

    def update(self, **changes: Any) -> None:
        """Change some members."""
        self._store.update(STEP, self._name, **changes)

    def finish(self, status: str, reason: str | None = None, **changes: Any) -> None:
        """Write the final status; `reason` becomes the FailureReason."""
        if reason:
            changes["FailureReason"] = shorten(reason)
        self._store.update(STEP, self._name, StepStatus=status, EndTime=time.time(), **changes)

    def delete(self) -> None:
        """Forget the step, so that it runs again."""
        self._store.delete(STEP, self._name)


def keep_definition(store: Store, pipeline: dict[str, Any]) -> str:
    """Keep a pipeline's definition once for all executions of it, which are listed often; its name.

    Args:
        store: the store.
        pipeline: its document.
    """
    text = pipeline["PipelineDefinition"]
    name = f"{pipeline['PipelineName']}/{hashlib.sha256(text.encode()).hexdigest()}"
    store.create(DEFINITION, name, {"Name": name, "PipelineDefinition": text})
    return name


def definition_of(store: Store, execution: dict[str, Any]) -> str:
    """The definition that an execution runs."""
    kept = store.get(DEFINITION, execution.get("DefinitionName", ""))
    # An execution of an earlier emulator holds its own.
    return str((kept or execution)["PipelineDefinition"])


def step_records(store: Store, execution_arn: str) -> dict[str, dict[str, Any]]:
    """The records of an execution's steps by name, in the order in which they began."""
    documents = store.list(STEP, f"{execution_arn}/step/")
    return {document["StepName"]: document for document in documents}


def shown(record: dict[str, Any]) -> dict[str, Any]:
    """A step's record as ListPipelineExecutionSteps shows it."""
    return {key: record[key] for key in _SHOWN if record.get(key) is not None}


def is_listed(record: dict[str, Any]) -> bool:
    """Whether the step ran: one in a branch not taken is not listed."""
    return bool(record.get("StepStatus") != SKIPPED)


def shorten(reason: str) -> str:
    """A failure reason cut to the length that the API allows, its end (the cause) kept."""
    if len(reason) <= _LONGEST_REASON:
        return reason
    return f"{reason[:500]} ... {reason[-(_LONGEST_REASON - 505) :]}"


def iso(seconds: float) -> str:
    """A time as the execution variables and events show it."""
    moment = datetime.datetime.fromtimestamp(seconds, datetime.UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
