"""The report's own drawings as SVG geometry: when each step ran, the trials, the epochs."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipelines.execution import Execution
from pipelines.trials import Trial

WIDTH, HEIGHT = 640, 220
LEFT, RIGHT, TOP, BOTTOM = 44, 12, 12, 30


@dataclass(frozen=True)
class Mark:
    """A bar, a point or a tick: where it is, in the chart's units, and its words."""

    x: float
    y: float
    width: float = 0.0
    text: str = ""
    kind: str = ""


@dataclass(frozen=True)
class Curve:
    """A named line; `points` as SVG writes them."""

    name: str
    points: str


@dataclass(frozen=True)
class Chart:
    """A drawing in units of its own width and height."""

    width: int
    height: int
    marks: tuple[Mark, ...] = ()
    curves: tuple[Curve, ...] = ()
    x_ticks: tuple[Mark, ...] = ()
    y_ticks: tuple[Mark, ...] = ()
    x_label: str = ""


def timeline(execution: Execution) -> Chart | None:
    """A bar for each step that ran, from its beginning to its end; None when none has begun."""
    begun = [step for step in execution.steps if step.started]
    if not begun:
        return None
    first = min(step.started for step in begun if step.started)
    whole = max((s.started - first).total_seconds() + (s.seconds or 0) for s in begun if s.started)
    whole = max(whole, 0.001)
    rows = []
    for row, step in enumerate(begun):
        assert step.started is not None
        start = (step.started - first).total_seconds() / whole
        width = (step.seconds or 0) / whole
        # A step of no duration still leaves a mark.
        rows.append(Mark(100 * start, 26 * row, max(100 * width, 0.4), step.name, step.status))
    return Chart(100, 26 * len(rows), tuple(rows))


def trials_chart(trials: Sequence[Trial]) -> Chart | None:
    """The objective of each trial against its learning rate; None with fewer than two results."""
    found = []
    for trial in trials:
        name = next((n for n in trial.hyperparameters if n in ("lr", "learning-rate")), None)
        if name and trial.objective is not None:
            found.append((float(trial.hyperparameters[name]), trial.objective, trial))
    if len(found) < 2:
        return None
    # Learning rates are searched on a logarithmic scale, and read on one.
    across = _Scale([math.log10(rate) for rate, _, _ in found], LEFT, WIDTH - RIGHT)
    up = _Scale([objective for _, objective, _ in found], HEIGHT - BOTTOM, TOP)
    marks = tuple(
        Mark(
            across(math.log10(rate)),
            up(value),
            0,
            f"{trial.name}: {value:.3f}",
            "best" if trial.best else "",
        )
        for rate, value, trial in found
    )
    return Chart(WIDTH, HEIGHT, marks, (), across.ticks("x"), up.ticks("y"), "learning rate")


def history_chart(history: Sequence[Mapping[str, Any]]) -> Chart | None:
    """Training and validation accuracy of each epoch; None with fewer than two epochs."""
    if len(history) < 2:
        return None
    epochs = [float(entry.get("epoch", number + 1)) for number, entry in enumerate(history)]
    names = [n for n in ("train_accuracy", "validation_accuracy") if n in history[0]]
    if not names:
        return None
    values = [float(entry[name]) for name in names for entry in history]
    across = _Scale(epochs, LEFT, WIDTH - RIGHT)
    up = _Scale(values, HEIGHT - BOTTOM, TOP)
    curves = tuple(
        Curve(
            name.replace("_", " "),
            " ".join(
                f"{across(epoch):.1f},{up(float(entry[name])):.1f}"
                for epoch, entry in zip(epochs, history, strict=True)
            ),
        )
        for name in names
    )
    ticks = tuple(Mark(across(epoch), HEIGHT - BOTTOM + 16, 0, f"{epoch:g}") for epoch in epochs)
    return Chart(WIDTH, HEIGHT, (), curves, ticks, up.ticks("y"), "epoch")


class _Scale:
    """Maps values linearly to positions, with a little room at both ends."""

    def __init__(self, values: Sequence[float], start: float, end: float) -> None:
        low, high = min(values), max(values)
        room = (high - low) * 0.08 or abs(high) * 0.1 or 1.0
        self.low, self.high, self.start, self.end = low - room, high + room, start, end

    def __call__(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low)
        return self.start + share * (self.end - self.start)

    def ticks(self, axis: str, count: int = 4) -> tuple[Mark, ...]:
        values = [self.low + (self.high - self.low) * (n + 0.5) / count for n in range(count)]
        if axis == "x":
            return tuple(Mark(self(v), HEIGHT - BOTTOM + 16, 0, f"{10**v:.2g}") for v in values)
        return tuple(Mark(LEFT - 6, self(v), 0, f"{v:.2f}") for v in values)
