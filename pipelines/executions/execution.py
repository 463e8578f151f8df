"""Executions of a pipeline: what one is, and how it is described."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from pipelines.errors import UserError, closest

if TYPE_CHECKING:
    from types_boto3_sagemaker import SageMakerClient
    from types_boto3_sagemaker.type_defs import (
        PipelineExecutionStepMetadataTypeDef,
        PipelineExecutionStepTypeDef,
    )

RUNNING = ("Executing", "Stopping")
WAITING = "Waiting"  # ours: a step of the definition that has not started
BRANCHES = {"IfSteps": "if", "ElseSteps": "else"}  # of a condition
# The display name that SageMaker gives an execution without one.
NO_NAME = re.compile("execution-[0-9]+")
SKIPPED = "Skipped"  # ours: a step that did not run before the execution ended
# A step's type in the definition, by the key of its metadata.
TYPES = {
    "ProcessingJob": "Processing",
    "TrainingJob": "Training",
    "TransformJob": "Transform",
    "TuningJob": "Tuning",
}


class ExecutionError(UserError):
    """There is no such pipeline, execution or step, or its state does not allow the action."""


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
    metadata: PipelineExecutionStepMetadataTypeDef | None = None

    @property
    def seconds(self) -> float | None:
        """How long it ran, or has been running; None for a step that has not started."""
        if self.started is None:
            return None
        return ((self.ended or datetime.now(UTC)) - self.started).total_seconds()

    @property
    def job_arn(self) -> str:
        """The ARN of what the step ran or created; "" for a step without one."""
        entries: Iterable[Any] = (self.metadata or {}).values()
        return next((str(entry["Arn"]) for entry in entries if "Arn" in entry), "")

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
        """The last part of the ARN, which S3 prefixes are named after."""
        return self.arn.rpartition("/")[2]

    @property
    def version_arn(self) -> str:
        """The ARN of the model version that it registered; "" if it has not."""
        return next((step.job_arn for step in self.steps if step.type == "RegisterModel"), "")

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self.status in RUNNING

    @property
    def seconds(self) -> float:
        """How long it ran, or has been running."""
        return (
            (datetime.now(UTC) if self.running else self.modified) - self.started
        ).total_seconds()

    def step(self, name: str) -> Step:
        """The step with this name.

        Raises:
            ExecutionError: There is none; the message lists the steps.
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


def describe(client: SageMakerClient, arn: str) -> Execution:
    """An execution with all steps of its definition, also those that have not started.

    Raises:
        ExecutionError: There is no such execution.
    """
    try:
        response = client.describe_pipeline_execution(PipelineExecutionArn=arn)
    except ClientError as error:
        if error.response["Error"]["Code"] == "ResourceNotFound":
            raise ExecutionError(
                f"There is no execution {arn}. `python pipeline.py list` lists them."
            ) from error
        raise
    run = steps_run(client, arn)
    status = response["PipelineExecutionStatus"]
    idle = WAITING if status in RUNNING else SKIPPED
    planned = _planned(client, arn)
    steps = [_step(name, planned.get(name, ""), run.get(name), idle) for name in {**planned, **run}]
    return Execution(
        arn=arn,
        pipeline=response["PipelineArn"].rpartition("/")[2],
        name=response.get("PipelineExecutionDisplayName", ""),
        status=status,
        started=response["CreationTime"],
        modified=response["LastModifiedTime"],
        failure=response.get("FailureReason", ""),
        parameters=parameters_of(client, arn),
        steps=tuple(steps),
    )


def parameters_of(client: SageMakerClient, arn: str) -> dict[str, str]:
    """The values of an execution's parameters, by name."""
    pages = client.get_paginator("list_pipeline_parameters_for_execution").paginate(
        PipelineExecutionArn=arn
    )
    return {p["Name"]: p["Value"] for page in pages for p in page["PipelineParameters"]}


def _planned(client: SageMakerClient, arn: str) -> dict[str, str]:
    """Names and types of the definition's steps; a condition's branches follow it."""
    response = client.describe_pipeline_definition_for_execution(PipelineExecutionArn=arn)
    steps = walk(json.loads(response["PipelineDefinition"])["Steps"])
    return {step["Name"]: step["Type"] for step, _, _ in steps}


def walk(
    steps: Sequence[Mapping[str, Any]], condition: str = "", branch: str = ""
) -> Iterator[tuple[Mapping[str, Any], str, str]]:
    """Every step of a definition, with the condition step that holds it, and its branch."""
    for step in steps:
        yield step, condition, branch
        if step["Type"] == "Condition":
            for key, name in BRANCHES.items():
                yield from walk(step["Arguments"].get(key, ()), step["Name"], name)


def steps_run(client: SageMakerClient, arn: str) -> dict[str, PipelineExecutionStepTypeDef]:
    """The steps that have started, by name."""
    pages = client.get_paginator("list_pipeline_execution_steps").paginate(
        PipelineExecutionArn=arn, SortOrder="Ascending"
    )
    return {step["StepName"]: step for page in pages for step in page["PipelineExecutionSteps"]}


def _step(name: str, kind: str, run: PipelineExecutionStepTypeDef | None, idle: str) -> Step:
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
