"""The bus's log: what each rule matched, and the outcome of each delivery."""

import json
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from emulator_process import Emulator
from local_context import local_context

from sagemaker_emulator.services.events import event_log
from sagemaker_emulator.services.events.event_log import GROUP
from sagemaker_emulator.services.logs.log_files import LogFiles, stream_files, stream_name


@pytest.fixture
def records(emulator: Emulator) -> Callable[[str], list[Any]]:
    """A function that returns the records of a rule."""
    logs = emulator.client("logs")

    def read(rule: str) -> list[Any]:
        found = logs.filter_log_events(logGroupName=GROUP, logStreamNamePrefix=f"{rule}/")
        return [json.loads(each["message"]) for each in found["events"]]

    return read


def send(events: Any, source: str, detail: Any = None) -> str:
    entry = {"Source": source, "DetailType": "new", "Detail": json.dumps(detail or {})}
    return str(events.put_events(Entries=[entry])["Entries"][0]["EventId"])


def steps(records: list[Any]) -> list[str]:
    return [record["message_type"] for record in records]


def test_a_delivery_to_a_pipeline_names_its_execution(
    events: Any, pipeline: str, rule: Any, records: Any, name: str
) -> None:
    made = rule({"source": [name]}, {"Arn": pipeline})
    event = send(events, name, {"count": 5})
    start, match, success = records(made)
    assert {record["event_id"] for record in (start, match, success)} == {event}
    assert start["message_type"] == "RULE_MATCH_START"
    assert start["details"]["source"] == name
    assert json.loads(start["details"]["event_detail"]) == {"count": 5}
    assert match["details"]["target_arns"] == [pipeline]
    assert match["details"]["invocation_ids"] == [success["invocation_id"]]
    assert success["message_type"] == "INVOCATION_SUCCESS"
    assert success["details"]["target_arn"] == pipeline
    execution = json.loads(success["details"]["target_response_body"])["PipelineExecutionArn"]
    assert execution.startswith(f"{pipeline}/execution/")


def test_a_delivery_to_a_function_has_its_request_id(
    emulator: Emulator, events: Any, functions: Any, function: str, rule: Any, records: Any
) -> None:
    arn = functions.get_function(FunctionName=function)["Configuration"]["FunctionArn"]
    source = f"source-{function}"
    made = rule({"source": [source]}, {"Arn": arn, "Input": '{"fail": 1}'})
    functions.add_permission(
        FunctionName=function,
        StatementId="events",
        Action="lambda:InvokeFunction",
        Principal="events.amazonaws.com",
    )
    send(events, source)
    success = records(made)[-1]
    assert success["details"]["target_input"] == '{"fail": 1}'
    deadline = time.monotonic() + 20
    started: list[Any] = []
    while len(started) < 2 and time.monotonic() < deadline:  # a failed try, and the next
        time.sleep(0.05)
        started = [each for each in emulator.log(function).splitlines() if "START Req" in each]
    assert set(started) == {f"START RequestId: {success['invocation_id']} Version: $LATEST"}


def test_a_refused_delivery_states_why(
    events: Any, functions: Any, function: str, rule: Any, records: Any
) -> None:
    arn = functions.get_function(FunctionName=function)["Configuration"]["FunctionArn"]
    source = f"source-{function}"
    queue = "arn:aws:sqs:us-east-1:123456789012:none"
    made = rule({"source": [source]}, {"Arn": arn, "DeadLetterConfig": {"Arn": queue}})
    send(events, source)
    found = records(made)
    assert steps(found)[2:] == ["INVOCATION_FAILURE", "INVOCATION_DLQ"]
    assert found[2]["log_level"] == "ERROR"
    assert found[2]["error"]["aws_service"] == "AWSLambda"
    assert "does not permit" in found[2]["error"]["error_message"]


def test_a_rule_without_targets_has_its_matches_only(
    events: Any, rule: Any, records: Any, name: str
) -> None:
    events.put_rule(Name=name, EventPattern=json.dumps({"source": [name]}))
    send(events, name)
    events.disable_rule(Name=name)
    send(events, name)
    assert steps(records(name)) == ["RULE_MATCH_START", "RULE_MATCH"]
    events.delete_rule(Name=name)


def test_what_is_too_long_is_left_out_by_name(
    events: Any, rule: Any, records: Any, name: str, pipeline: str
) -> None:
    made = rule({"source": [name]}, {"Arn": pipeline})
    send(events, name, {"long": "x" * 100_000})
    start = records(made)[0]
    assert start["dropped_fields"] == ["event_detail"]
    assert "event_detail" not in start["details"]


def test_a_rule_keeps_the_streams_of_its_last_days(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = local_context(tmp_path)
    rule = {"Name": "a", "Arn": "a", "State": "ENABLED", "Targets": []}
    context.store.put("rule", "a", {**rule, "EventPattern": '{"source": ["mine"]}'})
    monkeypatch.setattr(event_log, "DAYS_KEPT", 2)
    for day in ("2026-01-01", "2026-01-02", "2026-01-03"):
        monkeypatch.setattr(time, "strftime", lambda *_, day=day: day)
        context.events.emit("T", {}, [], "mine")
    assert [stream_name(each) for each in stream_files(_folder(tmp_path))] == [
        "a/2026-01-02",
        "a/2026-01-03",
    ]


def test_an_event_is_delivered_although_its_log_cannot_be_written(tmp_path: Path) -> None:
    context = local_context(tmp_path)
    rule = {"Name": "a", "Arn": "a", "State": "ENABLED", "Targets": []}
    context.store.put("rule", "a", {**rule, "EventPattern": '{"source": ["mine"]}'})
    (tmp_path / "logs").write_text("no folder")
    assert uuid.UUID(context.events.emit("T", {}, [], "mine"))


def test_streams_of_other_prefixes_stay(tmp_path: Path) -> None:
    files = LogFiles(tmp_path / "logs")
    for stream in ("a/1", "a/2", "ab/1", "b"):
        files.append("group", stream, ["line"])
    files.keep_last("group", "a/", 1)
    names = [stream_name(each) for each in stream_files(tmp_path / "logs" / "group")]
    assert names == ["a/2", "ab/1", "b"]


def _folder(state: Path) -> Path:
    (folder,) = [each for each in (state / "logs").iterdir() if each.is_dir()]
    return folder
