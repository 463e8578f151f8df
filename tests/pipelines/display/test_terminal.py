"""What is shown on a terminal of 80 columns."""

import re
import sys
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from model_registry.versions import ModelVersion
from pipelines.display import tables, terminal
from pipelines.serving.comparison import Compared

BEGUN = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)


@pytest.fixture
def shown(monkeypatch, capsys):
    """Makes something on a terminal of 80 columns and answers the lines that are shown there."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "xterm")

    def show(make, *arguments):
        monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
        made = make(*arguments)
        terminal.show(*made if isinstance(made, list) else [made])
        return re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out).splitlines()

    return show


def test_versions_and_executions_stay_in_their_lines_on_a_narrow_terminal(shown):
    version = ModelVersion(
        "tally", 12, "arn:12", "PendingManualApproval", BEGUN, BEGUN, "", "", "seen by Ada", {}
    )
    metrics = {"accuracy": 0.4375, "within one": 0.875, "rmse": 1.0}
    lines = shown(tables.models, [Compared(version, metrics, False)])
    assert lines[-1].split()[-2:] == ["0.438", "0.875"]
    named = {
        "PipelineExecutionArn": "arn:execution/8x2kq0wzv1ab",
        "StartTime": BEGUN,
        "PipelineExecutionStatus": "Failed",
        "PipelineExecutionDisplayName": "demo-20261128-123412-12345",
        "PipelineExecutionFailureReason": "Step failure: One or multiple steps failed.",
    }
    lines = shown(tables.executions, [named])
    assert max(map(len, lines)) <= 80
    assert "One or multiple" in " ".join(line[-20:].strip() for line in lines)


def test_sentences_are_wrapped_between_words_and_commands_are_not(shown, look, outcome):
    failed = replace(look.execution, failure="Step failure: " + 20 * "some words ")
    look = replace(look, execution=failed)
    lines = [line.rstrip() for line in shown(tables.status, look, outcome)]
    begins = next(at for at, line in enumerate(lines) if line.startswith("Failed because"))
    assert lines[begins].endswith((" some", " words")) and len(lines[begins]) <= 80
    command = (
        f"  python pipeline.py report {failed.id}   # all of this with pictures, in one HTML file"
    )
    assert len(command) > 80 and command in lines
