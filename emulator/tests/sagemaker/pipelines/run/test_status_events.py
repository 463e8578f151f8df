from __future__ import annotations

import sqlite3
from typing import Any

import pytest
from pipeline_bench import TOKEN, Bench
from pipeline_steps import processing

from sagemaker_emulator.sagemaker.pipelines.run import status_events
from sagemaker_emulator.sagemaker.pipelines.run.records import ListedStep, StepRecord


def test_each_status_of_an_execution_is_an_event(bench: Bench) -> None:
    bench.create(processing("A"))
    bench.run()
    events = [event for event in bench.events if "Execution Status" in event["type"]]
    assert [
        (event["previousPipelineExecutionStatus"], event["currentPipelineExecutionStatus"])
        for event in events
    ] == [("Executing", "Executing"), ("Executing", "Succeeded")]


def test_start_and_end_of_a_step_are_events(bench: Bench) -> None:
    bench.create(processing("A"))
    arn, _ = bench.run()
    events = [event for event in bench.events if "Step Status" in event["type"]]
    assert [event["currentStepStatus"] for event in events] == ["Starting", "Succeeded"]
    assert [(event["stepName"], event["pipelineExecutionArn"]) for event in events] == [
        ("A", arn)
    ] * 2


def test_execution_continues_where_its_events_cannot_be_sent(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def emit(detail_type: str, detail: dict[str, Any], resources: list[str]) -> None:
        bench.events.append({"type": detail_type, **detail})
        raise RuntimeError("as the test asks")

    def unreadable(record: StepRecord) -> ListedStep:
        raise sqlite3.OperationalError("disk I/O error")

    monkeypatch.setattr(bench.events, "emit", emit)
    monkeypatch.setattr(status_events, "listed_step", unreadable)
    bench.create(processing("A"), processing("B", {"FAIL": "x", "FAIL_TIMES": "1"}))
    arn, status = bench.run()
    assert status == "Failed"
    bench.call("RetryPipelineExecution", PipelineExecutionArn=arn, ClientRequestToken=TOKEN)
    assert bench.finish(arn) == "Succeeded"
