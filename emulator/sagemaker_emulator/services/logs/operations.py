"""CloudWatch Logs: a folder for each group, a file of JSON lines for each stream.

Times are seconds since the epoch inside, milliseconds in the API. A page token is a place in the
file, so that following a log reads only what is new.
"""

import heapq
import json
import shlex
import shutil
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from sagemaker_emulator.aws.dispatch import Context, operation, peer
from sagemaker_emulator.aws.pages import cut, offset_of, token_of
from sagemaker_emulator.errors import ApiError

_lock = threading.Lock()
_SUFFIX = ".jsonl"
# What is read of a file before it is closed again: a group has more streams than may be open.
_CHUNK = 16 * 1024


@dataclass(frozen=True)
class Line:
    """An event of a stream: when, what, and where its line begins and ends in the file."""

    when: float
    message: str
    begin: int
    end: int


@peer("log")
def append(context: Context, group: str, stream: str, events: list[tuple[float, str]]) -> None:
    """Add (epoch seconds, message) to a stream, which is made when missing."""
    path = _path(context, group, stream)
    path.parent.mkdir(parents=True, exist_ok=True)
    text = "".join(f"{json.dumps([round(when, 3), line])}\n" for when, line in events)
    with _lock, path.open("a", encoding="utf-8") as file:
        file.write(text)


@operation("CreateLogGroup", "logs")
def create_log_group(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Make an empty group."""
    try:
        _folder(context, request["logGroupName"]).mkdir(parents=True)
    except FileExistsError:
        raise _exists("log group") from None
    return {}


@operation("CreateLogStream", "logs")
def create_log_stream(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Make an empty stream in a group."""
    group = _existing(context, request["logGroupName"])
    try:
        (group / f"{quote(request['logStreamName'], safe='')}{_SUFFIX}").touch(exist_ok=False)
    except FileExistsError:
        raise _exists("log stream") from None
    return {}


@operation("DeleteLogGroup", "logs")
def delete_log_group(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Delete a group with its streams."""
    shutil.rmtree(_existing(context, request["logGroupName"]))
    return {}


@operation("DeleteLogStream", "logs")
def delete_log_stream(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Delete a stream."""
    _stream(context, request["logGroupName"], request["logStreamName"]).unlink()
    return {}


@operation("DescribeLogGroups", "logs")
def describe_log_groups(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Groups by the beginning, or a part, of their name."""
    folder = context.state / "logs"
    names = sorted(unquote(path.name) for path in folder.iterdir()) if folder.exists() else []
    prefix, part = request.get("logGroupNamePrefix", ""), request.get("logGroupNamePattern", "")
    names = [name for name in names if name.startswith(prefix) and part in name]
    found, token = cut(names, request.get("nextToken"), request.get("limit", 50))
    return {"logGroups": [_group_summary(context, name) for name in found], "nextToken": token}


@operation("DescribeLogStreams", "logs")
def describe_log_streams(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Streams of a group by the beginning of their name, or by their last event."""
    group = _group_of(request)
    prefix = request.get("logStreamNamePrefix", "")
    streams = [
        _stream_summary(context, group, path)
        for path in sorted(_existing(context, group).glob(f"*{_SUFFIX}"))
        if unquote(path.name).startswith(prefix)
    ]
    if request.get("orderBy") == "LastEventTime":
        streams.sort(key=lambda stream: stream.get("lastEventTimestamp", 0))
    if request.get("descending"):
        streams.reverse()
    found, token = cut(streams, request.get("nextToken"), request.get("limit", 50))
    return {"logStreams": found, "nextToken": token}


@operation("PutLogEvents", "logs")
def put_log_events(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Append events to a stream."""
    group, stream = request["logGroupName"], request["logStreamName"]
    _stream(context, group, stream)
    events = [(event["timestamp"] / 1000, event["message"]) for event in request["logEvents"]]
    append(context, group, stream, events)
    return {"nextSequenceToken": str(time.time_ns())}


@operation("GetLogEvents", "logs")
def get_log_events(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """A page of a stream, from head or tail; at its end the forward token stays the same."""
    path = _stream(context, _group_of(request), request["logStreamName"])
    limit = request.get("limit", 10000)
    direction, _, place = request.get("nextToken", "").partition("/")
    if direction and (direction not in ("f", "b") or not place.isdigit()):
        raise ApiError("InvalidParameterException", "The specified nextToken is invalid.")
    backward = direction == "b" or (not direction and not request.get("startFromHead"))
    begin = int(place) if direction == "f" else 0
    end = int(place) if direction == "b" else path.stat().st_size
    if backward:
        lines = _last(path, end, request, limit)
    else:
        wanted = (line for line in _read(path, begin, end) if _within(request, line))
        lines = list(islice(wanted, limit))
    first = lines[0].begin if lines else (end if backward else begin)
    last = lines[-1].end if lines else (end if backward else begin)
    return {
        "events": [_event(line) for line in lines],
        "nextForwardToken": f"f/{last}",
        "nextBackwardToken": f"b/{first}",
    }


@operation("FilterLogEvents", "logs")
def filter_log_events(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Events of many streams in the order of time; a pattern's words must all be in the message."""
    group = _group_of(request)
    names = request.get("logStreamNames")
    prefix = request.get("logStreamNamePrefix", "")
    words = _words(request.get("filterPattern", ""))

    def matches(path: Path) -> Iterator[dict[str, Any]]:
        name = _name(path)
        for line in _read(path, 0, path.stat().st_size):
            if _within(request, line, end_too=True) and _contains(line.message, words):
                yield {**_event(line), "logStreamName": name, "eventId": f"{name}/{line.begin}"}

    streams = [
        matches(path)
        for path in sorted(_existing(context, group).glob(f"*{_SUFFIX}"))
        if (names is None or _name(path) in names) and _name(path).startswith(prefix)
    ]
    begin = offset_of(request.get("nextToken"))
    end = begin + request.get("limit", 10000)
    # A stream is in the order of time already; no more is read than the page needs.
    merged = heapq.merge(*streams, key=lambda event: event["timestamp"])
    found = list(islice(merged, begin, end + 1))
    more = {"nextToken": token_of(end)} if len(found) > end - begin else {}
    return {"events": found[: end - begin], "searchedLogStreams": [], **more}


def _words(pattern: str) -> list[str]:
    if pattern[:1] in ("{", "[", "%"):
        message = "JSON, column and regular-expression filter patterns are not run here; give words"
        raise ApiError("InvalidParameterException", message)
    try:
        return shlex.split(pattern)
    except ValueError as problem:
        message = f"Invalid filter pattern: {problem}"
        raise ApiError("InvalidParameterException", message) from None


def _contains(message: str, words: list[str]) -> bool:
    """CloudWatch's words: all must be there, `-word` must not, of `?word`s one must."""
    optional = [word[1:] for word in words if word.startswith("?")]
    if optional and not any(word in message for word in optional):
        return False
    rest = [word for word in words if not word.startswith("?")]
    return all(
        word[1:] not in message if word.startswith("-") else word in message for word in rest
    )


def _read(path: Path, begin: int, end: int) -> Iterator[Line]:
    """The whole lines of a file between two places; one that is still being written waits."""
    while begin < end:
        try:
            with path.open("rb") as file:
                file.seek(begin)
                texts = file.readlines(_CHUNK)
        except FileNotFoundError:  # deleted since it was found
            return
        if not texts:
            return
        for text in texts:
            if begin >= end or not text.endswith(b"\n"):
                return
            try:
                when, message = json.loads(text)
                yield Line(when, message, begin, begin + len(text))
            except ValueError:
                # The rest of a line that a killed server did not finish.
                yield Line(0, text.decode(errors="replace").rstrip(), begin, begin + len(text))
            begin += len(text)


def _last(path: Path, end: int, request: dict[str, Any], limit: int) -> list[Line]:
    """The last `limit` lines before a place, of those asked for; read from the end."""
    size = 256 * limit
    while True:
        begin = max(0, end - size)
        if begin:
            with path.open("rb") as file:
                file.seek(begin - 1)
                begin += len(file.readline()) - 1
        lines = [line for line in _read(path, begin, end) if _within(request, line)]
        if len(lines) >= limit or size >= end:
            return lines[-limit:]
        size *= 4


def _within(request: dict[str, Any], line: Line, end_too: bool = False) -> bool:
    """Whether a line is of the time asked for; only FilterLogEvents counts the endTime in."""
    when, end = line.when * 1000, request.get("endTime", float("inf"))
    return request.get("startTime", 0) <= when and (when < end or (end_too and when == end))


def _event(line: Line) -> dict[str, Any]:
    when = int(line.when * 1000)
    return {"timestamp": when, "message": line.message, "ingestionTime": when}


def _group_summary(context: Context, name: str) -> dict[str, Any]:
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


def _stream_summary(context: Context, group: str, path: Path) -> dict[str, Any]:
    size = path.stat().st_size
    summary: dict[str, Any] = {
        "logStreamName": _name(path),
        "arn": f"{_arn(context, group)}:log-stream:{_name(path)}",
        "storedBytes": size,
    }
    first = next(_read(path, 0, size), None)
    if first is None:
        return summary | {"creationTime": _changed(path)}
    when = int(first.when * 1000)
    (last,) = _last(path, size, {}, 1)
    times = {"firstEventTimestamp": when, "lastEventTimestamp": int(last.when * 1000)}
    return summary | times | {"creationTime": when, "lastIngestionTime": _changed(path)}


def _changed(path: Path) -> int:
    return int(path.stat().st_mtime * 1000)


def _arn(context: Context, group: str) -> str:
    return f"arn:aws:logs:{context.region}:{context.account}:log-group:{group}"


def _group_of(request: dict[str, Any]) -> str:
    """The group's name, given so or as `logGroupIdentifier` (name or ARN)."""
    group = request.get("logGroupName") or request.get("logGroupIdentifier")
    if not group:
        raise ApiError("InvalidParameterException", "logGroupName or logGroupIdentifier is needed")
    return str(group).rpartition(":log-group:")[2].removesuffix(":*")


def _folder(context: Context, group: str) -> Path:
    return context.state / "logs" / quote(group, safe="")


def _path(context: Context, group: str, stream: str) -> Path:
    return _folder(context, group) / f"{quote(stream, safe='')}{_SUFFIX}"


def _name(path: Path) -> str:
    return unquote(path.name.removesuffix(_SUFFIX))


def _existing(context: Context, group: str) -> Path:
    folder = _folder(context, group)
    if not folder.is_dir():
        message = f"The specified log group does not exist: {group}"
        raise ApiError("ResourceNotFoundException", message)
    return folder


def _stream(context: Context, group: str, stream: str) -> Path:
    path = _existing(context, group) / f"{quote(stream, safe='')}{_SUFFIX}"
    if not path.is_file():
        message = f"The specified log stream does not exist: {group} {stream}"
        raise ApiError("ResourceNotFoundException", message)
    return path


def _exists(what: str) -> ApiError:
    return ApiError("ResourceAlreadyExistsException", f"The specified {what} already exists")
