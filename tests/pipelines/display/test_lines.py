"""An execution shown where no line can be replaced, as in the log of a CI job."""

import re
from dataclasses import replace

from pipelines.display import terminal


def lines(capsys, monkeypatch, look, seen):
    """What is printed of Train where it is seen like this: [(second, status, detail), ...]."""
    clock = iter(second for second, _, _ in seen)
    monkeypatch.setattr(terminal, "monotonic", lambda: next(clock))
    train = next(step for step in look.execution.steps if step.name == "Train")

    def looks():
        for _, status, detail in seen:
            ended = train.ended if status == "Succeeded" else None
            execution = replace(look.execution, steps=(replace(train, status=status, ended=ended),))
            yield replace(look, execution=execution, details={"Train": detail})

    terminal.show_live(looks())
    printed = [line for line in capsys.readouterr().out.splitlines() if "Train" in line]
    return [re.sub(r"^[0-9:]{8} Train \(Training\) ", "", line) for line in printed]


def test_a_step_that_runs_long_says_once_a_minute_how_far_it_is(capsys, monkeypatch, look):
    seen = [
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
    assert lines(capsys, monkeypatch, look, seen) == [
        "Executing",
        "Executing: epoch=2",
        "Executing: epoch=5",
        "Succeeded in 41 s: validation:accuracy 0.489",
    ]


def test_a_step_that_is_stopping_is_said_once(capsys, monkeypatch, look):
    seen = [(0, "Stopping", "epoch=1"), (90, "Stopping", "epoch=2")]
    assert lines(capsys, monkeypatch, look, seen) == ["Stopping"]
