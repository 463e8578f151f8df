"""CloudWatch Logs: the operations on the events of streams.

A token holds the place of an event, so that a log is read on from there.
"""

from __future__ import annotations

import base64
import binascii
import heapq
import json
import re
import time
import zlib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.aws.dispatch import Response, operation
from sagemaker_emulator.aws.pages import scope_of
from sagemaker_emulator.services.logs import lines as stream_lines
from sagemaker_emulator.services.logs.common import (
    bad_token,
    file_of,
    files,
    folder_of,
    group_of,
    invalid,
    no_stream,
    refused_if_gone,
)
from sagemaker_emulator.services.logs.lines import Line
from sagemaker_emulator.services.logs.log_files import (
    is_sorted,
    stream_file,
    stream_files,
    stream_name,
)
from sagemaker_emulator.services.logs.patterns.pattern import parse
from sagemaker_emulator.services.logs.retention import oldest_of

if TYPE_CHECKING:
    from types_boto3_logs import type_defs as types

_MAX_EVENT = 1_048_576  # bytes, with 26 for each event
_PER_EVENT = 26
_DAY = 24 * 60 * 60 * 1000
_MAX_AGE, _MAX_AHEAD = 14 * _DAY, 2 * 60 * 60 * 1000  # milliseconds
# Members that AWS ignores by its documentation, or that change nothing as no data is masked here.
_IGNORED = ("sequenceToken", "interleaved", "unmask")


@operation(
    "PutLogEvents",
    "logs",
    honours=(
        *("logGroupName", "logStreamName", "logEvents.timestamp", "logEvents.message"),
        _IGNORED[0],
    ),
)
def put_log_events(context: Context, request: types.PutLogEventsRequestTypeDef) -> Response:
    """Append events to a stream; those that are too old or too new are reported, not kept."""
    group, stream = request["logGroupName"], request["logStreamName"]
    file_of(context, group, stream)
    events = request["logEvents"]
    sizes = [len(each["message"].encode(errors="replace")) + _PER_EVENT for each in events]
    if (largest := max(sizes)) > _MAX_EVENT:
        raise invalid(f"Log event too large: {largest} bytes exceeds limit of {_MAX_EVENT}")
    if (total := sum(sizes)) > _MAX_EVENT:
        raise invalid(f"Upload too large: {total} bytes exceeds limit of {_MAX_EVENT}")
    times = [each["timestamp"] for each in events]
    if times != sorted(times):
        raise invalid("Log events in a single PutLogEvents request must be in chronological order.")
    now = time.time() * 1000
    old = sum(when < now - _MAX_AGE for when in times)
    kept = [each for each in events[old:] if each["timestamp"] <= now + _MAX_AHEAD]
    if kept and kept[-1]["timestamp"] - kept[0]["timestamp"] > _DAY:
        raise invalid(
            "The batch of log events in a single PutLogEvents request cannot span more than 24 "
            "hours."
        )
    written = [(each["timestamp"] / 1000, each["message"]) for each in kept]
    if not files(context).write(group, stream, written, makes=False):
        raise no_stream()
    response: dict[str, object] = {"nextSequenceToken": str(time.time_ns())}
    rejected = {"tooOldLogEventEndIndex": old} if old else {}
    if old + len(kept) < len(events):
        rejected["tooNewLogEventStartIndex"] = old + len(kept)
    return response | ({"rejectedLogEventsInfo": rejected} if rejected else {})


@operation(
    "GetLogEvents",
    "logs",
    honours=(
        *("logGroupName", "logGroupIdentifier", "logStreamName", "startTime", "endTime"),
        *("nextToken", "limit", "startFromHead", _IGNORED[2]),
    ),
)
def get_log_events(context: Context, request: types.GetLogEventsRequestTypeDef) -> Response:
    """A page of a stream, from head or tail; at its end the forward token stays the same."""
    group = group_of(context, request)
    path = file_of(context, group, request["logStreamName"])
    within = partial(_within, request, oldest_of(context, group))
    check = zlib.crc32(f"{group}\n{request['logStreamName']}".encode(errors="replace"))
    limit, token = request.get("limit", 10000), request.get("nextToken")
    with refused_if_gone(no_stream):
        forward, line = _place(path, token, check) if token else (False, None)
    in_order = is_sorted(path)
    with refused_if_gone(no_stream):
        if forward or (not token and request.get("startFromHead")):
            matching = (
                each
                for each in stream_lines.after(path, in_order, line, path.stat().st_size)
                if within(each)
            )
            lines = list(islice(matching, limit))
        elif token and line is None:  # before the first line
            lines = []
        else:
            lines = stream_lines.before(path, in_order, line, within, limit)
        first = lines[0] if lines else line
        last = lines[-1] if lines else line
        if not lines and not token and not request.get("startFromHead"):  # none in the time
            last = next(iter(stream_lines.before(path, in_order, None, lambda _: True, 1)), None)
    return {
        "events": [_event(each) for each in lines],
        "nextForwardToken": _token("f", last, check),
        "nextBackwardToken": _token("b", first, check),
    }


@operation("TestMetricFilter", "logs", honours=("filterPattern", "logEventMessages"))
def try_pattern(context: Context, request: types.TestMetricFilterRequestTypeDef) -> Response:
    """Which of some messages match a pattern, and what it takes from them."""
    pattern = parse(request["filterPattern"])
    matches = [
        {"eventNumber": number, "eventMessage": message, "extractedValues": values}
        for number, message in enumerate(request["logEventMessages"], 1)
        if (values := pattern.values(message)) is not None
    ]
    return {"matches": matches}


@operation(
    "FilterLogEvents",
    "logs",
    honours=(
        *("logGroupName", "logGroupIdentifier", "logStreamNames", "logStreamNamePrefix"),
        *("startTime", "endTime", "filterPattern", "nextToken", "limit", "startFromHead"),
        *_IGNORED[1:],
    ),
)
def filter_log_events(context: Context, request: types.FilterLogEventsRequestTypeDef) -> Response:
    """Events of many streams that match a pattern, in the order of time."""
    if request.get("startFromHead") is False:
        raise invalid("startFromHead: the emulator returns the earliest events first")
    pattern = parse(request.get("filterPattern", ""))
    scope = scope_of("FilterLogEvents", request)
    begin = _place_in_group(request.get("nextToken"), scope)
    within = partial(_within, request, oldest_of(context, group_of(context, request)), end_too=True)

    def matches(path: Path) -> Iterator[tuple[float, str, int, Line]]:
        when = max(begin[0], request.get("startTime", 0) / 1000)
        with suppress(FileNotFoundError):  # deleted meanwhile
            name, end = stream_name(path), path.stat().st_size
            for line in stream_lines.since(path, is_sorted(path), when, end):
                place = (line.when, name, line.begin)
                if place > begin and within(line) and pattern.values(line.message) is not None:
                    yield *place, line

    # No more is read of any stream than the page needs.
    merged = heapq.merge(*map(matches, _streams(context, request)))
    limit = request.get("limit", 10000)
    found = list(islice(merged, limit + 1))
    events = [
        {**_event(line), "logStreamName": name, "eventId": _event_id(name, line)}
        for _, name, _, line in found[:limit]
    ]
    more = {"nextToken": _token_in_group(scope, found[limit - 1][:3])} if found[limit:] else {}
    return {"events": events, "searchedLogStreams": [], **more}


def _event_id(stream: str, line: Line) -> str:
    """An event's id: 56 digits that sort as the events do by their time, as AWS's."""
    return f"{round(line.when * 1000):020d}{zlib.crc32(stream.encode()):010d}{line.begin:026d}"


def _streams(context: Context, request: types.FilterLogEventsRequestTypeDef) -> list[Path]:
    """The files of the streams that a request is for.

    Raises:
        ApiError: There is no such group, or no stream of a name in it.
    """
    folder = folder_of(context, group_of(context, request))
    prefix = request.get("logStreamNamePrefix", "")
    names = request.get("logStreamNames")
    if names and prefix:
        raise invalid("logStreamNames and logStreamNamePrefix are mutually exclusive parameters.")
    if names:
        paths = [stream_file(folder, name) for name in dict.fromkeys(names)]
        if not all(path.is_file() for path in paths):
            raise no_stream()
        return paths
    with refused_if_gone():
        return [path for path in stream_files(folder) if stream_name(path).startswith(prefix)]


def _token(direction: str, line: Line | None, check: int) -> str:
    """AWS's form of a token of GetLogEvents: the place of a line, or of none, in one stream."""
    number = ((line.begin + 1 if line else 0) << 32) | check
    return f"{direction}/{number:056d}/s"


def _place(path: Path, token: str, check: int) -> tuple[bool, Line | None]:
    """Whether to read forward from a token, and its line; None before the first line.

    Raises:
        ApiError: It is no token of this stream.
    """
    match = re.fullmatch(r"([fb])/([0-9]{56})/s", token)
    number = int(match[2]) if match else -1
    if match is None or number & 0xFFFFFFFF != check or number >> 32 > path.stat().st_size:
        raise bad_token()
    offset = (number >> 32) - 1
    line = stream_lines.line_at(path, offset) if offset >= 0 else None
    if offset >= 0 and line is None:
        raise bad_token()
    return match[1] == "f", line


def _token_in_group(scope: str, place: tuple[float, str, int]) -> str:
    # No text in UTF-8 begins with this byte, so that botocore's paginators take it for no own one.
    return base64.b64encode(b"\xc0" + json.dumps([scope, *place]).encode()).decode()


def _place_in_group(token: str | None, scope: str) -> tuple[float, str, int]:
    """The place in a token of FilterLogEvents; before all without one.

    Raises:
        ApiError: It is no token of such a request.
    """
    if not token:
        return float("-inf"), "", 0
    try:
        text = base64.b64decode(token.encode("ascii"), validate=True)
        made_for, when, name, begin = json.loads(text.removeprefix(b"\xc0"))
        if made_for == scope:
            return float(when), str(name), int(begin)
    except (ValueError, TypeError, RecursionError, binascii.Error):
        pass
    raise bad_token()


def _within(request: Mapping[str, Any], oldest: float, line: Line, end_too: bool = False) -> bool:
    """Whether a line is kept and in the requested time; only FilterLogEvents includes the endTime.

    Args:
        request: with the times.
        oldest: when the first event that is kept was logged, in seconds since the epoch.
        line: of a stream.
        end_too: whether the endTime is in the requested time.
    """
    if line.when < oldest:
        return False
    when, end = round(line.when * 1000), request.get("endTime", float("inf"))
    return request.get("startTime", 0) <= when and (when < end or (end_too and when == end))


def _event(line: Line) -> types.OutputLogEventTypeDef:
    return {
        "timestamp": round(line.when * 1000),
        "message": line.message,
        "ingestionTime": round(line.ingested * 1000),
    }
