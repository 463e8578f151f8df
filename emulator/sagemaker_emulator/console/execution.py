"""An execution as its pages show it: what the API's operations return, step by step."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request

from sagemaker_emulator.console import lists
from sagemaker_emulator.console.pages import call
from sagemaker_emulator.errors import not_found
from sagemaker_emulator.sagemaker.pipelines.language.definition import (
    Definition,
    StepDefinition,
    parse,
)

RUNNING = ("Executing", "Stopping")
WAITING, NOT_RUN = "Waiting", "NotRun"


@dataclass(frozen=True)
class Step:
    """A step of an execution.

    Attributes:
        status: its StepStatus; WAITING or NOT_RUN for one that has not begun.
        record: as ListPipelineExecutionSteps lists it; empty for one that has not begun.
    """

    definition: StepDefinition
    status: str
    record: Mapping[str, Any]

    @property
    def name(self) -> str:
        """Its name."""
        return self.definition.name

    @property
    def reused_from(self) -> str:
        """The ARN of the execution that its result is from; empty if it ran here."""
        for key in ("CacheHitResult", "SelectiveExecutionResult"):
            if found := self.record.get(key):
                return str(found["SourcePipelineExecutionArn"])
        return ""

    @property
    def is_cached(self) -> bool:
        """Whether the step cache had its result."""
        return "CacheHitResult" in self.record

    @property
    def returned(self) -> list[dict[str, str]]:
        """The OutputParameters of a Lambda or Callback step that has ended: names and values."""
        metadata = (self.record.get("Metadata") or {}).get(self.definition.type) or {}
        return list(metadata.get("OutputParameters") or [])

    @property
    def outcome(self) -> str:
        """True or False for a Condition step that was evaluated; otherwise empty."""
        return outcome(self.record)

    @property
    def resource(self) -> str:
        """The ARN of its job or other resource; empty if it has none."""
        for value in (self.record.get("Metadata") or {}).values():
            if isinstance(value, dict) and (arn := value.get("Arn")):
                return str(arn)
        return ""


@dataclass(frozen=True)
class Execution:
    """An execution with its steps, in the order of the definition.

    Attributes:
        described: the response of DescribePipelineExecution.
    """

    described: Mapping[str, Any]
    definition: Definition
    steps: Mapping[str, Step]

    @property
    def arn(self) -> str:
        """Its ARN."""
        return str(self.described["PipelineExecutionArn"])

    @property
    def id(self) -> str:
        """The last part of its ARN."""
        return id_of(self.arn)

    @property
    def pipeline(self) -> str:
        """The name of its pipeline."""
        return pipeline_of(self.arn)

    @property
    def name(self) -> str:
        """Its display name, or its id."""
        return str(self.described.get("PipelineExecutionDisplayName") or self.id)

    @property
    def status(self) -> str:
        """Its PipelineExecutionStatus."""
        return str(self.described["PipelineExecutionStatus"])

    @property
    def is_running(self) -> bool:
        """Whether it has not ended."""
        return self.status in RUNNING


def id_of(arn: str) -> str:
    """The id of an execution."""
    return arn.rpartition("/")[2]


def pipeline_of(arn: str) -> str:
    """The name of an execution's pipeline."""
    return arn.rsplit("/", 3)[1]


def arn_of(request: Request, execution_id: str) -> str:
    """The ARN of an execution, which the API asks for, from the id that an address has.

    Raises:
        ApiError: There is no such execution.
    """
    known: dict[str, str] = request.app.state.execution_arns
    if execution_id not in known:
        ending = f"/execution/{execution_id}"
        found = call(
            request,
            "Search",
            Resource="PipelineExecution",
            SearchExpression={
                "Filters": [
                    {"Name": "PipelineExecutionArn", "Operator": "Contains", "Value": ending}
                ]
            },
        )
        arns = [each["PipelineExecution"]["PipelineExecutionArn"] for each in found["Results"]]
        if not any(arn.endswith(ending) for arn in arns):
            raise not_found(f"Pipeline execution {execution_id} does not exist.")
        known[execution_id] = next(arn for arn in arns if arn.endswith(ending))
    return known[execution_id]


def execution_of(request: Request, execution_id: str) -> Execution:
    """Read an execution.

    Raises:
        ApiError: There is no such execution.
    """
    arn = arn_of(request, execution_id)
    described = call(request, "DescribePipelineExecution", PipelineExecutionArn=arn)
    text = call(request, "DescribePipelineDefinitionForExecution", PipelineExecutionArn=arn)
    definition = parsed(text["PipelineDefinition"])
    records = {
        each["StepName"]: each
        for each in lists.every(
            request,
            "ListPipelineExecutionSteps",
            "PipelineExecutionSteps",
            PipelineExecutionArn=arn,
        )
    }
    ended = described["PipelineExecutionStatus"] not in RUNNING
    steps = {}
    for name, step in definition.steps.items():
        record = records.get(name, {})
        idle = NOT_RUN if ended or _is_left_out(step, definition, records) else WAITING
        steps[name] = Step(step, record.get("StepStatus", idle), record)
    return Execution(described, definition, steps)


def parameters_of(request: Request, arn: str) -> dict[str, str]:
    """The value of each parameter in an execution, as text."""
    listed = lists.every(
        request,
        "ListPipelineParametersForExecution",
        "PipelineParameters",
        PipelineExecutionArn=arn,
    )
    return {each["Name"]: each["Value"] for each in listed}


@functools.lru_cache(maxsize=64)
def parsed(text: str) -> Definition:
    """A definition that the API returned; nobody changes it."""
    return parse(text)


def outcome(record: Mapping[str, Any]) -> str:
    """True or False for a Condition step that was evaluated, as text; otherwise empty."""
    condition = (record.get("Metadata") or {}).get("Condition") or {}
    return str(condition.get("Outcome", ""))


def _is_left_out(
    step: StepDefinition, definition: Definition, records: Mapping[str, Mapping[str, Any]]
) -> bool:
    """Whether a step is in a branch that was not taken, or in one inside such a branch."""
    while step.condition:
        evaluated = outcome(records.get(step.condition, {}))
        if evaluated and step.branch != ("IfSteps" if evaluated == "True" else "ElseSteps"):
            return True
        step = definition.steps[step.condition]
    return False
