"""CloudWatch Logs Insights: queries over the events of groups.

A query runs in a thread of its own, and its record with the results is in the store. One that a
server's end has cut off is Failed, as the client learns when it asks for the results.
"""

from __future__ import annotations

import base64
import binascii
import json
import logging
import threading
import time
import uuid
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from sagemaker_emulator.aws import json_text
from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.aws.dispatch import Response, operation
from sagemaker_emulator.errors import ApiError
from sagemaker_emulator.services.logs import lines
from sagemaker_emulator.services.logs.common import (
    bad_token,
    folder_of,
    invalid,
    name_in,
    page,
)
from sagemaker_emulator.services.logs.insights.fields import row_of
from sagemaker_emulator.services.logs.insights.query import MOST_ROWS, Query
from sagemaker_emulator.services.logs.insights.values import Row, Time, text
from sagemaker_emulator.services.logs.log_files import (
    is_sorted,
    stream_file,
    stream_files,
    stream_name,
)
from sagemaker_emulator.services.logs.retention import oldest_of
from sagemaker_emulator.storage.store import Document

if TYPE_CHECKING:
    from types_boto3_logs import type_defs as types

_KIND = "log-query"
_MOST_GROUPS = 50
_KEPT_SECONDS = 7 * 24 * 60 * 60  # as long as AWS keeps results
# The queries that run in this process, each with what stops it.
_running: dict[str, threading.Event] = {}
_log = logging.getLogger("emulator.logs")


class _Stopped(Exception):
    """StopQuery was called."""


@operation(
    "StartQuery",
    "logs",
    honours=(
        *("logGroupName", "logGroupNames", "logGroupIdentifiers"),
        *("startTime", "endTime", "queryString", "limit", "queryLanguage"),
    ),
)
def start_query(context: Context, request: types.StartQueryRequestTypeDef) -> Response:
    """Begin a query; its times are seconds since the epoch."""
    if request.get("queryLanguage", "CWLI") != "CWLI":
        raise invalid(
            f"The emulator does not run queries in {request.get('queryLanguage')}. Use CWLI."
        )
    groups = _groups(context, request)
    if request["startTime"] > request["endTime"]:
        raise invalid("Query's end date and time is before its start date and time")
    for group in groups:
        folder_of(context, group)
    query = Query(request["queryString"])
    identity = str(uuid.uuid4())
    record: Document = {
        "queryId": identity,
        "queryString": request["queryString"],
        "queryLanguage": "CWLI",
        "status": "Running",
        "createTime": int(time.time() * 1000),
        "logGroupName": groups[0],
        "Groups": groups,
        "Begin": request["startTime"],
        "End": request["endTime"],
        "Limit": request.get("limit", MOST_ROWS),
    }
    _forget_old(context)
    context.store.put(_KIND, identity, record)
    stopped = _running[identity] = threading.Event()
    threading.Thread(target=_run, args=(context, record, query, stopped), daemon=True).start()
    return {"queryId": identity}


@operation("GetQueryResults", "logs", honours=("queryId",))
def get_query_results(context: Context, request: types.GetQueryResultsRequestTypeDef) -> Response:
    """The state of a query and, when it is complete, its results."""
    record = _record(context, request["queryId"])
    nothing = {"recordsMatched": 0.0, "recordsScanned": 0.0, "bytesScanned": 0.0}
    return {
        "status": record["status"],
        "queryLanguage": record["queryLanguage"],
        "results": record.get("Results", []),
        "statistics": record.get("Statistics", nothing),
    }


@operation("StopQuery", "logs", honours=("queryId",))
def stop_query(context: Context, request: types.StopQueryRequestTypeDef) -> Response:
    """Stop a query that runs."""
    with context.store.transaction():
        record = _record(context, request["queryId"])
        if record["status"] != "Running":
            raise invalid(f"Query with id [{record['queryId']}] is not in a state to be stopped")
        if (stopped := _running.get(record["queryId"])) is not None:
            stopped.set()
        context.store.update(_KIND, record["queryId"], status="Cancelled")
    return {"success": True}


@operation(
    "DescribeQueries",
    "logs",
    honours=("logGroupName", "status", "maxResults", "nextToken", "queryLanguage"),
)
def describe_queries(context: Context, request: types.DescribeQueriesRequestTypeDef) -> Response:
    """The queries of the last seven days, the latest first."""
    _forget_old(context)
    group = request.get("logGroupName")
    records = [
        record
        for each in context.store.list(_KIND)
        for record in (_current(context, each),)
        if (not group or group in record["Groups"])
        and record["status"] == request.get("status", record["status"])
        and record["queryLanguage"] == request.get("queryLanguage", record["queryLanguage"])
    ]
    paged = {**request, "limit": request.get("maxResults", 1000)}
    shown, token = page("DescribeQueries", paged, records, "queryId", "createTime", descending=True)
    return {"queries": shown, "nextToken": token}


@operation("GetLogRecord", "logs", honours=("logRecordPointer", "unmask"))
def get_log_record(context: Context, request: types.GetLogRecordRequestTypeDef) -> Response:
    """The fields of the event that a result's `@ptr` names."""
    try:
        place = json_text.loads(base64.b64decode(request["logRecordPointer"], validate=True))
        group, stream, begin = str(place[0]), str(place[1]), int(place[2])
    except (ValueError, TypeError, LookupError, binascii.Error):
        raise bad_token() from None
    path = stream_file(folder_of(context, group), stream)
    known = path.is_file() and 0 <= begin < path.stat().st_size
    line = lines.line_at(path, begin) if known else None
    if line is None:
        raise ApiError("ResourceNotFoundException", "The specified log record does not exist.")
    return {
        "logRecord": {
            name: text(value) for name, value in _row(context, group, stream, line).items()
        }
    }


def _groups(context: Context, request: types.StartQueryRequestTypeDef) -> list[str]:
    """The names of the groups that a query is over.

    Raises:
        ApiError: It names none, or names them in two ways.
    """
    named: list[list[str]] = [
        [request["logGroupName"]] if request.get("logGroupName") else [],
        list(request.get("logGroupNames", [])),
        list(request.get("logGroupIdentifiers", [])),
    ]
    named = [each for each in named if each]
    if len(named) != 1:
        raise invalid(
            "Exactly one of logGroupName, logGroupNames and logGroupIdentifiers is needed."
        )
    if len(named[0]) > _MOST_GROUPS:
        raise invalid(f"A query is over at most {_MOST_GROUPS} log groups.")
    return [name_in(context, each) for each in dict.fromkeys(named[0])]


def _run(context: Context, record: Document, query: Query, stopped: threading.Event) -> None:
    """Run a query to its end, and keep what comes of it unless it was stopped."""
    identity: str = record["queryId"]
    changes: Document = {"status": "Failed"}
    try:
        rows, scanned = [], 0
        for row in _events(context, record):
            if stopped.is_set():
                raise _Stopped
            rows.append(row)
            scanned += len(str(row["@message"]).encode(errors="replace"))
        rows.sort(key=lambda row: (row["@timestamp"], row["@ptr"]), reverse=True)
        statistics = {"recordsScanned": float(len(rows)), "bytesScanned": float(scanned)}
        results, matched = query.run(rows, record["Limit"])
        changes = {"status": "Complete", "Results": results}
        changes["Statistics"] = statistics | {"recordsMatched": float(matched)}
    except _Stopped:
        return
    except Exception:
        _log.exception("query %s", identity)
    finally:
        try:
            with context.store.transaction():
                if not stopped.is_set() and context.store.get(_KIND, identity):
                    context.store.update(_KIND, identity, **changes)
        finally:  # on a full disk, too: what does not run and has not ended is Failed
            del _running[identity]


def _events(context: Context, record: Document) -> Iterator[Row]:
    """The events of a query's groups and time; both its ends are in it."""
    for group in record["Groups"]:
        try:
            begin = max(float(record["Begin"]), oldest_of(context, group))
            paths = stream_files(folder_of(context, group))
        except ApiError:  # deleted meanwhile
            continue
        for path in paths:
            try:
                found = lines.since(path, is_sorted(path), begin, path.stat().st_size)
                for line in found:
                    if line.when <= record["End"]:
                        yield _row(context, group, stream_name(path), line)
            except FileNotFoundError:  # deleted meanwhile
                continue


def _row(context: Context, group: str, stream: str, line: lines.Line) -> Row:
    pointer = base64.b64encode(json.dumps([group, stream, line.begin]).encode()).decode()
    when, ingested = (Time(round(each * 1000)) for each in (line.when, line.ingested))
    log = f"{context.account}:{group}"
    return row_of(line.message, when, ingested, stream, log, pointer)


def _record(context: Context, identity: str) -> Document:
    """A query's record.

    Raises:
        ApiError: There is none.
    """
    record = context.store.get(_KIND, identity)
    if record is None:
        raise ApiError("ResourceNotFoundException", "The specified query does not exist.")
    return _current(context, record)


def _current(context: Context, record: Document) -> Document:
    """A record as it is now, Failed if the server that ran its query has ended."""
    identity = record["queryId"]
    if record["status"] == "Running" and identity not in _running:
        # What ended since the record was read has written how.
        record = context.store.get(_KIND, identity) or record
        if record["status"] == "Running":
            return record | {"status": "Failed"}
    return record


def _forget_old(context: Context) -> None:
    oldest: Any = (time.time() - _KEPT_SECONDS) * 1000
    for record in context.store.list(_KIND):
        if record["createTime"] >= oldest:
            return
        context.store.delete(_KIND, record["queryId"])
