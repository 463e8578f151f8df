"""Archives of a bus and their replays, through boto3."""

import json
import sqlite3
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from emulator_process import Emulator
from local_context import local_context

from sagemaker_emulator.services.events import archives, replays

PATTERN = json.dumps({"source": ["my.app"], "detail": {"n": [{"numeric": [">", 1]}]}})


@pytest.fixture
def events(emulator: Emulator) -> Any:
    return emulator.client("events")


@pytest.fixture
def bus(events: Any, name: str) -> str:
    return str(events.create_event_bus(Name=name)["EventBusArn"])


@pytest.fixture
def queue(emulator: Emulator, events: Any, bus: str, name: str) -> Iterator[str]:
    """The address of a queue that gets all events of the bus by the rule `all`."""
    sqs = emulator.client("sqs")
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    events.put_rule(Name="all", EventBusName=bus, EventPattern='{"source": ["my.app"]}')
    arn = f"arn:aws:sqs:us-east-1:123456789012:{name}"
    events.put_targets(Rule="all", EventBusName=bus, Targets=[{"Id": "q", "Arn": arn}])
    yield url
    sqs.delete_queue(QueueUrl=url)


def send(events: Any, bus: str, *numbers: int) -> None:
    entries = [
        {
            "Source": "my.app",
            "DetailType": "t",
            "Detail": json.dumps({"n": number}),
            "EventBusName": bus,
        }
        for number in numbers
    ]
    assert events.put_events(Entries=entries)["FailedEntryCount"] == 0


def received(emulator: Emulator, url: str, count: int) -> list[Any]:
    bodies: list[Any] = []
    sqs, deadline = emulator.client("sqs"), time.monotonic() + 20
    while len(bodies) < count and time.monotonic() < deadline:
        found = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=2, MaxNumberOfMessages=10)
        for each in found.get("Messages", []):
            bodies.append(json.loads(each["Body"]))
            sqs.delete_message(QueueUrl=url, ReceiptHandle=each["ReceiptHandle"])
    return bodies


def ended(events: Any, name: str) -> Any:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        found = events.describe_replay(ReplayName=name)
        if found["State"] not in ("STARTING", "RUNNING", "CANCELLING"):
            return found
        time.sleep(0.05)
    raise AssertionError(found)


def test_archived_events_are_sent_again(
    emulator: Emulator, events: Any, bus: str, queue: str, name: str
) -> None:
    made = events.create_archive(ArchiveName=name, EventSourceArn=bus, EventPattern=PATTERN)
    assert made["ArchiveArn"] == f"arn:aws:events:us-east-1:123456789012:archive/{name}"
    send(events, bus, 1, 2, 3)
    first = {each["id"]: each for each in received(emulator, queue, 3)}
    archive = events.describe_archive(ArchiveName=name)
    assert archive["EventCount"] == 2
    assert archive["SizeBytes"] > 0
    now = datetime.now(UTC)
    span = {"EventStartTime": now - timedelta(hours=1), "EventEndTime": now + timedelta(hours=1)}
    about = {"EventSourceArn": made["ArchiveArn"], "Destination": {"Arn": bus}, **span}
    started = events.start_replay(ReplayName=name, **about)
    assert started["State"] == "STARTING"
    again = received(emulator, queue, 2)
    assert sorted(each["detail"]["n"] for each in again) == [2, 3]
    for each in again:
        assert each.pop("replay-name") == name
        assert each == first[each["id"]]
    assert ended(events, name)["State"] == "COMPLETED"
    assert events.describe_archive(ArchiveName=name)["EventCount"] == 2  # not archived again
    with pytest.raises(ClientError, match=f"Replay {name} already exists"):
        events.start_replay(ReplayName=name, **about)
    with pytest.raises(ClientError, match="IllegalStatusException"):
        events.cancel_replay(ReplayName=name)
    other = {**about, "Destination": {"Arn": bus, "FilterArns": [f"{bus}/none"]}}
    events.start_replay(ReplayName=f"{name}-2", **other)
    assert ended(events, f"{name}-2")["State"] == "COMPLETED"
    early = {**about, "EventEndTime": now - timedelta(minutes=30)}
    events.start_replay(ReplayName=f"{name}-3", **early)
    assert "EventLastReplayedTime" not in ended(events, f"{name}-3")
    listed = events.list_replays(NamePrefix=name)["Replays"]
    assert [each["ReplayName"] for each in listed] == [name, f"{name}-2", f"{name}-3"]
    assert emulator.client("sqs").receive_message(QueueUrl=queue).get("Messages", []) == []


def test_archives_are_listed_changed_and_deleted(events: Any, bus: str, name: str) -> None:
    events.create_archive(ArchiveName=name, EventSourceArn=bus, Description="d")
    events.update_archive(ArchiveName=name, RetentionDays=3, EventPattern=PATTERN)
    found = events.describe_archive(ArchiveName=name)
    assert (found["RetentionDays"], found["EventPattern"]) == (3, PATTERN)
    (listed,) = events.list_archives(EventSourceArn=bus)["Archives"]
    assert (listed["ArchiveName"], listed["EventCount"]) == (name, 0)
    send(events, bus, 5)
    events.delete_archive(ArchiveName=name)
    events.create_archive(ArchiveName=name, EventSourceArn=bus)
    assert events.describe_archive(ArchiveName=name)["EventCount"] == 0
    with pytest.raises(ClientError, match=f"Archive {name} already exists"):
        events.create_archive(ArchiveName=name, EventSourceArn=bus)
    with pytest.raises(ClientError, match="At most one filter is allowed for ListArchives"):
        events.list_archives(NamePrefix="a", State="ENABLED")
    with pytest.raises(ClientError, match="Archive none does not exist"):
        events.delete_archive(ArchiveName="none")
    with pytest.raises(ClientError, match="InvalidEventPatternException"):
        events.update_archive(ArchiveName=name, EventPattern="{")


@pytest.mark.parametrize(
    "more, message",
    [
        ({"Destination": {"Arn": "x"}}, "Must contain an event bus ARN"),
        (
            {"Destination": {"Arn": "arn:aws:events:us-east-1:123456789012:event-bus/default"}},
            "Cross event bus replay is not permitted",
        ),
        (
            {"EventSourceArn": "arn:aws:events:us-east-1:123456789012:archive/none"},
            "Archive none does not exist",
        ),
        ({"EventEndTime": datetime(2020, 1, 1)}, "EventStartTime must be before EventEndTime"),
    ],
)
def test_wrong_replay_is_refused(
    events: Any, bus: str, name: str, more: dict[str, Any], message: str
) -> None:
    arn = events.create_archive(ArchiveName=name, EventSourceArn=bus)["ArchiveArn"]
    request = {
        "ReplayName": name,
        "EventSourceArn": arn,
        "Destination": {"Arn": bus},
        "EventStartTime": datetime(2021, 1, 1),
        "EventEndTime": datetime(2021, 1, 2),
    }
    with pytest.raises(ClientError, match=message):
        events.start_replay(**{**request, **more})


def test_replay_that_a_kill_cut_off_is_failed(tmp_path: Path) -> None:
    context = local_context(tmp_path)
    context.store.put("event-replay", "r", {"ReplayName": "r", "State": "RUNNING"})
    assert replays.describe_replay(context, {"ReplayName": "r"})["State"] == "FAILED"


def test_replay_whose_end_cannot_be_kept_is_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = local_context(tmp_path)
    bus = "arn:aws:events:us-east-1:123456789012:event-bus/default"
    made = archives.create_archive(context, {"ArchiveName": "a", "EventSourceArn": bus})
    threads: list[threading.Thread] = []
    # It is run below, when the disk is full.
    monkeypatch.setattr(threading.Thread, "start", lambda thread: threads.append(thread))
    request: Any = {
        "ReplayName": "r",
        "EventSourceArn": made["ArchiveArn"],
        "Destination": {"Arn": bus},
        "EventStartTime": 0.0,
        "EventEndTime": 1.0,
    }
    replays.start_replay(context, request)
    assert replays.describe_replay(context, {"ReplayName": "r"})["State"] == "STARTING"

    def full(*_: object, **__: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(context.store, "update", full)
    with pytest.raises(sqlite3.OperationalError):
        threads[0].run()
    assert replays.describe_replay(context, {"ReplayName": "r"})["State"] == "FAILED"
