"""Which step of which execution created a job: its name holds the execution's id, as on AWS."""

import re
from dataclasses import dataclass

from starlette.requests import Request

from sagemaker_emulator.console.execution import execution_of
from sagemaker_emulator.console.pages import url
from sagemaker_emulator.errors import ApiError

_NAME = re.compile(r"(?:pipelines-)?([a-z0-9]{12})-")


@dataclass(frozen=True)
class Origin:
    """An execution that created a job.

    Attributes:
        pipeline: The name of its pipeline.
        execution: Its display name, or its id.
        address: Of its page.
        step: The step whose last job it is; empty for a trial or an earlier attempt.
        step_address: Of the step's page.
    """

    pipeline: str
    execution: str
    address: str
    step: str
    step_address: str


def origin_of(request: Request, name: str) -> Origin | None:
    """The execution that created a job of this name; None where no execution did."""
    if (match := _NAME.match(name)) is None:
        return None
    try:
        execution = execution_of(request, match[1])
    except ApiError:  # another name of this form
        return None
    steps = [each.name for each in execution.steps.values() if each.resource.endswith(f"/{name}")]
    step = steps[0] if steps else ""
    return Origin(
        pipeline=execution.pipeline,
        execution=execution.name,
        address=url("executions", execution.id),
        step=step,
        step_address=url("executions", execution.id, "steps", step) if step else "",
    )
