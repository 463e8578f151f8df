"""Jobs of all kinds: lists, and a page for each job with its log and its metrics as they come."""

import heapq
import time
from dataclasses import dataclass
from typing import Any

import anyio.to_thread
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from sagemaker_emulator.console import job_view, lists, live, log_view, metric_curves
from sagemaker_emulator.console.forms import form_of
from sagemaker_emulator.console.job_origin import origin_of
from sagemaker_emulator.console.job_view import KINDS, WORDS, JobView, address_of, kind_of
from sagemaker_emulator.console.pages import Section, call, fragment, render
from sagemaker_emulator.errors import ApiError
from sagemaker_emulator.sagemaker.jobs.kinds import JobKind

SECTION = Section("Jobs", "/console/jobs")
STATUSES = ("InProgress", "Completed", "Failed", "Stopping", "Stopped")
_PAGE = 100
# ListTrainingJobs filters by status after it has cut a page, so some pages are empty.
_LOOK_SECONDS = 0.25
_LAST_LINES = 20


@dataclass(frozen=True)
class Row:
    """A job in a list.

    Attributes:
        kind: The word in addresses.
        name: The job's.
        address: Of its page.
        status: As the API has it.
        created: Seconds since the epoch.
        seconds: How long it took; None while it runs.
    """

    kind: str
    name: str
    address: str
    status: str
    created: float
    seconds: float | None


@dataclass(frozen=True)
class Jobs:
    """One page of jobs.

    Attributes:
        rows: The jobs, the latest first.
        kind: The word of their kind; empty for all.
        filter: A part of their names.
        status: Their status; empty for all.
        next: The token of the next page; empty on the last, and for all kinds.
        more: Whether there are older ones.
        hint: What names may hold, if none can hold the filter; otherwise empty.
    """

    rows: list[Row]
    kind: str
    filter: str
    status: str
    next: str
    more: bool
    hint: str = ""


def page(request: Request, *words: str) -> Jobs:
    """The latest jobs of some kinds, or a page of one kind, as the request's query asks."""
    text, after = lists.filter_of(request)
    status = request.query_params.get("status", "")
    found, token = [], ""
    one = words[0] if len(words) == 1 else ""
    # Of processing jobs the API has no pattern; their names have the same one.
    if problem := lists.hint("ListTrainingJobs", "NameContains", text):
        return Jobs([], one, text, status, "", False, problem)
    for word in words:
        rows, token = _list(request, KINDS[word], text, status, after)
        found.append(rows)
    rows = list(heapq.merge(*found, key=lambda row: row.created, reverse=True))
    more = bool(token) if one else any(len(rows) >= _PAGE for rows in found)
    return Jobs(rows if one else rows[:_PAGE], one, text, status, token if one else "", more)


def _list(
    request: Request, kind: JobKind, text: str, status: str, token: str
) -> tuple[list[Row], str]:
    rows: list[Row] = []
    deadline = time.monotonic() + _LOOK_SECONDS
    while True:
        response = call(
            request,
            f"List{kind.title}Jobs",
            MaxResults=_PAGE,
            NameContains=text,
            StatusEquals=status,
            NextToken=token,
            SortBy="CreationTime",
            SortOrder="Descending",
        )
        rows += [_row(kind, summary) for summary in response[kind.summaries_key]]
        token = response.get("NextToken") or ""
        if rows or not token or time.monotonic() > deadline:
            return rows, token


def _row(kind: JobKind, summary: dict[str, Any]) -> Row:
    name, word = summary[kind.name_key], WORDS[kind]
    ended = summary.get(kind.end_key)
    return Row(
        word,
        name,
        address_of(word, name),
        summary[kind.status_key],
        summary["CreationTime"],
        None if ended is None else ended - summary["CreationTime"],
    )


def _show_all(request: Request) -> Response:
    word = request.query_params.get("kind", "")
    if word:
        kind_of(word)
    found = page(request, *([word] if word else KINDS))
    return render(request, "jobs.html.j2", found=found, kinds=KINDS, statuses=STATUSES)


def _of(request: Request) -> JobView:
    return job_view.describe(request, request.path_params["kind"], request.path_params["name"])


def _show(request: Request) -> Response:
    if request.path_params["kind"] == "tuning":
        return RedirectResponse(address_of("tuning", request.path_params["name"]), 303)
    job = _of(request)
    group = KINDS[job.kind].log_group
    log = log_view.view(request, group, f"{job.name}/", job.running, f"{job.kind}/{job.name}")
    charts = metric_curves.groups(job.description) if job.kind == "training" else {}
    values = _values(request, job) | {"origin": origin_of(request, job.name)}
    values["has_model"] = job.kind == "transform" and _has_model(request, job)
    return render(request, "job.html.j2", **values, log=log, charts=charts)


def _has_model(request: Request, job: JobView) -> bool:
    """Whether the model of a transform job was not deleted."""
    try:
        call(request, "DescribeModel", ModelName=job.description["ModelName"])
    except ApiError:
        return False
    return True


def _values(request: Request, job: JobView) -> dict[str, Any]:
    lines = []
    if job.status == "Failed":
        group = KINDS[job.kind].log_group
        events, _ = log_view.tail(request, group, f"{job.name}/", _LAST_LINES)
        lines = [log_view.line_of(event) for event in events]
    return {"job": job, "last_lines": lines, "address": address_of(job.kind, job.name)}


def _events(request: Request) -> Response:
    """Server-sent events: the parts of a job's page that change, until the job has ended."""
    _of(request)

    def parts() -> dict[str, str]:
        job = _of(request)
        values = _values(request, job)
        names = ("state", "actions", "ports")
        texts = {name: fragment(request, f"job_{name}.html.j2", **values) for name in names}
        return texts if job.running else texts | {"end": ""}

    return live.stream(request, parts)


async def _stop(request: Request) -> Response:
    await form_of(request)
    kind, name = kind_of(request.path_params["kind"]), request.path_params["name"]
    await anyio.to_thread.run_sync(
        lambda: call(request, f"Stop{kind.title}Job", **{kind.name_key: name})
    )
    return RedirectResponse(address_of(WORDS[kind], name), 303)


def _chart(request: Request) -> Response:
    """The curves of the metrics that a chart shows."""
    job = call(request, "DescribeTrainingJob", TrainingJobName=request.path_params["name"])
    names = metric_curves.groups(job).get(request.query_params.get("of", ""), [])
    return JSONResponse(metric_curves.chart(request, job, names))


def _numbers(request: Request) -> Response:
    """The same values as a table."""
    job = call(request, "DescribeTrainingJob", TrainingJobName=request.path_params["name"])
    of = request.query_params.get("of", "")
    found = metric_curves.curves(request, job)
    rows = sorted(
        (when, name, value)
        for name in metric_curves.groups(job).get(of, [])
        for when, value in found[name]
    )
    template = (
        "job_numbers.html.j2" if request.headers.get("hx-request") else "job_numbers_page.html.j2"
    )
    return render(request, template, name=job["TrainingJobName"], of=of, rows=rows)


_JOB = "/jobs/{kind}/{name}"
routes = [
    Route("/jobs", _show_all),
    Route("/jobs/training/{name}/metrics.json", _chart),
    Route("/jobs/training/{name}/metrics", _numbers),
    Route(_JOB, _show),
    Route(f"{_JOB}/events", _events),
    Route(f"{_JOB}/stop", _stop, methods=["POST"]),
]
