"""Tuning jobs: the list, and the trials of one with what its search has found so far."""

from typing import Any

import anyio.to_thread
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from sagemaker_emulator.console import lists, live, tuning_view
from sagemaker_emulator.console.forms import form_of
from sagemaker_emulator.console.job_origin import origin_of
from sagemaker_emulator.console.pages import Section, call, fragment, render, url
from sagemaker_emulator.console.tuning_view import TuningView

SECTION = Section("Tuning", "/console/tuning")
_PARTS = ("state", "actions", "trials")


def _show_all(request: Request) -> Response:
    """The list of tuning jobs, the latest first, with the best trial of each."""
    found = lists.page(request, "ListHyperParameterTuningJobs", "HyperParameterTuningJobSummaries")
    jobs = [
        call(
            request,
            "DescribeHyperParameterTuningJob",
            HyperParameterTuningJobName=job["HyperParameterTuningJobName"],
        )
        for job in found.items
    ]
    shown = [(job, tuning_view.objective_of(job)) for job in jobs]
    return render(request, "tuning_jobs.html.j2", found=found, jobs=shown)


def _of(request: Request) -> TuningView:
    return tuning_view.describe(request, request.path_params["name"])


def _show(request: Request) -> Response:
    job = _of(request)
    origin = origin_of(request, job.name)
    return render(request, "tuning_job.html.j2", **_values(job), origin=origin)


def _values(job: TuningView) -> dict[str, Any]:
    return {"job": job, "address": url("tuning", job.name)}


def _events(request: Request) -> Response:
    """Server-sent events: the parts of a page that change, until the tuning job has ended."""
    name = request.path_params["name"]

    def changed() -> float:
        job = call(request, "DescribeHyperParameterTuningJob", HyperParameterTuningJobName=name)
        return float(job["LastModifiedTime"])

    def parts() -> dict[str, str]:
        job = _of(request)
        texts = {
            part: fragment(request, f"tuning_{part}.html.j2", **_values(job)) for part in _PARTS
        }
        return texts if job.running else texts | {"end": ""}

    changed()
    return live.stream(request, parts, changed)


async def _stop(request: Request) -> Response:
    await form_of(request)
    name = request.path_params["name"]
    await anyio.to_thread.run_sync(
        lambda: call(request, "StopHyperParameterTuningJob", HyperParameterTuningJobName=name)
    )
    return RedirectResponse(url("tuning", name), 303)


def _objective(request: Request) -> Response:
    return JSONResponse(tuning_view.objective_chart(_of(request)))


def _parallel(request: Request) -> Response:
    return JSONResponse(tuning_view.parallel_chart(_of(request)))


def _curves(request: Request) -> Response:
    return JSONResponse(tuning_view.curves_chart(request, _of(request)))


def _curve_numbers(request: Request) -> Response:
    """The curves as a table."""
    job = _of(request)
    chart = tuning_view.curves_chart(request, job)
    name = "tuning_curves" if request.headers.get("hx-request") else "tuning_curves_page"
    return render(request, f"{name}.html.j2", job=job, series=chart["series"])


_JOB = "/tuning/{name}"
routes = [
    Route("/tuning", _show_all),
    Route(_JOB, _show),
    Route(f"{_JOB}/events", _events),
    Route(f"{_JOB}/objective.json", _objective),
    Route(f"{_JOB}/parallel.json", _parallel),
    Route(f"{_JOB}/curves.json", _curves),
    Route(f"{_JOB}/curves", _curve_numbers),
    Route(f"{_JOB}/stop", _stop, methods=["POST"]),
]
