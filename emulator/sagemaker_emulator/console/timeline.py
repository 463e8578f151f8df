"""The time that each step of an execution took, as bars of a chart."""

from collections.abc import Iterable
from dataclasses import dataclass

from sagemaker_emulator.console.execution import Step
from sagemaker_emulator.console.pages import duration

_LEAST = 0.4  # percent: a bar that can be seen
_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800, 86400)
_MOST_TICKS = 6


@dataclass(frozen=True)
class Bar:
    """A step that ran; places are percents of the chart's width.

    Attributes:
        seconds: how long it ran; until now if it is running.
    """

    name: str
    status: str
    left: float
    width: float
    seconds: float


@dataclass(frozen=True)
class Tick:
    """A line across the chart."""

    left: float
    seconds: float

    @property
    def label(self) -> str:
        """Its time since the begin, short."""
        return f"{self.seconds:.3g} s" if self.seconds < 60 else duration(self.seconds)


@dataclass(frozen=True)
class Timeline:
    """The bars of an execution, in the order in which its steps began.

    Attributes:
        seconds: from the begin of the chart to its end.
        busy: how many of them a step ran: before a retry none may have run for days.
    """

    bars: tuple[Bar, ...]
    ticks: tuple[Tick, ...]
    seconds: float
    busy: float


def timeline_of(steps: Iterable[Step], now: float) -> Timeline:
    """The timeline of the steps that ran in an execution.

    Args:
        steps: All of them; those reused from another execution are left out.
        now: Where a running step's bar ends, in seconds since the epoch.
    """
    spans = sorted(
        (
            (step.record["StartTime"], step.record.get("EndTime", now), step)
            for step in steps
            if step.record and not (step.reused_from and not step.is_cached)
        ),
        key=lambda span: span[:2],
    )
    if not spans:
        return Timeline((), (), 0.0, 0.0)
    begin = spans[0][0]
    whole = max(max(end for _, end, _ in spans) - begin, 1e-3)
    bars = []
    busy, last = 0.0, begin
    for start, end, step in spans:
        busy += max(end - max(start, last), 0.0)
        last = max(end, last)
        width = max((end - start) / whole * 100, _LEAST)
        left = min((start - begin) / whole * 100, 100 - width)
        bars.append(Bar(step.name, step.status, round(left, 2), round(width, 2), end - start))
    apart = next((each for each in _STEPS if whole / each <= _MOST_TICKS), whole / _MOST_TICKS)
    ticks = [
        Tick(round(i * apart / whole * 100, 2), i * apart) for i in range(int(whole / apart) + 1)
    ]
    return Timeline(tuple(bars), tuple(ticks), whole, busy)
