"""The executions of all pipelines."""

import time
from collections.abc import Callable, Hashable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sagemaker_emulator.console import compare, execution_page, live, selective, step_page
from sagemaker_emulator.console.execution_list import executions
from sagemaker_emulator.console.pages import Section, call, context_of, fragment, render

SECTION = Section("Executions", "/console/executions")
_BETWEEN_SECONDS = 0.6


def show(request: Request) -> Response:
    """The latest executions of all pipelines."""
    return render(request, "executions.html.j2", found=executions(request))


def follow(request: Request) -> Response:
    """The first page of a list of executions, again when it has changed."""
    pipeline, arn = request.query_params.get("pipeline", ""), ""
    if pipeline:
        arn = call(request, "DescribePipeline", PipelineName=pipeline)["PipelineArn"]

    def parts() -> dict[str, str]:
        found = executions(request, arn)
        values = {"found": found, "with_pipeline": not arn}
        return {"list": fragment(request, "execution_rows.html.j2", **values)}

    return live.stream(request, parts, _seldom(lambda: context_of(request).store.version))


def _seldom(look: Callable[[], Hashable]) -> Callable[[], Hashable]:
    """The same, looked at less often: a list costs more than one execution."""
    looked = 0.0
    value: Hashable = None

    def changes() -> Hashable:
        nonlocal looked, value
        if time.monotonic() - looked > _BETWEEN_SECONDS:
            looked, value = time.monotonic(), look()
        return value

    return changes


routes = [
    Route("/executions", show),
    Route("/execution-list/events", follow),
    *execution_page.routes,
    *selective.routes,
    *step_page.routes,
    *compare.routes,
]
