"""The values of a query: texts, numbers, times, or nothing; how they compare and are shown."""

import math
from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# What a date can be, in milliseconds since the epoch: from the year 1 to the year 9999.
_FIRST, _LAST = -62_135_596_800_000, 253_402_300_799_999


class Time(int):
    """A time, in milliseconds since the epoch."""


Value = str | int | float | bool | Time | None
Row = dict[str, Value]


def number(value: Value) -> float | None:
    """The number that a value is, or that a text shows; None where it is none."""
    if value is None:
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if math.isfinite(found) else None


def text(value: Value) -> str:
    """A value as results show it."""
    match value:
        case None:
            return ""
        case bool():
            return str(int(value))
        case Time() if _FIRST <= value <= _LAST:
            when = _EPOCH + timedelta(milliseconds=value)
            return f"{when:%Y-%m-%d %H:%M:%S}.{value % 1000:03d}"
        case float() if value.is_integer() and abs(value) < 1e15:
            return str(int(value))
        case _:
            return str(value)


def compare(left: Value, right: Value) -> int:
    """Below, at or above 0: as numbers if both are, else as texts."""
    a, b = number(left), number(right)
    if a is not None and b is not None:
        return (a > b) - (a < b)
    return (text(left) > text(right)) - (text(left) < text(right))


def is_true(value: Value) -> bool:
    """Whether a condition holds that has this value."""
    return value not in (None, False, "", 0, "0", "false")


def order(value: Value) -> tuple[int, float, str]:
    """Where a value stands when rows are sorted: nothing, then numbers, then texts."""
    if value is None:
        return 0, 0.0, ""
    found = number(value)
    return (1, found, "") if found is not None else (2, 0.0, text(value))
