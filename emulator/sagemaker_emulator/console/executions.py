"""The executions of all pipelines."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sagemaker_emulator.console import compare, execution_page, selective, step_page
from sagemaker_emulator.console.execution_list import executions
from sagemaker_emulator.console.pages import Section, render

SECTION = Section("Executions", "/console/executions")


def show(request: Request) -> Response:
    """The latest executions of all pipelines."""
    return render(request, "executions.html.j2", found=executions(request))


routes = [
    Route("/executions", show),
    *execution_page.routes,
    *selective.routes,
    *step_page.routes,
    *compare.routes,
]
