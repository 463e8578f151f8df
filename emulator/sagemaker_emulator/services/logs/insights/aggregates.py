"""The aggregation functions of `stats`."""

import math
import statistics
from collections.abc import Callable, Sequence

from sagemaker_emulator.services.logs.insights.values import Time, Value, number, order, text

# Of a group: the argument's value and the time of each of its rows, in the order of time.
Cells = Sequence[tuple[Value, Value]]


def _numbers(cells: Cells) -> list[float]:
    return [found for value, _ in cells if (found := number(value)) is not None]


def _present(cells: Cells) -> list[Value]:
    return [value for value, _ in cells if value is not None]


def _least(cells: Cells, last: bool = False) -> Value:
    values = sorted(_present(cells), key=order)
    if not values:
        return None
    found = values[-1 if last else 0]
    amount = number(found)
    return found if isinstance(found, Time) or amount is None else amount


def _by_time(cells: Cells, last: bool) -> Value:
    timed = [(number(when) or 0.0, value) for value, when in cells if value is not None]
    if not timed:
        return None
    choose = max if last else min
    return choose(timed, key=lambda pair: pair[0])[1]


def percentile(cells: Cells, percent: float) -> Value:
    """The value below which this percentage of the numbers is, between neighbours by its place."""
    numbers = sorted(_numbers(cells))
    if not numbers:
        return None
    place = (len(numbers) - 1) * percent / 100
    low, high = math.floor(place), math.ceil(place)
    return numbers[low] + (numbers[high] - numbers[low]) * (place - low)


AGGREGATES: dict[str, Callable[[Cells], Value]] = {
    "count": lambda cells: len(_present(cells)),
    "count_distinct": lambda cells: len({text(value) for value in _present(cells)}),
    "sum": lambda cells: math.fsum(_numbers(cells)),
    "avg": lambda cells: statistics.fmean(found) if (found := _numbers(cells)) else None,
    "min": _least,
    "max": lambda cells: _least(cells, last=True),
    "stddev": lambda cells: statistics.pstdev(found) if (found := _numbers(cells)) else None,
    "earliest": lambda cells: _by_time(cells, last=False),
    "latest": lambda cells: _by_time(cells, last=True),
    "sortsfirst": lambda cells: min(_present(cells), key=order, default=None),
    "sortslast": lambda cells: max(_present(cells), key=order, default=None),
}
