"""The pipelines, with the last execution of each."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sagemaker_emulator.console import lists
from sagemaker_emulator.console.pages import Section, call, render

SECTION = Section("Pipelines", "/console/pipelines")


def show(request: Request) -> Response:
    """The list of pipelines, filtered by a part of their names."""
    found = lists.page(request, "ListPipelines", "PipelineSummaries", "PipelineNamePrefix")
    executions = {}
    for pipeline in found.items:
        name = pipeline["PipelineName"]
        last = call(request, "ListPipelineExecutions", PipelineName=name, MaxResults=1)
        executions[name] = next(iter(last["PipelineExecutionSummaries"]), None)
    return render(request, "pipelines.html.j2", found=found, executions=executions)


routes = [Route("/pipelines", show)]
