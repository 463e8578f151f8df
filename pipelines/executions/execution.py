"""Executions of the pipeline: start, find, describe, list, stop and retry, as plain values."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from pipelines.errors import UserError, closest

RUNNING = ("Executing", "Stopping")
WAITING = "Waiting"  # ours: a step of the definition that has not begun
SKIPPED = "Skipped"  # ours: a step that did not run before the execution ended
# What the definition calls a step type, by the key of a step's metadata.
TYPES = {
    "ProcessingJob": "Processing",
    "TrainingJob": "Training",
    "TransformJob": "Transform",
    "TuningJob": "Tuning",
}


class ExecutionError(UserError):
    """There is no such pipeline, execution or step, or it cannot be acted upon as it is."""


@dataclass(frozen=True)
class Step:
    """One step of an execution."""

    name: str
    type: str
    status: str
    started: datetime | None = None
    ended: datetime | None = None
    cached: bool = False
    attempts: int = 0
    failure: str = ""
    metadata: Mapping[str, Any] | None = None

    @property
    def seconds(self) -> float | None:
        """How long it ran, or has been running; None for a step that has not begun."""
        if self.started is None:
            return None
        return ((self.ended or datetime.now(UTC)) - self.started).total_seconds()

    @property
    def job_arn(self) -> str:
        """The ARN of what the step made or ran; "" for a step without such a thing."""
        return next((str(m["Arn"]) for m in (self.metadata or {}).values() if "Arn" in m), "")

    @property
    def job(self) -> str:
        """The job's name."""
        return self.job_arn.rpartition("/")[2]


@dataclass(frozen=True)
class Execution:
    """One execution, with its steps in the order of the definition."""

    arn: str
    pipeline: str
    name: str
    status: str
    started: datetime
    modified: datetime
    failure: str
    parameters: dict[str, str]
    steps: tuple[Step, ...]

    @property
    def id(self) -> str:
        """The last part of the ARN, which is also what S3 prefixes are named after."""
        return self.arn.rpartition("/")[2]

    @property
    def running(self) -> bool:
        """Whether it goes on."""
        return self.status in RUNNING

    @property
    def seconds(self) -> float:
        """How long it ran, or has been running."""
        return (
            (datetime.now(UTC) if self.running else self.modified) - self.started
        ).total_seconds()

    def step(self, name: str) -> Step:
        """The step of that name.

        Raises:
            ExecutionError: There is none; the message lists those there are.
        """
        names = {step.name.casefold(): step for step in self.steps}
        if name.casefold() not in names:
            known = ", ".join(step.name for step in self.steps)
            hint = closest(name, [step.name for step in self.steps])
            raise ExecutionError(
                f"Execution {self.id} has no step {name}{hint or '.'} Steps: {known}."
            )
        return names[name.casefold()]

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        steps = [{**asdict(step), "seconds": step.seconds} for step in self.steps]
        return {**asdict(self), "id": self.id, "seconds": self.seconds, "steps": steps}


def start(
    client: Any, pipeline: str, parameters: Mapping[str, str | int | float], name: str | None = None
) -> str:
    """Start an execution, perhaps under a display name, and answer its ARN.

    Raises:
        ExecutionError: The pipeline has not been upserted.
    """
    values = [{"Name": key, "Value": str(value)} for key, value in parameters.items()]
    display = {"PipelineExecutionDisplayName": name} if name else {}
    with _known(pipeline):
        started = client.start_pipeline_execution(
            PipelineName=pipeline, PipelineParameters=values, **display
        )
    return str(started["PipelineExecutionArn"])


def require_pipeline(client: Any, pipeline: str) -> None:
    """Do nothing when the pipeline exists.

    Raises:
        ExecutionError: The pipeline has not been upserted.
    """
    with _known(pipeline):
        client.describe_pipeline(PipelineName=pipeline)


def list_executions(client: Any, pipeline: str) -> Iterator[dict[str, Any]]:
    """Summaries of all executions, newest first.

    Raises:
        ExecutionError: The pipeline has not been upserted.
    """
    pages = client.get_paginator("list_pipeline_executions").paginate(
        PipelineName=pipeline,
        SortBy="CreationTime",
        SortOrder="Descending",
        PaginationConfig={"PageSize": 100},
    )
    with _known(pipeline):
        for page in pages:
            yield from page["PipelineExecutionSummaries"]


def resolve(client: Any, pipeline: str, text: str | None = None) -> str:
    """The ARN of the execution that a person means.

    Args:
        client: A boto3 SageMaker client.
        pipeline: The pipeline's name.
        text: An ARN, an id, the beginning of an id, or a display name; the latest when left out.

    Raises:
        ExecutionError: There is none, or the beginning fits several.
    """
    if text and text.startswith("arn:"):
        return text
    found = []
    for summary in list_executions(client, pipeline):
        arn = str(summary["PipelineExecutionArn"])
        identity = arn.rpartition("/")[2]
        if text is None or text in (identity, summary.get("PipelineExecutionDisplayName")):
            return arn
        if identity.startswith(text):
            found.append(arn)
    if len(found) == 1:
        return found[0]
    if found:
        several = ", ".join(arn.rpartition("/")[2] for arn in found)
        raise ExecutionError(f"{text} begins {len(found)} executions: {several}. Give more of it.")
    if text is None:
        raise ExecutionError(
            f"Pipeline {pipeline} has not been started yet. Run `python pipeline.py start`."
        )
    raise ExecutionError(
        f"Pipeline {pipeline} has no execution {text}. `python pipeline.py list` lists them."
    )


def describe(client: Any, arn: str) -> Execution:
    """An execution with all steps of its definition, those that have not begun included.

    Raises:
        ExecutionError: There is no such execution.
    """
    try:
        found = client.describe_pipeline_execution(PipelineExecutionArn=arn)
    except ClientError as error:
        if error.response["Error"]["Code"] == "ResourceNotFound":
            raise ExecutionError(
                f"There is no execution {arn}. `python pipeline.py list` lists them."
            ) from error
        raise
    pages = client.get_paginator("list_pipeline_execution_steps").paginate(
        PipelineExecutionArn=arn, SortOrder="Ascending"
    )
    run = {step["StepName"]: step for page in pages for step in page["PipelineExecutionSteps"]}
    status = found["PipelineExecutionStatus"]
    idle = WAITING if status in RUNNING else SKIPPED
    planned = _planned(client, arn)
    steps = [_step(name, planned.get(name, ""), run.get(name), idle) for name in {**planned, **run}]
    return Execution(
        arn=arn,
        pipeline=found["PipelineArn"].rpartition("/")[2],
        name=found.get("PipelineExecutionDisplayName", ""),
        status=status,
        started=found["CreationTime"],
        modified=found["LastModifiedTime"],
        failure=found.get("FailureReason", ""),
        parameters=_parameters(client, arn),
        steps=tuple(steps),
    )


def stop(client: Any, arn: str) -> None:
    """Stop an execution and the jobs it runs.

    Raises:
        ExecutionError: It has ended already.
    """
    _require(client, arn, running=True, refusal="so there is nothing to stop")
    client.stop_pipeline_execution(PipelineExecutionArn=arn)


def retry(client: Any, arn: str) -> None:
    """Run a Failed or Stopped execution on from the step that failed, with the same parameters.

    Raises:
        ExecutionError: It is still running, or has succeeded.
    """
    status = _require(client, arn, running=False, refusal="so it cannot be retried yet")
    if status == "Succeeded":
        raise ExecutionError(
            f"Execution {arn.rpartition('/')[2]} has succeeded, so there is nothing to retry. "
            "`python pipeline.py start` starts another."
        )
    client.retry_pipeline_execution(PipelineExecutionArn=arn)


def _require(client: Any, arn: str, *, running: bool, refusal: str) -> str:
    status = str(
        client.describe_pipeline_execution(PipelineExecutionArn=arn)["PipelineExecutionStatus"]
    )
    if (status in RUNNING) != running:
        raise ExecutionError(f"Execution {arn.rpartition('/')[2]} is {status}, {refusal}.")
    return status


def _parameters(client: Any, arn: str) -> dict[str, str]:
    pages = client.get_paginator("list_pipeline_parameters_for_execution").paginate(
        PipelineExecutionArn=arn
    )
    return {p["Name"]: p["Value"] for page in pages for p in page["PipelineParameters"]}


def _planned(client: Any, arn: str) -> dict[str, str]:
    """Names and types of the definition's steps; a condition's branches follow it."""
    found = client.describe_pipeline_definition_for_execution(PipelineExecutionArn=arn)
    return dict(_walk(json.loads(found["PipelineDefinition"])["Steps"]))


def _walk(steps: list[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    for step in steps:
        yield step["Name"], step["Type"]
        if step["Type"] == "Condition":
            yield from _walk(step["Arguments"].get("IfSteps", []))
            yield from _walk(step["Arguments"].get("ElseSteps", []))


def _step(name: str, kind: str, run: dict[str, Any] | None, idle: str) -> Step:
    if run is None:
        return Step(name, kind, idle)
    metadata = run.get("Metadata", {})
    key = next(iter(metadata), "")
    return Step(
        name=name,
        type=kind or TYPES.get(key, key),
        status=run["StepStatus"],
        started=run.get("StartTime"),
        ended=run.get("EndTime"),
        cached="CacheHitResult" in run,
        attempts=run.get("AttemptCount", 0),
        failure=run.get("FailureReason", ""),
        metadata=metadata,
    )


@contextmanager
def _known(pipeline: str) -> Iterator[None]:
    """Turns SageMaker's "no such pipeline" into what to run first."""
    try:
        yield
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceNotFound":
            raise
        raise ExecutionError(
            f"There is no pipeline {pipeline} yet. Run `python pipeline.py upsert` first; "
            "`python pipeline.py upsert start` does both."
        ) from error
