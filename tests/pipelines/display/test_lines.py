"""An execution shown where no line can be replaced, such as the log of a CI job."""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from pipelines.display import terminal
from pipelines.executions.watch import Snapshot

Lines = Callable[[list[tuple[float, str, str]]], list[str]]


@pytest.fixture
def lines(capsys: Any, monkeypatch: pytest.MonkeyPatch, snapshot: Snapshot) -> Lines:
    """Prints Train in these states, [(second, status, detail), ...], and returns the lines."""

    def show(states: list[tuple[float, str, str]]) -> list[str]:
        clock = iter(second for second, _, _ in states)
        monkeypatch.setattr(terminal, "monotonic", lambda: next(clock))
        train = next(step for step in snapshot.execution.steps if step.name == "Train")

        def snapshots() -> Iterator[Snapshot]:
            for _, status, detail in states:
                ended = train.ended if status == "Succeeded" else None
                steps = (replace(train, status=status, ended=ended),)
                execution = replace(snapshot.execution, steps=steps)
                yield replace(snapshot, execution=execution, details={"Train": detail})

        terminal.show_live(snapshots())
        printed = [line for line in capsys.readouterr().out.splitlines() if "Train" in line]
        return [re.sub(r"^[0-9:]{8} Train \(Training\) ", "", line) for line in printed]

    return show


def test_a_long_step_prints_its_progress_once_a_minute(lines: Lines) -> None:
    states: list[tuple[float, str, str]] = [
        (0, "Executing", "downloading"),
        (30, "Executing", "epoch=1"),
        (61, "Executing", "epoch=2"),
        (62, "Executing", "epoch=3"),
        (120, "Executing", "epoch=4"),
        (121, "Executing", "epoch=5"),
        (200, "Executing", "epoch=5"),
        (270, "Executing", ""),
        (271, "Succeeded", "validation:accuracy 0.489"),
    ]
    assert lines(states) == [
        "Executing",
        "Executing: epoch=2",
        "Executing: epoch=5",
        "Succeeded in 41 s: validation:accuracy 0.489",
    ]


def test_a_stopping_step_is_printed_once(lines: Lines) -> None:
    states: list[tuple[float, str, str]] = [(0, "Stopping", "epoch=1"), (90, "Stopping", "epoch=2")]
    assert lines(states) == ["Stopping"]
