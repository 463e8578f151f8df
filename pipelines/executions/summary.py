"""Executions in one line each: the images, what was chosen for the start, why one failed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from pipelines.executions.execution import parameters_of, steps_run
from pipelines.serving.comparison import data_name

if TYPE_CHECKING:
    from types_boto3_sagemaker import SageMakerClient
    from types_boto3_sagemaker.type_defs import PipelineExecutionSummaryTypeDef

# Of each start its own; `data` shows the first two.
DATA = ("DataSource", "DataVersion")
AUTOMATIC = (*DATA, "AuditVersion", "ApprovedModel")


@dataclass(frozen=True)
class Summary:
    """An execution in one line.

    Attributes:
        failure: The failed steps, each with the first line of its reason.
        data: The name of its images.
        changed: Its parameters that differ from the pipeline's defaults.
    """

    id: str
    name: str
    status: str
    started: datetime
    failure: str
    data: str = ""
    changed: Mapping[str, str] = field(default_factory=dict)


def summarise(
    client: SageMakerClient, pipeline: str, executions: Iterable[PipelineExecutionSummaryTypeDef]
) -> Iterator[Summary]:
    """The executions in one line each; of a failed one SageMaker is asked for its failed steps."""
    described = client.describe_pipeline(PipelineName=pipeline)["PipelineDefinition"]
    defaults = {
        one["Name"]: one.get("DefaultValue") for one in json.loads(described).get("Parameters", ())
    }
    for execution in executions:
        arn = execution["PipelineExecutionArn"]
        failure = execution.get("PipelineExecutionFailureReason", "")
        if execution["PipelineExecutionStatus"] == "Failed":
            failed = [
                f"{name}: {_first_line(step.get('FailureReason', '')) or 'no reason given'}"
                for name, step in steps_run(client, arn).items()
                if step["StepStatus"] == "Failed"
            ]
            failure = "; ".join(failed) or failure
        parameters = parameters_of(client, arn)
        yield Summary(
            id=arn.rpartition("/")[2],
            name=execution.get("PipelineExecutionDisplayName", ""),
            status=execution["PipelineExecutionStatus"],
            started=execution["StartTime"],
            failure=failure,
            data=data_name(parameters.get("DataSource", "")),
            changed={
                name: value
                for name, value in parameters.items()
                if name not in AUTOMATIC and not _same(value, defaults.get(name))
            },
        )


def _first_line(reason: str) -> str:
    return next((line.strip() for line in reason.splitlines() if line.strip()), "")


def _same(value: str, default: Any) -> bool:
    """Whether a parameter's text is its default, which may be a number: `0.20` is 0.2."""
    if isinstance(default, int | float):
        try:
            return float(value) == default
        except ValueError:
            return False
    return bool(value == default)
