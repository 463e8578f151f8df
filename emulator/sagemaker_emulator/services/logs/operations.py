"""CloudWatch Logs: the operations on groups, streams and their events.

A page token is an offset in the stream's file, so that following a log reads only what is new.
"""

from __future__ import annotations

import heapq
import shlex
import shutil
import time
from collections.abc import Iterator, Mapping
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.aws.dispatch import Response, operation
from sagemaker_emulator.aws.pages import cut, offset_of, token_of
from sagemaker_emulator.errors import ApiError
from sagemaker_emulator.services.logs.log_files import (
    Line,
    group_folder,
    last_lines,
    read_lines,
    stream_file,
    stream_files,
    stream_name,
)

if TYPE_CHECKING:
    from types_boto3_logs import type_defs as types


@operation("CreateLogGroup", "logs")
def create_log_group(context: Context, request: types.CreateLogGroupRequestTypeDef) -> Response:
    """Make an empty group."""
    try:
        _folder(context, request["logGroupName"]).mkdir(parents=True)
    except FileExistsError:
        raise _exists("log group") from None
    return {}


@operation("CreateLogStream", "logs")
def create_log_stream(context: Context, request: types.CreateLogStreamRequestTypeDef) -> Response:
    """Make an empty stream in a group."""
    group = _existing(context, request["logGroupName"])
    try:
        stream_file(group, request["logStreamName"]).touch(exist_ok=False)
    except FileExistsError:
        raise _exists("log stream") from None
    return {}


@operation("DeleteLogGroup", "logs")
def delete_log_group(context: Context, request: types.DeleteLogGroupRequestTypeDef) -> Response:
    """Delete a group with its streams."""
    shutil.rmtree(_existing(context, request["logGroupName"]))
    return {}


@operation("DeleteLogStream", "logs")
def delete_log_stream(context: Context, request: types.DeleteLogStreamRequestTypeDef) -> Response:
    """Delete a stream."""
    _stream(context, request["logGroupName"], request["logStreamName"]).unlink()
    return {}


@operation("DescribeLogGroups", "logs")
def describe_groups(context: Context, request: types.DescribeLogGroupsRequestTypeDef) -> Response:
    """Groups by the beginning, or a part, of their name."""
    folder = context.state / "logs"
    names = sorted(unquote(path.name) for path in folder.iterdir()) if folder.exists() else []
    prefix, part = request.get("logGroupNamePrefix", ""), request.get("logGroupNamePattern", "")
    names = [name for name in names if name.startswith(prefix) and part in name]
    page, token = cut(names, request.get("nextToken"), request.get("limit", 50))
    return {"logGroups": [_group_summary(context, name) for name in page], "nextToken": token}


@operation("DescribeLogStreams", "logs")
def describe_streams(context: Context, request: types.DescribeLogStreamsRequestTypeDef) -> Response:
    """Streams of a group by the beginning of their name, or by their last event."""
    group = _group_of(request)
    prefix = request.get("logStreamNamePrefix", "")
    streams = [
        _stream_summary(context, group, path)
        for path in stream_files(_existing(context, group))
        if stream_name(path).startswith(prefix)
    ]
    if request.get("orderBy") == "LastEventTime":
        streams.sort(key=lambda stream: stream.get("lastEventTimestamp", 0))
    if request.get("descending"):
        streams.reverse()
    page, token = cut(streams, request.get("nextToken"), request.get("limit", 50))
    return {"logStreams": page, "nextToken": token}


@operation("PutLogEvents", "logs")
def put_log_events(context: Context, request: types.PutLogEventsRequestTypeDef) -> Response:
    """Append events to a stream."""
    group, stream = request["logGroupName"], request["logStreamName"]
    _stream(context, group, stream)
    events = [(event["timestamp"] / 1000, event["message"]) for event in request["logEvents"]]
    context.logs.write(group, stream, events)
    return {"nextSequenceToken": str(time.time_ns())}


@operation("GetLogEvents", "logs")
def get_log_events(context: Context, request: types.GetLogEventsRequestTypeDef) -> Response:
    """A page of a stream, from head or tail; at its end the forward token stays the same."""
    path = _stream(context, _group_of(request), request["logStreamName"])
    limit = request.get("limit", 10000)
    direction, _, offset = request.get("nextToken", "").partition("/")
    if direction and (direction not in ("f", "b") or not offset.isdigit()):
        raise ApiError("InvalidParameterException", "The specified nextToken is invalid.")
    backward = direction == "b" or (not direction and not request.get("startFromHead"))
    begin = int(offset) if direction == "f" else 0
    end = int(offset) if direction == "b" else path.stat().st_size
    if backward:
        lines = last_lines(path, end, partial(_within, request), limit)
    else:
        matching = (line for line in read_lines(path, begin, end) if _within(request, line))
        lines = list(islice(matching, limit))
    first = lines[0].begin if lines else (end if backward else begin)
    last = lines[-1].end if lines else (end if backward else begin)
    return {
        "events": [_event(line) for line in lines],
        "nextForwardToken": f"f/{last}",
        "nextBackwardToken": f"b/{first}",
    }


@operation("FilterLogEvents", "logs")
def filter_log_events(context: Context, request: types.FilterLogEventsRequestTypeDef) -> Response:
    """Events of many streams in the order of time; a pattern's words must all be in the message."""
    group = _group_of(request)
    names = request.get("logStreamNames")
    prefix = request.get("logStreamNamePrefix", "")
    words = _words(request.get("filterPattern", ""))

    def matches(path: Path) -> Iterator[types.FilteredLogEventTypeDef]:
        name = stream_name(path)
        for line in read_lines(path, 0, path.stat().st_size):
            if _within(request, line, end_too=True) and _contains(line.message, words):
                yield {**_event(line), "logStreamName": name, "eventId": f"{name}/{line.begin}"}

    streams = [
        matches(path)
        for path in stream_files(_existing(context, group))
        if (names is None or stream_name(path) in names) and stream_name(path).startswith(prefix)
    ]
    begin = offset_of(request.get("nextToken"))
    end = begin + request.get("limit", 10000)
    # A stream is in the order of time already; no more is read than the page needs.
    merged = heapq.merge(*streams, key=lambda event: event["timestamp"])
    events = list(islice(merged, begin, end + 1))
    more = {"nextToken": token_of(end)} if len(events) > end - begin else {}
    return {"events": events[: end - begin], "searchedLogStreams": [], **more}


def _words(pattern: str) -> list[str]:
    if pattern[:1] in ("{", "[", "%"):
        message = "JSON, column and regular-expression filter patterns are not run here; use words"
        raise ApiError("InvalidParameterException", message)
    try:
        return shlex.split(pattern)
    except ValueError as problem:
        message = f"Invalid filter pattern: {problem}"
        raise ApiError("InvalidParameterException", message) from None


def _contains(message: str, words: list[str]) -> bool:
    """Whether every word is in the message, no `-word` is, and one of the `?word`s, if any, is."""
    optional = [word[1:] for word in words if word.startswith("?")]
    if optional and not any(word in message for word in optional):
        return False
    rest = [word for word in words if not word.startswith("?")]
    return all(
        word[1:] not in message if word.startswith("-") else word in message for word in rest
    )


def _within(request: Mapping[str, Any], line: Line, end_too: bool = False) -> bool:
    """Whether a line is in the requested time; only FilterLogEvents includes the endTime."""
    when, end = line.when * 1000, request.get("endTime", float("inf"))
    return request.get("startTime", 0) <= when and (when < end or (end_too and when == end))


def _event(line: Line) -> types.OutputLogEventTypeDef:
    when = int(line.when * 1000)
    return {"timestamp": when, "message": line.message, "ingestionTime": when}


def _group_summary(context: Context, name: str) -> types.LogGroupTypeDef:
    folder = _folder(context, name)
    arn = _arn(context, name)
    return {
        "logGroupName": name,
        "creationTime": int(folder.stat().st_ctime * 1000),
        "metricFilterCount": 0,
        "arn": f"{arn}:*",
        "logGroupArn": arn,
        "storedBytes": sum(path.stat().st_size for path in folder.iterdir()),
    }


def _stream_summary(context: Context, group: str, path: Path) -> types.LogStreamTypeDef:
    size = path.stat().st_size
    summary: types.LogStreamTypeDef = {
        "logStreamName": stream_name(path),
        "arn": f"{_arn(context, group)}:log-stream:{stream_name(path)}",
        "storedBytes": size,
    }
    changed = int(path.stat().st_mtime * 1000)
    first = next(read_lines(path, 0, size), None)
    if first is None:
        return {**summary, "creationTime": changed}
    when = int(first.when * 1000)
    (last,) = last_lines(path, size, lambda _: True, 1)
    return {
        **summary,
        "firstEventTimestamp": when,
        "lastEventTimestamp": int(last.when * 1000),
        "creationTime": when,
        "lastIngestionTime": changed,
    }


def _arn(context: Context, group: str) -> str:
    return f"arn:aws:logs:{context.region}:{context.account}:log-group:{group}"


def _group_of(request: Mapping[str, Any]) -> str:
    """The name in `logGroupName` or `logGroupIdentifier` (name or ARN)."""
    group = request.get("logGroupName") or request.get("logGroupIdentifier")
    if not group:
        raise ApiError("InvalidParameterException", "logGroupName or logGroupIdentifier is needed")
    return str(group).rpartition(":log-group:")[2].removesuffix(":*")


def _folder(context: Context, group: str) -> Path:
    return group_folder(context.state / "logs", group)


def _existing(context: Context, group: str) -> Path:
    folder = _folder(context, group)
    if not folder.is_dir():
        message = f"The specified log group does not exist: {group}"
        raise ApiError("ResourceNotFoundException", message)
    return folder


def _stream(context: Context, group: str, stream: str) -> Path:
    path = stream_file(_existing(context, group), stream)
    if not path.is_file():
        message = f"The specified log stream does not exist: {group} {stream}"
        raise ApiError("ResourceNotFoundException", message)
    return path


def _exists(what: str) -> ApiError:
    return ApiError("ResourceAlreadyExistsException", f"The specified {what} already exists")
