"""Endpoints: what they serve, their traffic and log, and a form that asks them."""

from collections.abc import Mapping
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from sagemaker_emulator.console import (
    endpoint_traffic,
    forms,
    invocation,
    lists,
    live,
    log_view,
)
from sagemaker_emulator.console.endpoint_configs import config_of, history, variants_of
from sagemaker_emulator.console.endpoint_options import options_of
from sagemaker_emulator.console.endpoint_update import update_of
from sagemaker_emulator.console.pages import Section, call, fragment, render, url
from sagemaker_emulator.errors import ApiError, invalid

SECTION = Section("Endpoints", "/console/endpoints")


def show_all(request: Request) -> Response:
    """The list of endpoints."""
    found = lists.page(request, "ListEndpoints", "Endpoints")
    return render(request, "endpoints.html.j2", found=found)


def show(request: Request) -> Response:
    """The page of an endpoint."""
    return _page(request)


def _page(request: Request, answer: invocation.Answer | None = None) -> Response:
    endpoint = _endpoint(request)
    name = endpoint["EndpointName"]
    variants, config = variants_of(request, endpoint), config_of(request, endpoint)
    return render(
        request,
        "endpoint.html.j2",
        endpoint=endpoint,
        name=name,
        here=url("endpoints", name),
        variants=variants,
        update=update_of(request, endpoint),
        options=options_of(request, endpoint, config),
        config=config,
        history=history(request, endpoint, variants),
        log=log_view.view(request, f"/aws/sagemaker/Endpoints/{name}"),
        answer=answer,
    )


def follow(request: Request) -> Response:
    """The endpoint's status and variants, whenever they change."""

    def parts() -> Mapping[str, str]:
        try:
            endpoint = _endpoint(request)
        except ApiError:
            return {"status": "This endpoint was deleted.", "end": ""}
        variants = variants_of(request, endpoint)
        options = options_of(request, endpoint, config_of(request, endpoint))
        return {
            "status": fragment(request, "endpoint_status.html.j2", endpoint=endpoint),
            "update": fragment(
                request, "endpoint_update.html.j2", update=update_of(request, endpoint)
            ),
            "variants": fragment(request, "endpoint_variants.html.j2", variants=variants),
            "options": fragment(request, "endpoint_options.html.j2", options=options),
        }

    return live.stream(request, parts)


def show_traffic(request: Request) -> Response:
    """The part of the page with the last hour's traffic: it is read once the page is there."""
    name = request.path_params["endpoint"]
    values = {"name": name, "here": url("endpoints", name), "traffic": _traffic(request)}
    if request.headers.get("hx-request"):
        return HTMLResponse(fragment(request, "endpoint_traffic.html.j2", **values))
    return render(request, "endpoint_traffic_page.html.j2", **values)


def show_sums(request: Request) -> Response:
    """The sums of the last hour's traffic."""
    return HTMLResponse(fragment(request, "endpoint_sums.html.j2", traffic=_traffic(request)))


def chart(request: Request) -> Response:
    """The numbers of one of the charts of the traffic."""
    traffic = _traffic(request)
    if request.path_params["kind"] == "latency":
        return JSONResponse(traffic.latency_chart())
    return JSONResponse(traffic.invocations_chart())


def _traffic(request: Request) -> endpoint_traffic.Traffic:
    endpoint = _endpoint(request)
    names = [
        each["VariantName"]
        for kind in ("ProductionVariants", "ShadowProductionVariants")
        for each in endpoint.get(kind, [])
    ]
    return endpoint_traffic.read(request, endpoint["EndpointName"], names)


async def ask(request: Request) -> Response:
    """Invoke the endpoint with what a form has, and show what a client gets."""
    question = await invocation.question_of(await forms.form_of(request))
    name = request.path_params["endpoint"]

    def run() -> Response:
        answer = invocation.ask(request, name, question)
        if request.headers.get("hx-request"):
            return HTMLResponse(fragment(request, "endpoint_answer.html.j2", answer=answer))
        return _page(request, answer)

    return await run_in_threadpool(run)


async def change_weights(request: Request) -> Response:
    """Change the variants' weights and instance counts."""
    form = await forms.form_of(request)
    name = request.path_params["endpoint"]

    def update() -> None:
        desired = []
        for number in range(len(form)):
            if variant := str(form.get(f"variant-{number}") or ""):
                entry: dict[str, Any] = {"VariantName": variant}
                if weight := str(form.get(f"weight-{number}") or ""):
                    entry["DesiredWeight"] = _number(weight, float, "weight")
                if count := str(form.get(f"count-{number}") or ""):
                    entry["DesiredInstanceCount"] = _number(count, int, "number of instances")
                desired.append(entry)
        call(
            request,
            "UpdateEndpointWeightsAndCapacities",
            EndpointName=name,
            DesiredWeightsAndCapacities=desired,
        )

    await run_in_threadpool(update)
    return RedirectResponse(url("endpoints", name), 303)


def _number(text: str, kind: type[float] | type[int], what: str) -> float:
    try:
        return kind(text)
    except ValueError:
        raise invalid(f"{text!r} is no {what}.") from None


def _endpoint(request: Request) -> dict[str, Any]:
    name = request.path_params["endpoint"]
    endpoint: dict[str, Any] = call(request, "DescribeEndpoint", EndpointName=name)
    return endpoint


_ONE = "/endpoints/{endpoint}"
routes = [
    Route("/endpoints", show_all),
    Route(_ONE, show),
    Route(f"{_ONE}/events", follow),
    Route(f"{_ONE}/traffic", show_traffic),
    Route(f"{_ONE}/traffic/sums", show_sums),
    Route(f"{_ONE}/traffic/{{kind}}.json", chart),
    Route(f"{_ONE}/invocation", ask, methods=["POST"]),
    Route(f"{_ONE}/weights", change_weights, methods=["POST"]),
]
