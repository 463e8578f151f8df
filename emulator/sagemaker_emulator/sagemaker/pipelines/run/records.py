"""The records of pipelines, executions and steps in the store."""

from __future__ import annotations

import datetime
import hashlib
import time
from typing import TYPE_CHECKING, Any, NotRequired, TypedDict, cast

from sagemaker_emulator.errors import not_found
from sagemaker_emulator.sagemaker.pipelines.language.expressions import to_text

if TYPE_CHECKING:
    from types_boto3_sagemaker import type_defs as types

    from sagemaker_emulator.sagemaker.pipelines.language.parameters import ParameterValue
    from sagemaker_emulator.storage.store import Store

# Kinds of documents in the store.
PIPELINE = "pipeline"
EXECUTION = "pipeline-execution"
DEFINITION = "pipeline-definition"
STEP = "pipeline-step"
CACHE = "pipeline-step-cache"
TOKEN = "pipeline-request-token"
CALLBACK = "pipeline-callback"
_LONGEST_REASON = 1024


class PipelineRecord(TypedDict):
    """A pipeline; times are seconds since the epoch."""

    PipelineArn: str
    PipelineName: str
    PipelineDisplayName: str
    PipelineDefinition: str
    PipelineDescription: str | None
    RoleArn: str
    PipelineStatus: str
    CreationTime: float
    LastModifiedTime: float
    LastRunTime: NotRequired[float]
    ParallelismConfiguration: types.ParallelismConfigurationTypeDef | None
    ClientRequestToken: str
    Version: int


class ExecutionRecord(TypedDict):
    """An execution; its definition is kept beside it, under DefinitionName."""

    PipelineArn: str
    PipelineName: str
    PipelineVersionId: int
    PipelineExecutionArn: str
    PipelineExecutionDisplayName: str
    PipelineExecutionDescription: str | None
    PipelineExecutionStatus: str
    PipelineExperimentConfig: types.PipelineExperimentConfigTypeDef | None
    MLflowConfig: NotRequired[dict[str, str] | None]
    Parameters: dict[str, ParameterValue]
    CreationTime: float
    LastModifiedTime: float
    ParallelismConfiguration: types.ParallelismConfigurationTypeDef | None
    SelectiveExecutionConfig: types.SelectiveExecutionConfigOutputTypeDef | None
    DefinitionName: NotRequired[str]
    FailureReason: NotRequired[str | None]


class ListedStep(TypedDict, total=False):
    """The part of a step's record that ListPipelineExecutionSteps shows."""

    StepName: str
    StepDisplayName: str
    StepDescription: str
    StartTime: float
    EndTime: float
    StepStatus: str
    CacheHitResult: types.CacheHitResultTypeDef
    FailureReason: str
    Metadata: dict[str, Any]
    AttemptCount: int
    SelectiveExecutionResult: types.SelectiveExecutionResultTypeDef


class StepRecord(ListedStep, total=False):
    """A step of an execution.

    `Resource` names its SageMaker resource, and `Properties` are what expressions refer to.
    """

    Resource: str
    Properties: dict[str, Any]
    CallbackToken: str
    CallbackSent: bool


class StepProgress:
    """The record of one step of one execution, written while the step runs."""

    def __init__(self, store: Store, execution_arn: str, step: str) -> None:
        self._store = store
        self._name = f"{execution_arn}/step/{step}"

    def record(self) -> StepRecord:
        """Return the record, empty if the step has not begun."""
        return cast(StepRecord, self._store.get(STEP, self._name) or {})

    def begin(self, record: StepRecord) -> None:
        """Write a new record."""
        self._store.put(STEP, self._name, dict(record))

    def update(self, **changes: Any) -> None:
        """Change some members."""
        self._store.update(STEP, self._name, **changes)

    def finish(self, status: str, reason: str = "", **changes: Any) -> None:
        """Write the final status; `reason` becomes the FailureReason."""
        if reason:
            changes["FailureReason"] = shorten(reason)
        self.update(StepStatus=status, EndTime=time.time(), **changes)


def get_execution(store: Store, arn: str) -> ExecutionRecord:
    """Return an execution's record.

    Raises:
        ApiError: there is no such execution.
    """
    record = store.get(EXECUTION, arn)
    if record is None:
        raise not_found(f"Pipeline execution with ARN {arn} does not exist.")
    return cast(ExecutionRecord, record)


def update_execution(store: Store, arn: str, **changes: Any) -> ExecutionRecord:
    """Change some members of an execution's record and return the whole of it."""
    record = store.update(EXECUTION, arn, **changes, LastModifiedTime=time.time())
    return cast(ExecutionRecord, record)


def list_executions(store: Store, pipeline_arn: str = "") -> list[ExecutionRecord]:
    """Return the executions of a pipeline, or all executions, in the order of their creation."""
    prefix = f"{pipeline_arn}/execution/" if pipeline_arn else ""
    return cast(list[ExecutionRecord], store.list(EXECUTION, prefix))


def keep_definition(store: Store, pipeline: PipelineRecord) -> str:
    """Keep a pipeline's definition once for all its executions, and return its name."""
    text = pipeline["PipelineDefinition"]
    name = f"{pipeline['PipelineName']}/{hashlib.sha256(text.encode()).hexdigest()}"
    store.create(DEFINITION, name, {"Name": name, "PipelineDefinition": text})
    return name


def definition_text(store: Store, execution: ExecutionRecord) -> str:
    """Return the definition that an execution runs."""
    kept = store.get(DEFINITION, execution.get("DefinitionName", ""))
    # An execution made by an earlier version of the emulator contains its own.
    return str((kept or dict(execution))["PipelineDefinition"])


def step_records(store: Store, execution_arn: str) -> dict[str, StepRecord]:
    """Return the records of an execution's steps by name, in the order in which they began."""
    records = cast(list[StepRecord], store.list(STEP, f"{execution_arn}/step/"))
    return {record["StepName"]: record for record in records}


def properties(record: StepRecord) -> dict[str, Any]:
    """Return what expressions refer to of a step that succeeded.

    A condition's Outcome is a boolean, so that Std:Join makes it `false`, as AWS's own integration
    tests expect (sagemaker-python-sdk, tests/integ/sagemaker/workflow/test_fail_steps.py). Its
    Metadata have the enum ConditionOutcome: `False`.
    """
    values = record["Properties"]
    if (record.get("Metadata") or {}).keys() == {"Condition"}:
        # Earlier versions of the emulator kept the enum here, too.
        return {**values, "Outcome": values["Outcome"] in (True, "True")}
    return values


def listed_step(record: StepRecord) -> ListedStep:
    """Return a step's record as ListPipelineExecutionSteps shows it."""
    members = ListedStep.__annotations__
    return cast(ListedStep, {k: v for k, v in record.items() if k in members and v is not None})


def output_parameters(outputs: dict[str, Any]) -> list[types.OutputParameterTypeDef]:
    """Return the outputs of a Lambda or Callback step as its Metadata shows them."""
    return [{"Name": name, "Value": to_text(value)} for name, value in outputs.items()]


def shorten(reason: str) -> str:
    """Cut a failure reason to a length that the API allows; its end (the cause) is kept."""
    if len(reason) <= _LONGEST_REASON:
        return reason
    return f"{reason[:500]} ... {reason[-(_LONGEST_REASON - 505) :]}"


def format_time(seconds: float) -> str:
    """Format a time as the execution variables and events have it."""
    moment = datetime.datetime.fromtimestamp(seconds, datetime.UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
