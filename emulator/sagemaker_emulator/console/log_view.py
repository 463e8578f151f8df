"""Logs as pages show them: the last lines, then each new one; and the whole log as text.

A template draws one by `{{ log_view(log) }}` of `log.html.j2`, where `log` comes from `view`.
"""

import base64
import heapq
import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from sagemaker_emulator.console import live
from sagemaker_emulator.console.job_view import KINDS
from sagemaker_emulator.console.pages import call, url
from sagemaker_emulator.errors import ApiError
from sagemaker_emulator.sagemaker.jobs.kinds import RUNNING

SECTION = None
FIRST_LINES = 500
_PAGE = 10_000
# Streams that are read at once: those whose last event is the latest.
_MOST_STREAMS = 50
_LOOK_FOR_STREAMS_SECONDS = 2.0

Place = dict[str, str]


@dataclass(frozen=True)
class LogView:
    """What a page shows of a log.

    Attributes:
        lines: The last ones, each with its time.
        follow: The address of the events with new lines; empty if none can come.
        place: The token of the place after the last line.
        whole: The address of the whole log.
    """

    lines: list[str]
    follow: str
    place: str
    whole: str


def view(
    request: Request, group: str, prefix: str = "", follows: bool = True, job: str = ""
) -> LogView:
    """The last lines of a log, and where the others are.

    Args:
        request: The browser's request.
        group: The log group; it need not exist yet.
        prefix: The beginning of the names of its streams: `NAME/` of a job.
        follows: Whether more lines may come.
        job: `training/NAME`, `processing/NAME` or `transform/NAME`: the events end with this job.
    """
    events, place = tail(request, group, prefix)
    address = url("log", "follow", group=group, prefix=prefix, job=job)
    return LogView(
        [line_of(event) for event in events],
        address if follows else "",
        _token(place),
        url("log", "text", group=group, prefix=prefix),
    )


def tail(
    request: Request, group: str, prefix: str = "", limit: int = FIRST_LINES
) -> tuple[list[dict[str, Any]], Place]:
    """The last events of a log in the order of time, and the place after them.

    A group or a stream that is not there has no lines.
    """
    lists, place = [], {}
    for stream in _streams(request, group, prefix):
        try:
            page = _events_of(request, group, stream, limit=limit)
        except ApiError:  # deleted meanwhile
            continue
        lists.append(page["events"])
        place[stream] = page["nextForwardToken"]
    return list(heapq.merge(*lists, key=lambda event: event["timestamp"]))[-limit:], place


def after(
    request: Request, group: str, place: Mapping[str, str], prefix: str = "", new: bool = True
) -> tuple[list[dict[str, Any]], Place]:
    """The events after a place in the order of time, and the place after those.

    Args:
        request: The browser's request.
        group: The log group.
        place: What `tail` or this returned.
        prefix: The beginning of the names of its streams.
        new: Whether to look for streams that were not there.
    """
    lists, reached = [], dict(place)
    for stream in {*place, *(_streams(request, group, prefix) if new else ())}:
        members: dict[str, Any] = {"nextToken": reached.get(stream), "startFromHead": True}
        try:
            page = _events_of(request, group, stream, limit=_PAGE, **members)
        except ApiError:
            reached.pop(stream, None)
            continue
        lists.append(page["events"])
        reached[stream] = page["nextForwardToken"]
    return list(heapq.merge(*lists, key=lambda event: event["timestamp"])), reached


def every(request: Request, group: str, prefix: str = "") -> Iterator[dict[str, Any]]:
    """All events of a log in the order of time; none where it has no group."""
    token: str | None = ""
    while token is not None:
        try:
            named = {"logGroupName": group, "logStreamNamePrefix": prefix}
            page = call(request, "FilterLogEvents", "logs", **named, nextToken=token)
        except ApiError as problem:
            if problem.code != "ResourceNotFoundException":
                raise
            return
        yield from page["events"]
        token = page.get("nextToken")


def line_of(event: Mapping[str, Any]) -> str:
    """An event as a line: its time of the day, and its message."""
    return f"{datetime.fromtimestamp(event['timestamp'] / 1000):%H:%M:%S} {event['message']}"


def _events_of(request: Request, group: str, stream: str, **members: Any) -> Any:
    members |= {"logGroupName": group, "logStreamName": stream}
    return call(request, "GetLogEvents", "logs", **members)


def _streams(request: Request, group: str, prefix: str) -> list[str]:
    named: dict[str, Any] = {"logStreamNamePrefix": prefix}
    if not prefix:
        named = {"orderBy": "LastEventTime", "descending": True}
    members = {"logGroupName": group, "limit": _MOST_STREAMS, **named}
    try:
        page = call(request, "DescribeLogStreams", "logs", **members)
    except ApiError as problem:
        if problem.code != "ResourceNotFoundException":
            raise
        return []
    return [stream["logStreamName"] for stream in page["logStreams"]]


def _follow(request: Request) -> Response:
    """Server-sent events: `lines` with a JSON list of new ones, and `end` with the job's end."""
    query = request.query_params
    group, prefix = query.get("group", ""), query.get("prefix", "")
    _streams(request, group, prefix)  # or an error, before the stream begins
    place = _place(request.headers.get("last-event-id") or query.get("after", ""))
    looked = 0.0

    def look() -> Iterator[live.Event]:
        nonlocal place, looked
        ended = _has_ended(request, query.get("job", ""))
        new = not place or ended or time.monotonic() - looked > _LOOK_FOR_STREAMS_SECONDS
        looked = time.monotonic() if new else looked
        events, place = after(request, group, place, prefix, new)
        if events:
            lines = json.dumps([line_of(event) for event in events])
            yield live.Event("lines", lines, _token(place))
        if ended:
            yield live.Event("end", "")

    return live.follow(request, look)


def _has_ended(request: Request, job: str) -> bool:
    word, _, name = job.partition("/")
    if (kind := KINDS.get(word)) is None:
        return False
    try:
        found = call(request, f"Describe{kind.title}Job", **{kind.name_key: name})
    except ApiError:  # there is no such job
        return True
    return bool(found[kind.status_key] not in RUNNING)


def _text(request: Request) -> Response:
    """The whole log as text: a line is an event's time and its message."""
    query = request.query_params
    group, prefix = query.get("group", ""), query.get("prefix", "")
    _streams(request, group, prefix)  # or an error, before the text begins
    events = every(request, group, prefix)
    lines = (
        f"{datetime.fromtimestamp(event['timestamp'] / 1000).isoformat(timespec='milliseconds')}"
        f" {event['message']}\n"
        for event in events
    )
    return StreamingResponse(lines, media_type="text/plain")


def _token(place: Place) -> str:
    return base64.urlsafe_b64encode(json.dumps(place).encode()).decode()


def _place(token: str) -> Place:
    """The place of a token; the beginning where it is none."""
    try:
        return {
            str(name): str(at) for name, at in json.loads(base64.b64decode(token, "-_")).items()
        }
    except (ValueError, AttributeError):
        return {}


routes = [Route("/log/follow", _follow), Route("/log/text", _text)]
