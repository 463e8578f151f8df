"""CloudWatch Logs: the operations on streams."""

from __future__ import annotations

import contextlib
import functools
from pathlib import Path
from typing import TYPE_CHECKING

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.aws.dispatch import Response, operation
from sagemaker_emulator.services.logs.common import (
    exists,
    file_of,
    files,
    folder_of,
    group_arn,
    group_of,
    invalid,
    no_stream,
    page,
    refused_if_gone,
)
from sagemaker_emulator.services.logs.lines import last_lines, read_lines
from sagemaker_emulator.services.logs.log_files import (
    about_stream,
    is_sorted,
    stream_files,
    stream_name,
)

if TYPE_CHECKING:
    from types_boto3_logs import type_defs as types


@operation("CreateLogStream", "logs", honours=("logGroupName", "logStreamName"))
def create_log_stream(context: Context, request: types.CreateLogStreamRequestTypeDef) -> Response:
    """Make an empty stream in a group."""
    with refused_if_gone():
        made = files(context).create_stream(request["logGroupName"], request["logStreamName"])
    if not made:
        raise exists("log stream")
    return {}


@operation("DeleteLogStream", "logs", honours=("logGroupName", "logStreamName"))
def delete_log_stream(context: Context, request: types.DeleteLogStreamRequestTypeDef) -> Response:
    """Delete a stream."""
    file_of(context, request["logGroupName"], request["logStreamName"])
    with refused_if_gone(no_stream):
        files(context).delete_stream(request["logGroupName"], request["logStreamName"])
    return {}


@operation(
    "DescribeLogStreams",
    "logs",
    honours=(
        *("logGroupName", "logGroupIdentifier", "logStreamNamePrefix", "orderBy", "descending"),
        *("nextToken", "limit"),
    ),
)
def describe_streams(context: Context, request: types.DescribeLogStreamsRequestTypeDef) -> Response:
    """Streams of a group by the beginning of their name, or by their last event."""
    group = group_of(context, request)
    prefix = request.get("logStreamNamePrefix", "")
    by_time = request.get("orderBy") == "LastEventTime"
    if by_time and prefix:
        raise invalid("Cannot order by LastEventTime with a logStreamNamePrefix.")
    arn = group_arn(context, group)
    with refused_if_gone():
        paths = stream_files(folder_of(context, group))
    streams = []
    for path in paths:
        with contextlib.suppress(FileNotFoundError):  # deleted meanwhile
            if stream_name(path).startswith(prefix):
                streams.append(_summary(arn, path))
    shown, token = page(
        "DescribeLogStreams",
        request,
        streams,
        "logStreamName",
        "lastEventTimestamp" if by_time else None,
        request.get("descending", False),
    )
    return {"logStreams": shown, "nextToken": token}


def _summary(arn: str, path: Path) -> types.LogStreamTypeDef:
    status = path.stat()
    about, name = _about(path, status.st_size, status.st_mtime_ns)
    return {**about, "logStreamName": name, "arn": f"{arn}:log-stream:{name}"}


@functools.lru_cache(20_000)  # a function has a stream for each invocation
def _about(path: Path, size: int, changed_ns: int) -> tuple[types.LogStreamTypeDef, str]:
    """What a stream's file tells as long as it has this size and time, and the stream's name."""
    about, name, changed = about_stream(path), stream_name(path), round(changed_ns / 1e6)
    summary: types.LogStreamTypeDef = {"storedBytes": size}
    if is_sorted(path):
        first = next(read_lines(path, 0, size), None)
        ends = [first, *last_lines(path, size, lambda _: True, 1)] if first else []
    else:
        ends = sorted(read_lines(path, 0, size), key=lambda line: line.place)
    created = round(about["created"] * 1000) if "created" in about else None
    if not ends:
        return {**summary, "creationTime": created or changed}, name
    summary |= {
        "firstEventTimestamp": round(ends[0].when * 1000),
        "lastEventTimestamp": round(ends[-1].when * 1000),
        "creationTime": created or round(min(line.ingested for line in ends) * 1000),
        "lastIngestionTime": changed,
    }
    return summary, name
