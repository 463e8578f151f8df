"""The form that runs steps of an execution again: selective execution."""

import uuid
from collections.abc import Iterable, Mapping
from typing import Any

import anyio.to_thread
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from sagemaker_emulator.console import start_form
from sagemaker_emulator.console.execution import (
    Execution,
    execution_of,
    id_of,
    parameters_of,
    parsed,
)
from sagemaker_emulator.console.forms import form_of
from sagemaker_emulator.console.pages import call, only, render, url
from sagemaker_emulator.errors import ApiError
from sagemaker_emulator.sagemaker.pipelines.language.definition import Definition
from sagemaker_emulator.sagemaker.pipelines.language.graph import ancestors

# A source of results has one of these statuses.
_USABLE = ("Succeeded", "Failed")
_PREFIX = "step."


def show(request: Request) -> Response:
    """The form; the query `from` names the step from which on steps are chosen."""
    execution, definition = _read(request)
    begin = request.query_params.get("from", "")
    chosen = from_step(definition, begin) if begin in definition.steps else _unfinished(execution)
    return _page(request, execution, definition, chosen)


def from_step(definition: Definition, name: str) -> list[str]:
    """A step and all that wait for it, in the order of the definition."""
    return [
        each
        for each in definition.steps
        if each == name or name in ancestors(definition.waits, each)
    ]


def config(chosen: Iterable[str], definition: Definition, source: str) -> dict[str, Any] | None:
    """SelectiveExecutionConfig; None where all steps run.

    Args:
        chosen: The steps that run.
        definition: The pipeline's.
        source: The ARN of the execution that the others' results are from.
    """
    names = [name for name in definition.steps if name in set(chosen)]
    if len(names) == len(definition.steps):
        return None
    return {
        "SourcePipelineExecutionArn": source,
        "SelectedSteps": [{"StepName": name} for name in names],
    }


def _read(request: Request) -> tuple[Execution, Definition]:
    """The execution, and the definition that the pipeline has now: it is the one that runs."""
    execution = execution_of(request, request.path_params["id"])
    pipeline = call(request, "DescribePipeline", PipelineName=execution.pipeline)
    return execution, parsed(pipeline["PipelineDefinition"])


def _unfinished(execution: Execution) -> list[str]:
    """The steps of an execution that failed or were stopped, with what waits for them."""
    chosen: set[str] = set()
    for name, step in execution.steps.items():
        if step.status in ("Failed", "Stopped"):
            chosen |= set(from_step(execution.definition, name))
    return [name for name in execution.steps if name in chosen]


def _page(
    request: Request,
    execution: Execution,
    definition: Definition,
    chosen: Iterable[str],
    problem: ApiError | None = None,
    values: Mapping[str, str] | None = None,
    display_name: str = "",
) -> Response:
    picked = [name for name in definition.steps if name in set(chosen)]
    return render(
        request,
        "selective.html.j2",
        problem.status if problem else 200,
        execution=execution,
        definition=definition,
        is_usable=execution.status in _USABLE,
        is_changed=definition.document != execution.definition.document,
        chosen=picked,
        request_config=config(picked, definition, execution.arn) if picked else {},
        fields=start_form.fields(
            definition.parameters, values or parameters_of(request, execution.arn)
        ),
        display_name=display_name,
        problem=problem,
        request_token=uuid.uuid4().hex,
    )


async def start(request: Request) -> Response:
    """Start an execution of the chosen steps."""
    form = await form_of(request)
    values = start_form.values_of(form)
    labels = only(form, "name", "request_token")
    chosen = [name.removeprefix(_PREFIX) for name in form if name.startswith(_PREFIX)]

    def begin() -> Response:
        execution, definition = _read(request)
        try:
            if not chosen:
                raise ApiError("ValidationException", "Choose at least one step.")
            started = call(
                request,
                "StartPipelineExecution",
                PipelineName=execution.pipeline,
                PipelineExecutionDisplayName=labels["name"],
                PipelineParameters=start_form.pipeline_parameters(definition.parameters, values),
                SelectiveExecutionConfig=config(chosen, definition, execution.arn),
                ClientRequestToken=labels["request_token"],
            )
        except ApiError as problem:
            return _page(request, execution, definition, chosen, problem, values, labels["name"])
        return RedirectResponse(url("executions", id_of(started["PipelineExecutionArn"])), 303)

    return await anyio.to_thread.run_sync(begin)


routes = [
    Route("/executions/{id}/again", show),
    Route("/executions/{id}/again", start, methods=["POST"]),
]
