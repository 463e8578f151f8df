"""EventBridge in the console."""

import itertools
import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from bs4 import BeautifulSoup
from console_client import ConsoleClient
from emulator_process import Emulator
from function_archive import function_request
from pipeline_steps import ROLE, definition


@pytest.fixture
def events(emulator: Emulator) -> Any:
    return emulator.client("events")


@pytest.fixture
def rule(events: Any, name: str) -> str:
    """A rule whose source is its own name."""
    events.put_rule(Name=name, EventPattern=json.dumps({"source": [name]}))
    return name


@pytest.fixture
def function(emulator: Emulator, name: str) -> str:
    """The ARN of a function of the rule's name that no rule may invoke."""
    source = "def handler(event, context):\n    return 5\n"
    made = emulator.client("lambda").create_function(**function_request(name, source, Timeout=20))
    return str(made["FunctionArn"])


@pytest.fixture
def page_of(console: ConsoleClient, until: Callable[..., Any]) -> Callable[..., BeautifulSoup]:
    """A function that returns a rule's page as soon as it has a text."""

    def get(rule: str, text: str = "") -> BeautifulSoup:
        def look() -> dict[str, Any]:
            page = console.get(f"/console/events/{rule}")
            words = " ".join(page.get_text(" ").split())
            return {"page": page, "state": "InProgress" if text not in words else "", "is": words}

        page: BeautifulSoup = until(look, "state")["page"]
        return page

    return get


def send(events: Any, source: str) -> None:
    events.put_events(Entries=[{"Source": source, "DetailType": "new", "Detail": '{"count": 5}'}])


def permit(emulator: Emulator, function: str) -> None:
    emulator.client("lambda").add_permission(
        FunctionName=function,
        StatementId="events",
        Action="lambda:InvokeFunction",
        Principal="events.amazonaws.com",
    )


def test_rules_are_listed_with_their_state_and_targets(
    console: ConsoleClient, events: Any, rule: str, function: str
) -> None:
    events.put_targets(Rule=rule, Targets=[{"Id": "1", "Arn": function}])
    page = console.get("/console/events", filter=rule)
    assert [link["href"] for link in page.select("td a")] == [
        f"/console/events/{rule}",
        f"/console/functions/{rule}",
    ]
    assert "ENABLED" in page.get_text()
    assert "No rule" in console.get("/console/events", filter="none-such").get_text()


def test_a_rule_is_disabled_and_enabled(console: ConsoleClient, events: Any, rule: str) -> None:
    path = f"/console/events/{rule}"
    for state in ("DISABLED", "ENABLED"):
        console.post(path, console.get(path), state=state)
        assert events.describe_rule(Name=rule)["State"] == state


def test_a_match_shows_what_the_function_did(
    emulator: Emulator, events: Any, rule: str, function: str, page_of: Any
) -> None:
    permit(emulator, function)
    events.put_targets(Rule=rule, Targets=[{"Id": "1", "Arn": function, "Input": "{}"}])
    send(events, rule)
    page = page_of(rule, f"{rule} Succeeded")
    assert '"count": 5' in page.get_text()
    assert page.select_one(f"a[href='/console/functions/{rule}']")


def test_a_delivery_that_was_refused_shows_why(
    events: Any, rule: str, function: str, page_of: Any
) -> None:
    events.put_targets(Rule=rule, Targets=[{"Id": "1", "Arn": function}])
    send(events, rule)
    text = page_of(rule, "Not delivered").get_text()
    assert "does not permit events.amazonaws.com" in text


def test_a_match_leads_to_the_execution_that_it_started(
    emulator: Emulator, events: Any, rule: str, page_of: Any
) -> None:
    step = {"Name": "End", "Type": "Fail", "Arguments": {"ErrorMessage": "x"}}
    sagemaker = emulator.client("sagemaker")
    pipeline = sagemaker.create_pipeline(
        PipelineName=rule,
        PipelineDefinition=definition(step),
        ClientRequestToken=rule.ljust(32, "0"),
        RoleArn=ROLE,
    )["PipelineArn"]
    events.put_targets(Rule=rule, Targets=[{"Id": "1", "Arn": pipeline}])
    send(events, rule)
    page = page_of(rule, "execution")
    listed = sagemaker.list_pipeline_executions(PipelineName=rule)["PipelineExecutionSummaries"]
    identity = listed[0]["PipelineExecutionArn"].rpartition("/")[2]
    assert page.select_one(f"a[href='/console/executions/{identity}']")


def test_a_test_event_names_the_rules_that_it_matched(console: ConsoleClient, rule: str) -> None:
    page = console.get("/console/events")
    sent = console.post("/console/events", page, 200, source=rule, type="Test", detail="{}")
    assert f'It matched <a href="/console/events/{rule}">' in sent.text
    other = console.post("/console/events", page, 200, source="none", type="Test", detail="{}")
    assert "No enabled rule matched it" in other.text


@pytest.mark.parametrize(
    ("source", "detail", "code"),
    [("aws.s3", "{}", "NotAuthorizedForSource"), ("my", "no json", "MalformedDetail")],
)
def test_an_event_that_is_refused_shows_why_and_stays_in_its_form(
    console: ConsoleClient, source: str, detail: str, code: str
) -> None:
    page = console.get("/console/events")
    sent = console.post("/console/events", page, 400, source=source, type="T", detail=detail)
    shown = BeautifulSoup(sent.text, "html.parser")
    problem, text = shown.select_one(".problem"), shown.select_one("textarea[name=detail]")
    assert problem is not None and code in problem.text
    assert text is not None and text.text == detail


def test_a_new_match_arrives_as_an_event(console: ConsoleClient, events: Any, rule: str) -> None:
    with console.http.stream("GET", f"/console/events/{rule}/follow") as response:
        lines = response.iter_lines()
        assert next(lines) == "event: matches"
        send(events, rule)
        assert any(rule in line for line in itertools.islice(lines, 200))


def test_the_log_of_a_rule_is_linked_when_it_has_matched(
    console: ConsoleClient, events: Any, rule: str, page_of: Any
) -> None:
    link = f"a[href^='/console/logs?'][href$='{rule}%2F']"
    assert not console.get(f"/console/events/{rule}").select_one(link)
    send(events, rule)
    assert page_of(rule, "The latest matches").select_one(link)


def test_half_of_a_pair_in_an_event_does_not_end_the_stream(
    console: ConsoleClient, events: Any, rule: str
) -> None:
    detail = '{"half": "\\ud83d"}'
    events.put_events(Entries=[{"Source": rule, "DetailType": "Test", "Detail": detail}])
    with console.http.stream("GET", f"/console/events/{rule}/follow") as response:
        assert any("half" in line for line in itertools.islice(response.iter_lines(), 200))


def test_the_stream_of_a_rule_that_is_deleted_ends(
    console: ConsoleClient, events: Any, rule: str
) -> None:
    with console.http.stream("GET", f"/console/events/{rule}/follow") as response:
        lines = response.iter_lines()
        assert next(lines) == "event: matches"
        events.delete_rule(Name=rule)
        assert "has not matched" in "".join(lines)


def test_a_log_that_a_client_wrote_to_breaks_no_page(
    emulator: Emulator, console: ConsoleClient, events: Any, rule: str
) -> None:
    send(events, rule)
    logs = emulator.client("logs")
    group = "/aws/vendedlogs/events/event-bus/default"
    logs.create_log_stream(logGroupName=group, logStreamName=f"{rule}/own")
    stream = {"logGroupName": group, "logStreamName": f"{rule}/own"}
    for message in ("text", "[]", '{"event_id": [], "message_type": 1, "details": 2}'):
        event = {"timestamp": 1796032841000, "message": message}
        logs.put_log_events(**stream, logEvents=[event])
    assert rule in console.get(f"/console/events/{rule}").get_text()


def test_a_rule_that_is_missing_is_a_problem(console: ConsoleClient) -> None:
    assert "does not exist" in console.get("/console/events/none-such", 400).get_text()


def test_a_rule_shows_its_queue_and_how_it_is_tried(
    console: ConsoleClient, emulator: Emulator, events: Any, rule: str, page_of: Any
) -> None:
    sqs = emulator.client("sqs")
    dead = sqs.create_queue(QueueName=f"{rule}-dead")["QueueUrl"]
    sqs.create_queue(QueueName=rule)
    sqs.send_message(QueueUrl=dead, MessageBody="x")
    arn = f"arn:aws:sqs:us-east-1:123456789012:{rule}"
    target = {
        "Id": "1",
        "Arn": arn,
        "RetryPolicy": {"MaximumRetryAttempts": 3, "MaximumEventAgeInSeconds": 90},
        "DeadLetterConfig": {"Arn": f"{arn}-dead"},
    }
    events.put_targets(Rule=rule, Targets=[target])
    send(events, rule)
    words = " ".join(page_of(rule, "Delivered").get_text(" ").split())
    assert f"{rule} (queue)" in words
    assert "tried again at most 3 times, for 90 s" in words
    assert f"dead letters to {arn}-dead: 1 waits there" in words


def test_a_rule_by_schedule_shows_its_next_time(
    console: ConsoleClient, events: Any, name: str
) -> None:
    events.put_rule(Name=name, ScheduleExpression="cron(0 10 1 1 ? 2100)")
    words = console.get(f"/console/events/{name}").get_text(" ")
    assert "cron(0 10 1 1 ? 2100)" in words
    assert "2100-01-01" in words
    listed = console.get("/console/events", filter=name).get_text(" ")
    assert "cron(0 10 1 1 ? 2100)" in listed
    events.delete_rule(Name=name)


def test_schedules_are_listed_by_the_beginning_of_their_names(
    console: ConsoleClient, emulator: Emulator, name: str
) -> None:
    scheduler = emulator.client("scheduler")
    scheduler.create_schedule(
        Name=name,
        ScheduleExpression="cron(0 10 1 1 ? 2100)",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={
            "Arn": f"arn:aws:sqs:us-east-1:123456789012:{name}",
            "RoleArn": "arn:aws:iam::123456789012:role/scheduler",
        },
    )

    def links(prefix: str) -> list[str]:
        page = console.get("/console/events", filter=prefix)
        return [str(link["href"]) for link in page.select("td[data-label=schedule] a")]

    address = f"/console/events/schedules/default/{name}"
    assert links(name) == [address]
    assert address in links("")
    assert links(f"{name}-other") == []
    scheduler.delete_schedule(Name=name)


def test_a_schedule_shows_what_became_of_its_times(
    console: ConsoleClient, emulator: Emulator, until: Callable[..., Any], name: str
) -> None:
    role = "arn:aws:iam::123456789012:role/scheduler"
    queue = f"arn:aws:sqs:us-east-1:123456789012:{name}"
    emulator.client("sqs").create_queue(QueueName=f"{name}-dead")
    emulator.client("scheduler").create_schedule(
        Name=name,
        ScheduleExpression="at(2026-01-01T00:00:00)",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={
            "Arn": queue,
            "RoleArn": role,
            "Input": "<b>",
            "DeadLetterConfig": {"Arn": f"{queue}-dead"},
        },
    )
    path = f"/console/events/schedules/default/{name}"
    assert path in [link["href"] for link in console.get("/console/events").select("td a")]

    def look() -> dict[str, Any]:
        words = " ".join(console.get(path).get_text(" ").split())
        is_over = "dead letter was sent" in words and "1 waits there" in words
        return {"words": words, "state": "" if is_over else "InProgress"}

    words = until(look, "state")["words"]
    assert "2026-01-01T00:00:00Z" in words
    assert "Failed" in words
    assert "<b>" in words


def test_a_time_that_went_well_is_shown(
    console: ConsoleClient, emulator: Emulator, name: str
) -> None:
    emulator.client("sqs").create_queue(QueueName=name)
    emulator.client("scheduler").create_schedule(
        Name=name,
        ScheduleExpression="rate(1 day)",
        FlexibleTimeWindow={"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 1},
        Target={
            "Arn": f"arn:aws:sqs:us-east-1:123456789012:{name}",
            "RoleArn": "arn:aws:iam::123456789012:role/scheduler",
        },
        State="DISABLED",
    )
    logs = emulator.client("logs")
    group, stream = "/emulator/schedules/default", f"{name}/2026-01-01"
    path = f"/console/events/schedules/default/{name}"
    words = " ".join(console.get(path).get_text(" ").split())
    assert "It has not fired yet." in words
    assert "flexible window 1 min" in words
    if not logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]:
        logs.create_log_group(logGroupName=group)
    logs.create_log_stream(logGroupName=group, logStreamName=stream)
    record = {"status": "SUCCESS", "scheduled_time": "2026-01-01T00:00:00Z", "attempts": 2}
    lines = [json.dumps(record), "nonsense"]
    now = int(time.time() * 1000)
    logs.put_log_events(
        logGroupName=group,
        logStreamName=stream,
        logEvents=[{"timestamp": now, "message": line} for line in lines],
    )
    words = " ".join(console.get(path).get_text(" ").split())
    assert "2026-01-01T00:00:00Z Succeeded 2 tries" in words
