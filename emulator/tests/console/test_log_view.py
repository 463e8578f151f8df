"""Logs as pages show them: followed by events, and whole as text."""

import base64
import json
import time

import pytest
from console_client import ConsoleClient
from emulator_process import Emulator
from server_events import Events

FOLLOW = "/console/log/follow"


class Log:
    """A log group of a test, and what the console shows of it."""

    def __init__(self, emulator: Emulator, console: ConsoleClient, group: str) -> None:
        self.group, self.console = group, console
        self._client = emulator.client("logs")
        self._client.create_log_group(logGroupName=group)

    def write(self, stream: str, *lines: str) -> None:
        streams = self._client.describe_log_streams(
            logGroupName=self.group, logStreamNamePrefix=stream
        )
        if not streams["logStreams"]:
            self._client.create_log_stream(logGroupName=self.group, logStreamName=stream)
        now = int(time.time() * 1000)
        events = [{"timestamp": now, "message": line} for line in lines]
        self._client.put_log_events(logGroupName=self.group, logStreamName=stream, logEvents=events)

    def follow(self, headers: dict[str, str] | None = None, **query: str) -> Events:
        return Events(self.console, FOLLOW, headers, group=self.group, **query)


def lines_of(events: Events) -> list[str]:
    """The messages of the next event, without their times."""
    return [line.partition(" ")[2] for line in json.loads(events.until("lines"))]


@pytest.fixture
def log(emulator: Emulator, console: ConsoleClient, name: str) -> Log:
    return Log(emulator, console, f"/tests/{name}")


def test_new_lines_come_once_from_all_streams_of_a_prefix(log: Log) -> None:
    log.write("job/1", "first")
    log.write("other/1", "of another job")
    with log.follow(prefix="job/") as following:
        assert lines_of(following) == ["first"]
        log.write("job/1", "second", "<third>")
        assert lines_of(following) == ["second", "<third>"]
        log.write("job/2", "of a new stream")
        assert lines_of(following) == ["of a new stream"]


@pytest.mark.parametrize("by", ["header", "query"])
def test_a_connection_continues_after_the_last_event(log: Log, by: str) -> None:
    log.write("s", "first")
    with log.follow() as following:
        place = following.next()["id"]
    log.write("s", "second")
    again = {"headers": {"last-event-id": place}} if by == "header" else {"after": place}
    with log.follow(**again) as following:
        assert lines_of(following) == ["second"]


@pytest.mark.parametrize("token", ["x", base64.b64encode(b"[1]").decode()])
def test_a_token_of_another_kind_begins_at_the_beginning(log: Log, token: str) -> None:
    log.write("s", "first")
    with log.follow(after=token) as following:
        assert lines_of(following) == ["first"]


def test_the_events_of_a_job_that_does_not_exist_end(log: Log, name: str) -> None:
    with log.follow(job=f"training/{name}") as following:
        following.until("end")


def test_a_log_that_does_not_exist_yet_is_followed_when_it_does(
    emulator: Emulator, console: ConsoleClient, name: str
) -> None:
    with Events(console, FOLLOW, group=f"/tests/{name}") as following:
        Log(emulator, console, f"/tests/{name}").write("s", "late")
        assert lines_of(following) == ["late"]


def test_the_whole_log_is_text(log: Log, console: ConsoleClient) -> None:
    log.write("s", "<b>first</b>", "second")
    response = console.http.get("/console/log/text", params={"group": log.group})
    assert response.headers["content-type"].startswith("text/plain")
    assert [line.split(" ", 1)[1] for line in response.text.splitlines()] == [
        "<b>first</b>",
        "second",
    ]


def test_the_text_of_a_log_that_does_not_exist_is_empty(console: ConsoleClient) -> None:
    response = console.http.get("/console/log/text", params={"group": "/tests/none"})
    assert (response.status_code, response.text) == (200, "")


@pytest.mark.parametrize("path", ["/console/log/follow", "/console/log/text"])
def test_a_log_that_cannot_be_is_refused(console: ConsoleClient, path: str) -> None:
    assert "logGroupName" in console.get(path, 400, group="<no name>").text
