"""The pipelines, with the last execution of each, and the page of one of them."""

import uuid
from collections.abc import Mapping

import anyio.to_thread
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from sagemaker_emulator.console import lists, start_form
from sagemaker_emulator.console.execution import id_of, parsed
from sagemaker_emulator.console.execution_list import executions
from sagemaker_emulator.console.forms import form_of
from sagemaker_emulator.console.graph import graph_of
from sagemaker_emulator.console.pages import Section, call, only, render, url
from sagemaker_emulator.errors import ApiError

SECTION = Section("Pipelines", "/console/pipelines")


def show(request: Request) -> Response:
    """The list of pipelines, filtered by a part of their names."""
    found = lists.page(request, "ListPipelines", "PipelineSummaries", "PipelineNamePrefix")
    last_executions = {}
    for pipeline in found.items:
        name = pipeline["PipelineName"]
        last = call(request, "ListPipelineExecutions", PipelineName=name, MaxResults=1)
        last_executions[name] = next(iter(last["PipelineExecutionSummaries"]), None)
    return render(request, "pipelines.html.j2", found=found, executions=last_executions)


def show_one(request: Request) -> Response:
    """A pipeline: its executions, its graph, its definition, and the form that starts one."""
    return _page(request)


def _page(
    request: Request,
    problem: ApiError | None = None,
    values: Mapping[str, str] | None = None,
    labels: Mapping[str, str] | None = None,
) -> Response:
    """The page, with a form that was refused and what it held."""
    pipeline = call(request, "DescribePipeline", PipelineName=request.path_params["name"])
    definition = parsed(pipeline["PipelineDefinition"])
    return render(
        request,
        "pipeline.html.j2",
        problem.status if problem else 200,
        pipeline=pipeline,
        definition=definition,
        graph=graph_of(definition),
        links={name: f"#step-{name}" for name in definition.steps},
        found=executions(request, pipeline["PipelineArn"]),
        fields=start_form.fields(definition.parameters, values),
        labels=labels or {"name": "", "description": ""},
        problem=problem,
        request_token=uuid.uuid4().hex,
    )


async def start(request: Request) -> Response:
    """Start an execution with the parameters of a form."""
    form = await form_of(request)
    values = start_form.values_of(form)
    labels = only(form, "name", "description", "request_token")

    def begin() -> Response:
        name = request.path_params["name"]
        pipeline = call(request, "DescribePipeline", PipelineName=name)
        parameters = parsed(pipeline["PipelineDefinition"]).parameters
        try:
            started = call(
                request,
                "StartPipelineExecution",
                PipelineName=name,
                PipelineExecutionDisplayName=labels["name"],
                PipelineExecutionDescription=labels["description"],
                PipelineParameters=start_form.pipeline_parameters(parameters, values),
                ClientRequestToken=labels["request_token"],
            )
        except ApiError as problem:
            return _page(request, problem, values, labels)
        return RedirectResponse(url("executions", id_of(started["PipelineExecutionArn"])), 303)

    return await anyio.to_thread.run_sync(begin)


routes = [
    Route("/pipelines", show),
    Route("/pipelines/{name}", show_one),
    Route("/pipelines/{name}/start", start, methods=["POST"]),
]
