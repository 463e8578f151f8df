"""Which lines of a shared log belong to a step, and what `logs` prints if there are none."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

import pipeline
from pipelines.executions.execution import Step
from pipelines.executions.logs import Line, written_by
from pipelines.executions.watch import Snapshot

BEGUN = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
ENDED = BEGUN + timedelta(seconds=10)


@pytest.mark.parametrize(
    ("kind", "ended", "offset", "belongs"),
    [
        ("Lambda", ENDED, -60, False),
        ("Lambda", ENDED, 5, True),
        ("Lambda", ENDED, 60, False),
        ("Lambda", None, 60, True),
        ("Training", ENDED, -60, True),
    ],
    ids=["before", "during", "after", "still-running", "a-job-has-a-log-of-its-own"],
)
def test_a_functions_log_is_cut_to_the_steps_own_time(
    kind: str, ended: datetime | None, offset: float, belongs: bool
) -> None:
    step = Step("Deploy", kind, "Succeeded", BEGUN, ended)
    line = Line("", round((BEGUN.timestamp() + offset) * 1000), "text")
    assert written_by(step, line) is belongs


@pytest.fixture
def logs_of(
    snapshot: Snapshot, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Any:
    """Types `logs Prepare`, of a job that wrote these lines; None: it has no log group."""
    step = replace(
        snapshot.execution.steps[0], metadata={"ProcessingJob": {"Arn": "arn:job/prepare-1"}}
    )
    execution = replace(snapshot.execution, steps=(step,))
    monkeypatch.setattr("pipelines.executions.lookup.resolve", lambda *_: execution.arn)
    monkeypatch.setattr("pipelines.executions.logs.describe", lambda *_: execution)

    def call(lines: list[str] | None) -> tuple[int, str, str]:
        def paginate(**_: Any) -> list[Any]:
            if lines is None:
                raise ClientError({"Error": {"Code": "ResourceNotFoundException"}}, "Filter")
            event = {"logStreamName": "prepare-1/algo-1", "timestamp": 0}
            return [{"events": [{**event, "message": line} for line in lines]}]

        client = SimpleNamespace(get_paginator=lambda _: SimpleNamespace(paginate=paginate))
        opened = (
            SimpleNamespace(client=lambda _: client),
            SimpleNamespace(name="tally", watch_name="tally-watch"),
        )
        monkeypatch.setattr("pipelines.target.open_target", lambda _: opened)
        code = pipeline.main(["logs", "Prepare"])
        return (code, *capsys.readouterr())

    return call


@pytest.mark.parametrize("lines", [[], None], ids=["no-line", "no-group"])
def test_an_empty_log_prints_that_it_is_empty(logs_of: Any, lines: list[str] | None) -> None:
    code, out, err = logs_of(lines)
    assert (code, out) == (0, "")
    assert "Step Prepare has written nothing to its log." in err


def test_logs_prints_the_lines_and_nothing_else(logs_of: Any) -> None:
    assert logs_of(["one", ""]) == (0, "one\n\n", "")
