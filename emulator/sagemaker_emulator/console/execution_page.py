"""The page of one execution, which follows it, with what stops and retries it."""

import time
import uuid
from collections.abc import Mapping
from typing import Any

import anyio.to_thread
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from sagemaker_emulator.console import live
from sagemaker_emulator.console.execution import (
    RUNNING,
    Execution,
    arn_of,
    execution_of,
    parameters_of,
)
from sagemaker_emulator.console.forms import form_of
from sagemaker_emulator.console.graph import graph_of
from sagemaker_emulator.console.pages import call, context_of, fragment, render, url
from sagemaker_emulator.console.start_form import fields
from sagemaker_emulator.console.timeline import timeline_of

PARTS = ("badge", "facts", "problems", "actions", "graph", "timeline", "steps")


def show(request: Request) -> Response:
    """The page of an execution."""
    execution = execution_of(request, request.path_params["id"])
    defaults = {each.label: each.default for each in fields(execution.definition.parameters)}
    return render(
        request,
        "execution.html.j2",
        parameters=parameters_of(request, execution.arn),
        defaults=defaults,
        **_values(execution),
    )


def follow(request: Request) -> Response:
    """The parts of the page, each again when it has changed, until the execution has ended."""
    execution_id = request.path_params["id"]
    arn_of(request, execution_id)  # not found: before the stream begins

    def parts() -> Mapping[str, str]:
        execution = execution_of(request, execution_id)
        values = _values(execution)
        texts = {
            part: fragment(request, "execution_part.html.j2", part=part, **values) for part in PARTS
        }
        return texts if execution.is_running else texts | {"end": ""}

    store = context_of(request).store
    # Elapsed times change without the store.
    return live.stream(request, parts, lambda: (store.version, int(time.time())))


def _values(execution: Execution) -> dict[str, Any]:
    now = time.time()
    described = execution.described
    ended = now if execution.is_running else described["LastModifiedTime"]
    begun = [step for step in execution.steps.values() if step.record]
    return {
        "execution": execution,
        "elapsed": ended - described["CreationTime"],
        "done": sum(step.status not in (*RUNNING, "Starting") for step in begun),
        "failed": [step for step in begun if step.status == "Failed"],
        "graph": graph_of(execution.definition),
        "statuses": {name: step.status for name, step in execution.steps.items()},
        "notes": {
            name: "cached" if step.is_cached else "reused"
            for name, step in execution.steps.items()
            if step.reused_from
        },
        "links": {name: step_address(execution, name) for name in execution.steps},
        "timeline": timeline_of(execution.steps.values(), now),
    }


def step_address(execution: Execution, step: str) -> str:
    """The address of a step's page."""
    return url("executions", execution.id, "steps", step)


async def stop(request: Request) -> Response:
    """Stop an execution."""
    return await _act(request, "StopPipelineExecution")


async def retry(request: Request) -> Response:
    """Continue an execution that failed or was stopped."""
    return await _act(request, "RetryPipelineExecution")


async def _act(request: Request, operation: str) -> Response:
    await form_of(request)
    execution_id = request.path_params["id"]

    def act() -> None:
        arn = arn_of(request, execution_id)
        call(request, operation, PipelineExecutionArn=arn, ClientRequestToken=uuid.uuid4().hex)

    await anyio.to_thread.run_sync(act)
    return RedirectResponse(url("executions", execution_id), 303)


routes = [
    Route("/executions/{id}", show),
    Route("/executions/{id}/events", follow),
    Route("/executions/{id}/stop", stop, methods=["POST"]),
    Route("/executions/{id}/retry", retry, methods=["POST"]),
]
