"""EventBridge Scheduler: a schedule, when it fires next, and what became of its times."""

import contextlib
import json
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sagemaker_emulator.console import dead_letters, live, log_view
from sagemaker_emulator.console.pages import call, context_of, fragment, render, url
from sagemaker_emulator.services.logs.log_files import group_folder, stream_files, stream_name
from sagemaker_emulator.services.schedules.schedule import SCHEDULE, name_of
from sagemaker_emulator.services.schedules.scheduler import log_group

SECTION = None
_SHOWN = 100
# What a record of a time may lack.
_NOTHING: dict[str, Any] = {
    "status": "",
    "scheduled_time": "",
    "attempts": 1,
    "error_message": "",
    "dead_letter_queue": "",
}


def listed(request: Request, prefix: str) -> list[dict[str, Any]]:
    """The schedules whose names begin so, with their next time, by group and name."""
    found: list[dict[str, Any]] = []
    token = ""
    while not found or token:
        page = call(request, "ListSchedules", "scheduler", NextToken=token)
        found += page["Schedules"]
        token = page.get("NextToken") or ""
        if not page["Schedules"]:
            break
    return [_with_next(request, each) for each in found if each["Name"].startswith(prefix)]


def _with_next(request: Request, schedule: dict[str, Any]) -> dict[str, Any]:
    """A schedule with its expression and its next time, which no operation returns."""
    name = name_of(schedule["GroupName"], schedule["Name"])
    kept = context_of(request).store.get(SCHEDULE, name) or {}
    shown = ("ScheduleExpression", "ScheduleExpressionTimezone", "Due")
    return schedule | {key: kept.get(key) for key in shown}


def _show(request: Request) -> Response:
    schedule = _described(request)
    queue = schedule["Target"].get("DeadLetterConfig", {}).get("Arn", "")
    return render(
        request,
        "schedule.html.j2",
        schedule=_with_next(request, schedule),
        letters=dead_letters.counts(request, queue),
        **_history(request),
    )


def _described(request: Request) -> dict[str, Any]:
    group, name = request.path_params["group"], request.path_params["name"]
    schedule: dict[str, Any] = call(request, "GetSchedule", "scheduler", Name=name, GroupName=group)
    return schedule


def _history(request: Request) -> dict[str, Any]:
    """What became of the latest times, the last one first."""
    group, name = log_group(request.path_params["group"]), request.path_params["name"]
    events, _ = log_view.tail(request, group, f"{name}/", limit=_SHOWN)
    records = []
    for event in events[::-1]:
        # A client may have written anything to the log.
        with contextlib.suppress(ValueError, KeyError, TypeError, AttributeError):
            record = json.loads(event["message"])
            response = json.loads(record.get("response") or "{}")
            execution = response.get("PipelineExecutionArn", "").rpartition("/")[2]
            address = url("executions", execution) if execution else ""
            records.append(
                {**_NOTHING, **record, "when": event["timestamp"] / 1000, "execution": address}
            )
    return {"history": records, "group": group, "name": name}


def _follow(request: Request) -> Response:
    """Server-sent events: the table of what became of the times, when it has changed."""
    _described(request)

    def parts() -> dict[str, str]:
        return {"history": fragment(request, "schedule_history.html.j2", **_history(request))}

    def changes() -> int:
        folder = group_folder(
            context_of(request).state / "logs", log_group(request.path_params["group"])
        )
        prefix = f"{request.path_params['name']}/"
        files = (path for path in stream_files(folder) if stream_name(path).startswith(prefix))
        return sum(path.stat().st_size for path in files)

    return live.stream(request, parts, changes)


routes = [
    Route("/events/schedules/{group}/{name}", _show),
    Route("/events/schedules/{group}/{name}/follow", _follow),
]
