"""The charts of the report as SVG geometry: when each step ran, and the trials."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pipelines.executions.execution import Execution
from pipelines.executions.trials import Trial

WIDTH, HEIGHT = 520, 240
LEFT, RIGHT, TOP, BOTTOM = 56, 12, 12, 44
SHORTEST = 0.6  # percent of the timeline, for a step of no time


@dataclass(frozen=True)
class Mark:
    """A bar, a point or a tick: its position in the chart's units, and its text."""

    x: float
    y: float
    width: float = 0.0
    text: str = ""
    kind: str = ""


@dataclass(frozen=True)
class Chart:
    """A chart, with its width and height in its own units."""

    width: int
    height: int
    marks: tuple[Mark, ...] = ()
    x_ticks: tuple[Mark, ...] = ()
    y_ticks: tuple[Mark, ...] = ()
    x_label: str = ""
    y_label: str = ""


def timeline(execution: Execution) -> Chart | None:
    """A bar for each step that ran, from its start to its end; None if none has started."""
    steps = [step for step in execution.steps if step.started]
    if not steps:
        return None
    first = min(step.started for step in steps if step.started)
    whole = max((s.started - first).total_seconds() + (s.seconds or 0) for s in steps if s.started)
    whole = max(whole, 0.001)
    rows = []
    for row, step in enumerate(steps):
        assert step.started is not None
        start = (step.started - first).total_seconds() / whole
        # A step without a duration still gets a mark, and a last one is inside the chart.
        width = max(100 * (step.seconds or 0) / whole, SHORTEST)
        left = min(100 * start, 100 - width)
        rows.append(Mark(left, 26 * row, width, step.name, step.status))
    return Chart(100, 26 * len(rows), tuple(rows))


def trials_chart(trials: Sequence[Trial]) -> Chart | None:
    """The objective of each trial against its learning rate; None with fewer than two results."""
    points = []
    for trial in trials:
        name = next((n for n in trial.hyperparameters if n in ("lr", "learning-rate")), None)
        if name and trial.objective is not None:
            points.append((float(trial.hyperparameters[name]), trial.objective, trial))
    if len(points) < 2:
        return None
    # Learning rates are searched on a logarithmic scale, so they are drawn on one.
    across = _Scale([math.log10(rate) for rate, _, _ in points], LEFT, WIDTH - RIGHT)
    up = _Scale([objective for _, objective, _ in points], HEIGHT - BOTTOM, TOP)
    marks = tuple(
        Mark(
            across(math.log10(rate)),
            up(value),
            0,
            f"trial {trials.index(trial) + 1}: {value:.3f} with learning rate {rate:.4g}",
            "best" if trial.best else "",
        )
        for rate, value, trial in points
    )
    rates = list(_round_rates(10**across.low, 10**across.high))
    x_ticks = tuple(Mark(across(math.log10(r)), HEIGHT - BOTTOM + 16, 0, f"{r:g}") for r in rates)
    y_ticks = tuple(Mark(LEFT - 8, up(v), 0, f"{v:g}") for v in _round(up.low, up.high))
    objective = trials[0].metric.replace(":", " ") or "objective"
    return Chart(WIDTH, HEIGHT, marks, x_ticks, y_ticks, "learning rate", objective)


def _round(low: float, high: float) -> Iterator[float]:
    """Round values between two bounds: multiples of 1, 2 or 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10((high - low) / 3))
    # A logarithm is rounded, so three of the smallest step may not fit; it is used all the same.
    step = next((m * power for m in (5, 2) if (high - low) / (m * power) >= 3), power)
    for number in range(math.ceil(low / step), math.floor(high / step) + 1):
        yield float(f"{number * step:.10g}")


def _round_rates(low: float, high: float) -> Iterator[float]:
    """Round values for a logarithmic scale: 1, 2 and 5 of each decade, where it has several."""
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    rates = [float(f"{m}e{power}") for power in decades for m in (1, 2, 5)]
    inside = [rate for rate in rates if low <= rate <= high]
    yield from inside if len(inside) > 2 else _round(low, high)


class _Scale:
    """Maps values linearly to positions, with a little room at both ends."""

    def __init__(self, values: Sequence[float], start: float, end: float) -> None:
        low, high = min(values), max(values)
        room = (high - low) * 0.08 or abs(high) * 0.1 or 1.0
        self.low, self.high, self.start, self.end = low - room, high + room, start, end

    def __call__(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low)
        return self.start + share * (self.end - self.start)
