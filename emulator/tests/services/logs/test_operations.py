"""CloudWatch Logs through boto3."""

import resource
import time
import uuid
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from emulator_process import Emulator
from local_context import local_context

from sagemaker_emulator.services.logs.events import filter_log_events, get_log_events

NOW = int(time.time() * 1000)  # events that are older than 14 days are rejected


@pytest.fixture
def logs(emulator: Emulator) -> Any:
    return emulator.client("logs")


@pytest.fixture
def stream(logs: Any) -> Any:
    group = f"/aws/test/{uuid.uuid4().hex[:8]}"
    logs.create_log_group(logGroupName=group)
    logs.create_log_stream(logGroupName=group, logStreamName="job/algo-1-1")
    return {"logGroupName": group, "logStreamName": "job/algo-1-1"}


def put(logs: Any, stream: dict[str, str], *messages: str, begin: Any = NOW) -> None:
    events = [{"timestamp": begin + i, "message": text} for i, text in enumerate(messages)]
    logs.put_log_events(**stream, logEvents=events)


def messages(answer: Any) -> Any:
    return [event["message"] for event in answer["events"]]


def test_following_a_stream_reads_every_line_once(logs: Any, stream: dict[str, str]) -> None:
    put(logs, stream, "a", "b", "c")
    first = logs.get_log_events(**stream, startFromHead=True, limit=2)
    second = logs.get_log_events(**stream, nextToken=first["nextForwardToken"])
    end = logs.get_log_events(**stream, nextToken=second["nextForwardToken"])
    assert (messages(first), messages(second), messages(end)) == (["a", "b"], ["c"], [])
    assert end["nextForwardToken"] == second["nextForwardToken"]
    put(logs, stream, "d", begin=NOW + 3)
    assert messages(logs.get_log_events(**stream, nextToken=end["nextForwardToken"])) == ["d"]


def test_ids_of_events_are_as_long_as_on_aws_and_sort_by_time(
    logs: Any, stream: dict[str, str]
) -> None:
    other = {**stream, "logStreamName": "another"}
    logs.create_log_stream(**other)
    put(logs, stream, "a", "c", "e", begin=NOW)
    put(logs, other, "later", begin=NOW + 10)
    events = logs.filter_log_events(logGroupName=stream["logGroupName"])["events"]
    ids = [event["eventId"] for event in events]
    assert messages({"events": events}) == ["a", "c", "e", "later"]
    assert sorted(set(ids)) == ids
    assert all(len(each) == 56 and each.isdigit() for each in ids)


def test_without_start_from_head_the_newest_events_are_returned(
    logs: Any, stream: dict[str, str]
) -> None:
    put(logs, stream, *"abcdef")
    newest = logs.get_log_events(**stream, limit=2)
    assert messages(newest) == ["e", "f"]
    before = logs.get_log_events(**stream, limit=2, nextToken=newest["nextBackwardToken"])
    assert messages(before) == ["c", "d"]


def test_filter_finds_words_across_streams_in_the_order_of_time(
    logs: Any, stream: dict[str, str]
) -> None:
    group = stream["logGroupName"]
    logs.create_log_stream(logGroupName=group, logStreamName="other")
    put(logs, stream, "epoch=1 loss=2", "nothing", begin=NOW + 10)
    put(
        logs,
        {**stream, "logStreamName": "other"},
        "epoch=2 loss=1",
        "epoch=3",
        begin=NOW,
    )
    found = logs.filter_log_events(logGroupName=group, filterPattern='"epoch=" "loss="')
    assert messages(found) == ["epoch=2 loss=1", "epoch=1 loss=2"]
    one = logs.filter_log_events(logGroupName=group, logStreamNamePrefix="job/")
    assert messages(one) == ["epoch=1 loss=2", "nothing"]


@pytest.mark.parametrize(
    "pattern, found",
    [
        ("ERROR", ["ERROR disk", "ERROR net"]),
        ("ERROR -disk", ["ERROR net"]),
        ("?disk ?WARN", ["ERROR disk", "WARN net"]),
    ],
)
def test_pattern_may_exclude_words_and_have_alternatives(
    logs: Any, stream: dict[str, str], pattern: Any, found: Any
) -> None:
    put(logs, stream, "ERROR disk", "ERROR net", "WARN net", "all well net")
    group = stream["logGroupName"]
    assert messages(logs.filter_log_events(logGroupName=group, filterPattern=pattern)) == found


def test_a_time_range_begins_with_its_start_and_only_a_filter_includes_its_end(
    logs: Any, stream: dict[str, str]
) -> None:
    begin = NOW
    put(logs, stream, *"abcd", begin=begin)
    times = {"startTime": begin + 1, "endTime": begin + 3}
    assert messages(logs.get_log_events(**stream, **times)) == ["b", "c"]
    found = logs.filter_log_events(logGroupName=stream["logGroupName"], **times)
    assert messages(found) == ["b", "c", "d"]


def test_filter_returns_pages_of_many_streams(logs: Any, stream: dict[str, str]) -> None:
    group = stream["logGroupName"]
    logs.create_log_stream(logGroupName=group, logStreamName="other")
    put(logs, stream, "a", "b", "c", begin=NOW)
    put(logs, {**stream, "logStreamName": "other"}, "d", "e", begin=NOW + 3)
    pages = logs.get_paginator("filter_log_events").paginate(
        logGroupName=group, PaginationConfig={"PageSize": 2}
    )
    assert [messages(page) for page in pages] == [["a", "b"], ["c", "d"], ["e"]]


def test_a_line_that_is_being_written_waits_until_it_is_whole(tmp_path: Path) -> None:
    context = local_context(tmp_path)
    where: Any = {"logGroupName": "g", "logStreamName": "s"}
    context.logs.write("g", "s", [(1_700_000_000, "a"), (1_700_000_001, "b")])
    (file,) = (tmp_path / "logs" / "g").glob("*.jsonl")
    whole = file.read_bytes()
    file.write_bytes(whole[:-5])
    first: Any = get_log_events(context, where | {"startFromHead": True})
    file.write_bytes(whole)
    rest = get_log_events(context, where | {"nextToken": first["nextForwardToken"]})
    assert (messages(first), messages(rest)) == (["a"], ["b"])


def test_a_group_may_have_more_streams_than_files_may_be_open(tmp_path: Path) -> None:
    context = local_context(tmp_path)
    lines = [(1_700_000_000 + i, "x" * 500) for i in range(50)]  # more than is read at once
    for number in range(150):
        context.logs.write("many", f"s{number:03}", [(1_700_000_000 - 1, "first"), *lines])
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    used = len(list(Path("/proc/self/fd").iterdir()))
    resource.setrlimit(resource.RLIMIT_NOFILE, (used + 100, limits[1]))
    try:
        found: Any = filter_log_events(context, {"logGroupName": "many"})
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert len(found["events"]) == 150 * 51
    assert messages(found)[:150] == ["first"] * 150
    times = [event["timestamp"] for event in found["events"]]
    assert times == sorted(times)


def test_groups_and_streams_are_described(logs: Any, stream: dict[str, str]) -> None:
    put(logs, stream, "x")
    groups = logs.describe_log_groups(logGroupNamePrefix=stream["logGroupName"])["logGroups"]
    assert [group["logGroupName"] for group in groups] == [stream["logGroupName"]]
    found = logs.describe_log_streams(
        logGroupName=stream["logGroupName"], logStreamNamePrefix="job/"
    )["logStreams"]
    assert found[0]["logStreamName"] == "job/algo-1-1"
    assert found[0]["firstEventTimestamp"] == NOW


def test_groups_are_described_in_pages(logs: Any, stream: dict[str, str]) -> None:
    group = stream["logGroupName"]
    logs.create_log_group(logGroupName=f"{group}/more")
    pages = logs.get_paginator("describe_log_groups").paginate(
        logGroupNamePrefix=group, PaginationConfig={"PageSize": 1}
    )
    found = [[each["logGroupName"] for each in page["logGroups"]] for page in pages]
    assert found == [[group], [f"{group}/more"]]


@pytest.mark.parametrize(
    "order, names",
    [
        ({}, ["a", "b", "job/algo-1-1"]),
        ({"descending": True}, ["job/algo-1-1", "b", "a"]),
        ({"orderBy": "LastEventTime"}, ["b", "job/algo-1-1", "a"]),
        ({"orderBy": "LastEventTime", "descending": True}, ["a", "job/algo-1-1", "b"]),
    ],
    ids=str,
)
def test_streams_are_described_in_order_and_in_pages(
    logs: Any, stream: dict[str, str], order: Any, names: Any
) -> None:
    group = stream["logGroupName"]
    for name, begin in (("b", 1), ("a", 3)):
        logs.create_log_stream(logGroupName=group, logStreamName=name)
        where = {"logGroupName": group, "logStreamName": name}
        put(logs, where, "x", "y", begin=NOW + begin)
    put(logs, stream, "x", begin=NOW + 3)
    pages = list(
        logs.get_paginator("describe_log_streams").paginate(
            logGroupName=group, PaginationConfig={"PageSize": 2}, **order
        )
    )
    assert [len(page["logStreams"]) for page in pages] == [2, 1]
    found = [each for page in pages for each in page["logStreams"]]
    assert [each["logStreamName"] for each in found] == names
    last = {each["logStreamName"]: each["lastEventTimestamp"] for each in found}
    assert last["b"] == NOW + 2


@pytest.mark.parametrize(
    "group, name", [("/nowhere", "x"), (None, "nothing")], ids=["no-group", "no-stream"]
)
def test_missing_groups_and_streams_are_reported(
    logs: Any, stream: dict[str, str], group: str, name: str
) -> None:
    where = {"logGroupName": group or stream["logGroupName"]}
    for call, request in (
        (logs.get_log_events, {"logStreamName": name}),
        (logs.filter_log_events, {"logStreamNames": ["job/algo-1-1", name]}),
        (logs.put_log_events, {"logStreamName": name, "logEvents": [event("x")]}),
        (logs.delete_log_stream, {"logStreamName": name}),
    ):
        with pytest.raises(ClientError, match=r"ResourceNotFoundException.*does not exist\.$"):
            call(**where, **request)


def event(message: str, offset: int = 0) -> dict[str, Any]:
    return {"timestamp": NOW + offset, "message": message}


DAY = 24 * 60 * 60 * 1000


@pytest.mark.parametrize(
    "events, message",
    [
        ([event("b", 1), event("a")], "must be in chronological order."),
        ([event("a", -DAY - 5), event("b")], "cannot span more than 24 hours."),
        ([event("x" * 1_048_576)], "Log event too large: 1048602 bytes exceeds limit of 1048576"),
        ([event("x" * 700_000)] * 2, "Upload too large: 1400052 bytes exceeds limit of 1048576"),
        ([event("")], "failed to satisfy constraint"),
    ],
    ids=["order", "span", "event", "upload", "empty"],
)
def test_batch_that_is_wrong_is_refused(
    emulator: Emulator, stream: dict[str, str], events: Any, message: str
) -> None:
    logs = emulator.client("logs", parameter_validation=False)
    with pytest.raises(logs.exceptions.InvalidParameterException, match=message):
        logs.put_log_events(**stream, logEvents=events)
    assert messages(logs.get_log_events(**stream)) == []


def test_events_that_are_too_old_or_too_new_are_reported(logs: Any, stream: dict[str, str]) -> None:
    offsets = (-15 * DAY, -14 * DAY - 60_000, 0, 1, DAY // 8)
    done = logs.put_log_events(
        **stream, logEvents=[event(str(n), offset) for n, offset in enumerate(offsets)]
    )
    rejected = {"tooOldLogEventEndIndex": 2, "tooNewLogEventStartIndex": 4}
    assert done["rejectedLogEventsInfo"] == rejected
    assert messages(logs.get_log_events(**stream)) == ["2", "3"]
    done = logs.put_log_events(**stream, logEvents=[event("4", 2)])
    assert "rejectedLogEventsInfo" not in done


def test_late_events_are_read_in_the_order_of_time(logs: Any, stream: dict[str, str]) -> None:
    put(logs, stream, "c", "d", begin=NOW - 10)
    put(logs, stream, "a", "b", begin=NOW - 20)
    put(logs, stream, "e", begin=NOW)
    assert messages(logs.get_log_events(**stream)) == list("abcde")
    pages: list[str] = []
    token: dict[str, str] = {}
    for _ in range(3):
        page = logs.get_log_events(**stream, startFromHead=True, limit=2, **token)
        token = {"nextToken": page["nextForwardToken"]}
        pages.append("".join(messages(page)))
    assert pages == ["ab", "cd", "e"]
    newest = logs.get_log_events(**stream, limit=2)
    older = logs.get_log_events(**stream, limit=2, nextToken=newest["nextBackwardToken"])
    assert (messages(newest), messages(older)) == (["d", "e"], ["b", "c"])
    group = {"logGroupName": stream["logGroupName"]}
    found = logs.get_paginator("filter_log_events").paginate(
        **group, PaginationConfig={"PageSize": 2}
    )
    assert [messages(page) for page in found] == [["a", "b"], ["c", "d"], ["e"]]
    (shown,) = logs.describe_log_streams(**group)["logStreams"]
    assert (shown["firstEventTimestamp"], shown["lastEventTimestamp"]) == (NOW - 20, NOW)


def test_page_of_a_filter_is_read_on_from_its_place(logs: Any, stream: dict[str, str]) -> None:
    group = {"logGroupName": stream["logGroupName"]}
    logs.create_log_stream(**group, logStreamName="other")
    other = {**group, "logStreamName": "other"}
    put(logs, stream, *"ace", begin=NOW)
    put(logs, other, *"bdf", begin=NOW)
    first = logs.filter_log_events(**group, limit=2)
    assert messages(first) == ["a", "b"]
    logs.delete_log_stream(**stream)
    put(logs, other, "late", begin=NOW - 5)
    second = logs.filter_log_events(**group, limit=2, nextToken=first["nextToken"])
    assert messages(second) == ["d", "f"]
    assert "nextToken" not in second


@pytest.mark.parametrize("token", ["x", "f/1", "f/" + "0" * 56 + "/s", "bm9uZQ==", "f/²"])
def test_token_of_something_else_is_refused(logs: Any, stream: dict[str, str], token: str) -> None:
    put(logs, stream, *"abc")
    group = {"logGroupName": stream["logGroupName"]}
    for call, request in (
        (logs.get_log_events, stream),
        (logs.filter_log_events, group),
        (logs.describe_log_streams, group),
        (logs.describe_log_groups, {}),
    ):
        with pytest.raises(logs.exceptions.InvalidParameterException, match="nextToken is inv"):
            call(**request, nextToken=token)
    more = logs.filter_log_events(**group, limit=1)["nextToken"]
    with pytest.raises(logs.exceptions.InvalidParameterException, match="nextToken is invalid"):
        logs.filter_log_events(**group, filterPattern="b", nextToken=more)


def test_choices_that_exclude_each_other_are_refused(logs: Any, stream: dict[str, str]) -> None:
    group = {"logGroupName": stream["logGroupName"]}
    calls: list[tuple[Any, dict[str, Any]]] = [
        (logs.describe_log_streams, {"orderBy": "LastEventTime", "logStreamNamePrefix": "job"}),
        (logs.filter_log_events, {"logStreamNames": ["a"], "logStreamNamePrefix": "a"}),
        (logs.filter_log_events, {"startFromHead": False}),
        (logs.filter_log_events, {"logGroupIdentifier": stream["logGroupName"]}),
        (logs.get_log_events, {"logStreamName": "x", "logGroupIdentifier": "g"}),
    ]
    for call, request in calls:
        with pytest.raises(logs.exceptions.InvalidParameterException):
            call(**group, **request)
    with pytest.raises(logs.exceptions.InvalidParameterException, match="mutually exclusive"):
        logs.describe_log_groups(logGroupNamePrefix="a", logGroupNamePattern="b")
