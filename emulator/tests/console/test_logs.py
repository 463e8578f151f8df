"""CloudWatch Logs in the console."""

import time
from typing import Any

import pytest
from console_client import ConsoleClient
from emulator_process import Emulator

STREAM = "a/[1]?&#ü"


@pytest.fixture
def logs(emulator: Emulator) -> Any:
    return emulator.client("logs")


@pytest.fixture
def group(logs: Any, name: str) -> str:
    group = f"/own/{name}"
    logs.create_log_group(logGroupName=group)
    for stream, text in ((STREAM, 'one "two" <three>'), ("b", "four")):
        logs.create_log_stream(logGroupName=group, logStreamName=stream)
        event = {"timestamp": round(time.time() * 1000), "message": text}
        logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=[event])
    return group


def test_groups_are_listed_and_filtered_by_a_part_of_their_names(
    console: ConsoleClient, group: str
) -> None:
    page = console.get("/console/logs", filter=group[2:])
    assert [link.get_text() for link in page.select("td a")] == [group]
    assert "No group" in console.get("/console/logs", filter="none-such").get_text()


def test_a_stream_of_any_name_is_reached_by_links(console: ConsoleClient, group: str) -> None:
    page = console.get("/console/logs", filter=group)
    for name in (group, STREAM):
        (link,) = [each for each in page.select("td a") if each.get_text() == name]
        page = console.get(str(link["href"]))
    assert 'one "two" <three>' in page.get_text()
    assert "four" not in page.get_text()


def test_streams_are_filtered_by_the_beginning_of_their_names(
    console: ConsoleClient, group: str
) -> None:
    page = console.get("/console/logs", group=group, prefix="a/")
    assert [link.get_text() for link in page.select("td a")] == [STREAM]


@pytest.mark.parametrize("text", ['e "two" <th', "three>", '"two'])
def test_a_search_finds_a_part_of_a_message(console: ConsoleClient, group: str, text: str) -> None:
    page = console.get("/console/logs", group=group, search=text)
    (message,) = page.select("td[data-label=message]")
    assert message.get_text() == 'one "two" <three>'


def test_a_search_that_finds_nothing_says_so(console: ConsoleClient, group: str) -> None:
    assert "There is none." in console.get("/console/logs", group=group, search="five").get_text()


@pytest.mark.parametrize("query", [{"group": "none"}, {"stream": "none"}])
def test_what_is_missing_is_a_problem(
    console: ConsoleClient, group: str, query: dict[str, str]
) -> None:
    page = console.get("/console/logs", 400, **{"group": group} | query)
    assert "does not exist" in page.get_text()
