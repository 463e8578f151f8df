"""CloudWatch Logs Insights: its language, and its operations over HTTP."""

import base64
import json
import sqlite3
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from emulator_process import Emulator
from local_context import local_context

from sagemaker_emulator.errors import ApiError
from sagemaker_emulator.services.logs import queries
from sagemaker_emulator.services.logs.insights.fields import row_of
from sagemaker_emulator.services.logs.insights.query import Query
from sagemaker_emulator.services.logs.insights.values import Time

BEGIN = 1_796_000_400_000  # milliseconds
MESSAGES = [
    json.dumps({"level": "INFO", "ms": 10, "user": {"name": "ann"}}),
    json.dumps({"level": "ERROR", "ms": 30, "user": {"name": "bob"}}),
    json.dumps({"level": "INFO", "ms": 20, "tags": ["a", "b"]}),
    "REPORT RequestId: r-1\tDuration: 12.50 ms\tBilled Duration: 13 ms\tMemory Size: 128 MB",
    "user=cid, method:train, took 7 ms",
]


def run(text: str) -> list[dict[str, str]]:
    rows = [
        row_of(message, Time(BEGIN + at * 60_000), Time(BEGIN), "s", "1:g", f"p{at}")
        for at, message in enumerate(MESSAGES)
    ]
    found, _ = Query(text).run(rows[::-1], 100)
    return [{cell["field"]: cell["value"] for cell in row} for row in found]


def column(text: str, name: str) -> list[str]:
    return [row.get(name, "") for row in run(text)]


@pytest.mark.parametrize(
    "query, name, values",
    [
        ('fields level | filter level = "ERROR"', "level", ["ERROR"]),
        ("filter ms >= 20 | sort ms | display ms", "ms", ["20", "30"]),
        ("filter level in ['INFO'] and ms < 15 | fields ms", "ms", ["10"]),
        ("filter @message like 'method:' | fields @logStream", "@logStream", ["s"]),
        ("filter @message like /took \\d+/ | fields @log", "@log", ["1:g"]),
        ("filter @message not like /./ | fields ms", "ms", []),
        ("filter user.name =~ /^b/ | fields user.name as who", "who", ["bob"]),
        ("filter tags.1 = 'b' | fields `tags.0`", "tags.0", ["a"]),
        ("filter not ispresent(level) | fields @type | sort @timestamp", "@type", ["REPORT", ""]),
        ("filter (ms = 10 or ms = 30) and level != 'ERROR' | fields ms*2 + 1 as x", "x", ["21"]),
        ("filter ms = 30 # comment\n| fields toupper(user.name) as u", "u", ["BOB"]),
        ("stats count(*) by level | sort level", "count(*)", ["2", "1", "2"]),
        ("stats avg(ms), max(ms) as top by level | filter level = 'INFO'", "avg(ms)", ["15"]),
        ("stats sum(ms)/count(ms) as mean", "mean", ["20"]),
        ("stats pct(ms, 50) as middle, count_distinct(level) as n", "middle", ["20"]),
        ("stats count(*) as n by bin(2m) | sort n desc, `bin(2m)`", "n", ["2", "2", "1"]),
        ("stats latest(level) as last, earliest(ms) as first", "last", ["INFO"]),
        ("stats max(@duration) as d, max(@memorySize) / 1000 / 1000 as m", "m", ["128"]),
        ("stats count(*) by level | sort count(*) asc | limit 1", "level", ["ERROR"]),
        (
            'parse "user=*, method:*, took * ms" as u, m, t | filter t > 1 | fields m',
            "m",
            ["train"],
        ),
        ("parse @message /took (?<t>\\d+)/ | stats sum(t) as t", "t", ["7"]),
        ("fields level | filter ispresent(level) | dedup level", "level", ["INFO", "ERROR"]),
        ("fields ms | sort ms desc | limit 2", "ms", ["30", "20"]),
    ],
)
def test_language(query: str, name: str, values: list[str]) -> None:
    assert column(query, name) == values


@pytest.mark.parametrize(
    "query, value",
    [
        ("filter @message like /took/ | fields 'yes' as found", "yes"),
        ('parse @message "took * ms" as found', "7"),
        ("parse @message /took (?<found>\\d+)/", "7"),
        ("parse @message '\ud83d * 7' as found", "took"),
        ("fields strlen(fromMillis(1e300)) as found", "301"),
        ("fields datefloor(1e15, 1d) as found", "999999993600000"),
        ("fields 1" + "+1" * 3000 + " as found", "3001"),
        ("filter 1 = 2" + " or 1 = 1" * 1000 + " | fields 'yes' as found", "yes"),
    ],
)
def test_any_event_and_any_length_can_be_asked_for(query: str, value: str) -> None:
    row = row_of("\ud83d took 7 ms", Time(BEGIN), Time(BEGIN), "s", "1:g", "p")
    ((cells, *_), _) = Query(f"{query} | display found").run([row], 100)
    assert {cell["field"]: cell["value"] for cell in cells}.get("found", "") == value


def test_times_are_shown_and_the_latest_event_is_first() -> None:
    rows = run("fields @timestamp, level")
    assert rows[0] == {"@timestamp": "2026-11-30 01:04:00.000", "@ptr": "p4"}
    assert rows[-1]["level"] == "INFO"
    assert run("stats count(*) as n by bin(1h)") == [
        {"bin(1h)": "2026-11-30 01:00:00.000", "n": "5"}
    ]


@pytest.mark.parametrize(
    "query, code, message",
    [
        ("bogus command", "MalformedQueryException", "'bogus'"),
        ("fields", "MalformedQueryException", "the end"),
        ("filter (a = 1", "MalformedQueryException", r"expected \)"),
        ("filter " + "(" * 500, "MalformedQueryException", "deep"),
        ("limit 0", "MalformedQueryException", "limit must be 1 to 10000"),
        ("parse 'a* b*' as x", "MalformedQueryException", "2 \\*, but 1 names"),
        ("filter @message like /(/", "MalformedQueryException", "invalid"),
        ("fields a | fields b c", "MalformedQueryException", "expected |"),
        ("stats pct(ms, 200)", "MalformedQueryException", "from 0 to 100, not '200'"),
        ("stats pct(ms, nan)", "MalformedQueryException", "from 0 to 100, not 'nan'"),
        ("filter count(*) > 1", "MalformedQueryException", "only stand in stats"),
        ("pattern @message", "InvalidParameterException", "command pattern. It runs: fields"),
        ("fields isValidIp(a)", "InvalidParameterException", "function isValidIp. It runs: bin"),
    ],
)
def test_what_is_malformed_or_not_run_is_refused(query: str, code: str, message: str) -> None:
    with pytest.raises(ApiError, match=message) as refusal:
        Query(query)
    assert refusal.value.code == code


def test_query_over_http(emulator: Emulator, name: str) -> None:
    logs: Any = emulator.client("logs")
    logs.create_log_group(logGroupName=name)
    logs.create_log_stream(logGroupName=name, logStreamName="a")
    now = time.time()
    events = [
        {"timestamp": int(now * 1000) + at, "message": text} for at, text in enumerate(MESSAGES)
    ]
    logs.put_log_events(logGroupName=name, logStreamName="a", logEvents=events)
    times = {"startTime": int(now) - 60, "endTime": int(now) + 60}
    query = "fields level, ms | filter level = 'ERROR'"
    started = logs.start_query(logGroupName=name, queryString=query, **times)["queryId"]
    answer = logs.get_query_results(queryId=started)
    deadline = time.monotonic() + 20
    while answer["status"] == "Running" and time.monotonic() < deadline:
        time.sleep(0.02)
        answer = logs.get_query_results(queryId=started)
    assert answer["status"] == "Complete"
    (cells,) = answer["results"]
    row = {cell["field"]: cell["value"] for cell in cells}
    assert (row["level"], row["ms"]) == ("ERROR", "30")
    assert answer["statistics"]["recordsMatched"] == 1
    assert answer["statistics"]["recordsScanned"] == len(MESSAGES)
    record = logs.get_log_record(logRecordPointer=row["@ptr"])["logRecord"]
    assert record["@message"] == MESSAGES[1]
    (listed,) = logs.describe_queries(logGroupName=name)["queries"]
    assert (listed["queryId"], listed["queryString"]) == (started, query)
    assert logs.describe_queries(logGroupName=name, status="Failed")["queries"] == []
    with pytest.raises(ClientError, match="not in a state to be stopped"):
        logs.stop_query(queryId=started)
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        logs.start_query(logGroupName="none", queryString=query, **times)
    with pytest.raises(ClientError, match="MalformedQueryException"):
        logs.start_query(logGroupName=name, queryString="fields", **times)


def test_query_that_a_kill_cut_off_is_failed(tmp_path: Path) -> None:
    context = local_context(tmp_path)
    record = {"queryId": "q", "status": "Running", "queryLanguage": "CWLI", "Groups": ["g"]}
    context.store.put("log-query", "q", record)
    assert queries.get_query_results(context, {"queryId": "q"})["status"] == "Failed"


@pytest.mark.parametrize(
    "place, code",
    [
        (["g", "s", -5], "ResourceNotFoundException"),
        (["g", "s", 10**30], "ResourceNotFoundException"),
        (["g", "s", 3], "ResourceNotFoundException"),
        (["none", "s", 0], "ResourceNotFoundException"),
        (["g"], "InvalidParameterException"),
        ("[" * 100_000, "InvalidParameterException"),
    ],
)
def test_pointer_that_no_result_has_is_refused(tmp_path: Path, place: Any, code: str) -> None:
    context = local_context(tmp_path)
    context.logs.append("g", "s", ["a message"])
    text = place if isinstance(place, str) else json.dumps(place)
    pointer = base64.b64encode(text.encode()).decode()
    with pytest.raises(ApiError) as refusal:
        queries.get_log_record(context, {"logRecordPointer": pointer})
    assert refusal.value.code == code


def test_query_whose_results_cannot_be_kept_is_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = local_context(tmp_path)
    context.logs.append("g", "s", ["a message"])
    threads: list[threading.Thread] = []
    # It is run below, when the disk is full.
    monkeypatch.setattr(threading.Thread, "start", lambda thread: threads.append(thread))
    started = queries.start_query(
        context, {"logGroupName": "g", "queryString": "limit 1", "startTime": 0, "endTime": 2**40}
    )
    asked: Any = {"queryId": started["queryId"]}
    assert queries.get_query_results(context, asked)["status"] == "Running"

    def full(*_: object, **__: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(context.store, "update", full)
    with pytest.raises(sqlite3.OperationalError):
        threads[0].run()
    assert queries.get_query_results(context, asked)["status"] == "Failed"
