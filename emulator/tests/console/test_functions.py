"""Lambda in the console."""

import itertools
from typing import Any

import pytest
from console_client import ConsoleClient
from emulator_process import Emulator
from function_archive import function_request

from sagemaker_emulator.console.invocations import parsed

SOURCE = """
import os, time
def handler(event, context):
    print("called", os.environ["WHO"], context.function_name)
    if event.get("fail"):
        raise ValueError("as asked")
    if event.get("exit"):
        os._exit(3)
    time.sleep(event.get("sleep", 0))
    return {"got": event}
"""


@pytest.fixture
def function(emulator: Emulator, name: str) -> str:
    variables = {"Variables": {"WHO": "a tester"}}
    request = function_request(name, SOURCE, Timeout=4, Environment=variables)
    emulator.client("lambda").create_function(**request)
    return name


def invoke(emulator: Emulator, function: str, payload: bytes) -> Any:
    return emulator.client("lambda").invoke(FunctionName=function, Payload=payload)


def test_functions_are_listed_and_filtered_by_a_part_of_their_names(
    console: ConsoleClient, function: str
) -> None:
    page = console.get("/console/functions", filter=function[3:])
    assert [link.get_text() for link in page.select("td a")] == [function]
    assert "No function" in console.get("/console/functions", filter="none-such").get_text()


def test_a_function_shows_its_configuration(console: ConsoleClient, function: str) -> None:
    text = console.get(f"/console/functions/{function}").get_text(" ")
    for part in ("function.main.handler", "python3.11", "WHO", "a tester", "not been invoked"):
        assert part in text


@pytest.mark.parametrize(
    ("payload", "outcome"),
    [
        (b"{}", "Succeeded"),
        (b'{"fail": 1}', "Failed ValueError"),
        (b'{"exit": 1}', "Failed Runtime.ExitError"),
        (b'{"sleep": 60}', "Timed out"),
    ],
)
def test_an_invocation_shows_its_outcome_and_log(
    emulator: Emulator, console: ConsoleClient, function: str, payload: bytes, outcome: str
) -> None:
    invoke(emulator, function, payload)
    cells = console.get(f"/console/functions/{function}").select("[data-label]")
    shown = {str(cell["data-label"]): " ".join(cell.get_text(" ").split()) for cell in cells}
    assert shown["outcome"] == outcome
    assert f"called a tester {function}" in shown["log"]


def test_tries_of_one_invocation_and_foreign_lines_are_told_apart() -> None:
    def event(message: str) -> dict[str, Any]:
        return {"message": message, "timestamp": 5000}

    report = "REPORT RequestId: a\tDuration: 1500.00 ms\tBilled Duration: 1500 ms"
    lines = ["START RequestId: a Version: 1", "one", "END RequestId: a", report, "asynchronous"]
    lines += [
        "START RequestId: a Version: 1",
        "two",
        "END RequestId: a",
        f"{report}\tStatus: error",
    ]
    lines += ["START RequestId: b Version: 1", "cut"]
    found = parsed(map(event, lines))
    assert [(each.lines, each.outcome) for each in found] == [
        (["one"], "Succeeded"),
        (["two"], "Failed"),
    ]
    assert (found[0].seconds, found[0].ended) == (1.5, 5.0)


@pytest.mark.parametrize("headers", [{}, {"hx-request": "true"}], ids=["page", "htmx"])
def test_a_form_invokes_a_function_and_shows_its_answer(
    console: ConsoleClient, function: str, headers: dict[str, str]
) -> None:
    page = console.get(f"/console/functions/{function}")
    console.http.headers.update(headers)
    try:
        path = f"/console/functions/{function}/invoke"
        text = console.post(path, page, 200, payload='{"number": 5}').text
    finally:
        for header in headers:
            del console.http.headers[header]
    assert "&#34;number&#34;: 5" in text and "called a tester" in text
    assert ("<html" in text) == (not headers)


def test_a_payload_that_is_not_json_is_refused_with_the_reason(
    console: ConsoleClient, function: str
) -> None:
    page = console.get(f"/console/functions/{function}")
    response = console.post(f"/console/functions/{function}/invoke", page, 400, payload="{")
    assert "InvalidRequestContentException" in response.text


def test_a_function_that_is_missing_is_a_problem(console: ConsoleClient) -> None:
    text = console.get("/console/functions/none-such", 404).get_text()
    assert "ResourceNotFoundException" in text


def test_a_new_invocation_arrives_as_an_event(
    emulator: Emulator, console: ConsoleClient, function: str
) -> None:
    path = f"/console/functions/{function}/events"
    with console.http.stream("GET", path) as response:
        lines = response.iter_lines()
        assert next(lines) == "event: invocations"
        invoke(emulator, function, b"{}")
        assert any("Succeeded" in line for line in itertools.islice(lines, 200))


def test_a_function_shows_how_its_asynchronous_invocations_end(
    console: ConsoleClient, emulator: Emulator, function: str
) -> None:
    sqs, functions = emulator.client("sqs"), emulator.client("lambda")
    url = sqs.create_queue(QueueName=function)["QueueUrl"]
    queue = f"arn:aws:sqs:us-east-1:123456789012:{function}"
    path = f"/console/functions/{function}"
    assert "tried again at most 2 times, for 21600 s" in console.get(path).get_text(" ")
    functions.put_function_event_invoke_config(
        FunctionName=function,
        MaximumRetryAttempts=0,
        MaximumEventAgeInSeconds=90,
        DestinationConfig={"OnFailure": {"Destination": queue}},
    )
    sqs.send_message(QueueUrl=url, MessageBody="x")
    functions.create_event_source_mapping(
        EventSourceArn=queue, FunctionName=function, Enabled=False, BatchSize=1
    )
    words = " ".join(console.get(path).get_text(" ").split())
    assert "tried again at most 0 times, for 90 s" in words
    assert f"what failed is reported to {function} (queue) : 1 waits there" in words
    assert f"called by {function} (queue) , disabled, 1 message at a time" in words
