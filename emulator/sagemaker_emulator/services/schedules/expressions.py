"""Schedule expressions: rate, cron and at, as EventBridge and EventBridge Scheduler read them.

https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_UNITS = {"minute": 60, "hour": 3600, "day": 86_400}
_MONTHS = [name.upper() for name in calendar.month_abbr]  # JAN is 1
_DAYS = ["", "SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"]  # SUN is 1
_FIRST_YEAR, _LAST_YEAR = 1970, 2199
_END = datetime(_LAST_YEAR + 1, 1, 2, tzinfo=UTC).timestamp()


@dataclass(frozen=True)
class Rate:
    """`rate(5 minutes)`; `seconds` from one time to the next."""

    seconds: int

    def following(self, after: float, zone: ZoneInfo, start: float) -> float | None:
        """The first time after one, in seconds since the epoch; `start` is the first of all."""
        if after < start:
            return start
        return start + (int((after - start) // self.seconds) + 1) * self.seconds


@dataclass(frozen=True)
class At:
    """`at(2030-01-01T12:00:00)`, in the schedule's time zone."""

    local: datetime

    def following(self, after: float, zone: ZoneInfo, start: float) -> float | None:
        """The one time; None where it is not after another."""
        time = self.local.replace(tzinfo=zone).timestamp()
        return time if time > after else None


@dataclass(frozen=True)
class Cron:
    """`cron(minutes hours day-of-month month day-of-week year)`.

    Attributes:
        minutes: Those that match; so are hours, months and years.
        hours: See minutes.
        month_days: The texts of the field's alternatives; empty for `?`.
        months: See minutes.
        week_days: The texts of the field's alternatives; empty for `?`.
        years: See minutes.
    """

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    month_days: tuple[str, ...]
    months: tuple[int, ...]
    week_days: tuple[str, ...]
    years: tuple[int, ...]

    def following(self, after: float, zone: ZoneInfo, start: float) -> float | None:
        """The first time after one, and not before `start`; None where there is none.

        A time that a time zone skips in spring is none; one that it has twice in autumn is one.
        """
        after = max(after, start - 1)
        if after >= _END:
            return None
        first = datetime.fromtimestamp(after, UTC).astimezone(zone).date() - timedelta(days=1)
        for day in self._days(first):
            for hour in self.hours:
                for minute in self.minutes:
                    local = datetime(day.year, day.month, day.day, hour, minute, tzinfo=zone)
                    time = local.timestamp()
                    exists = datetime.fromtimestamp(time, UTC).astimezone(zone)
                    if time > after and exists.replace(tzinfo=None) == local.replace(tzinfo=None):
                        return time
        return None

    def _days(self, first: date) -> Iterator[date]:
        """The days that match, from one on."""
        for year in self.years:
            if year < first.year:
                continue
            for month in self.months:
                if (year, month) < (first.year, first.month):
                    continue
                for number in sorted(self._of_month(year, month)):
                    day = date(year, month, number)
                    if day >= first:
                        yield day

    def _of_month(self, year: int, month: int) -> set[int]:
        """The days of a month that match."""
        last = calendar.monthrange(year, month)[1]
        if self.month_days:
            return {day for text in self.month_days for day in _month_days(text, year, month, last)}
        return {day for text in self.week_days for day in _week_days(text, year, month, last)}


Expression = Rate | At | Cron


def parse(text: str) -> Expression:
    """Read an expression.

    Raises:
        ValueError: It is none; it says what is wrong.
    """
    found = re.fullmatch(r"(rate|cron|at)\((.*)\)", text.strip())
    if found is None:
        raise ValueError("it must be rate(value unit), cron(six fields) or at(yyyy-mm-ddThh:mm:ss)")
    kind, inner = found.groups()
    readers: dict[str, Callable[[str], Expression]] = {"rate": _rate, "cron": _cron, "at": _at}
    return readers[kind](inner.strip())


def last_time(
    expression: Expression, first: float, now: float, zone: ZoneInfo, start: float
) -> float:
    """The last time of an expression until now, one of whose times, not after now, is `first`."""
    if isinstance(expression, At):
        return first
    if isinstance(expression, Rate):
        return first + int((now - first) // expression.seconds) * expression.seconds
    window = 3600.0
    while now - window > first:  # looks back farther and farther
        time = expression.following(now - window, zone, start)
        if time is not None and time <= now:
            first = time
            break
        window *= 24
    while (time := expression.following(first, zone, start)) is not None and time <= now:
        first = time
    return first


def zone_of(name: str) -> ZoneInfo:
    """A time zone by its name in the IANA database.

    Raises:
        ValueError: There is no such time zone.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"{name!r} is no time zone") from None


def _rate(text: str) -> Rate:
    found = re.fullmatch(r"(\d+)\s+(minute|hour|day)(s?)", text)
    if found is None or not 1 <= (value := int(found[1])) < 10**6:
        raise ValueError(f"rate({text}): it must be rate(value unit), such as rate(5 minutes)")
    if (value == 1) == bool(found[3]):
        raise ValueError(f"rate({text}): the unit of 1 is singular, of any other value plural")
    return Rate(value * _UNITS[found[2]])


def _at(text: str) -> At:
    if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", text):
        raise ValueError(f"at({text}): it must be at(yyyy-mm-ddThh:mm:ss)")
    return At(datetime.fromisoformat(text))


def _cron(text: str) -> Cron:
    fields = text.upper().split()
    if len(fields) != 6:
        raise ValueError(
            f"cron({text}): it has {len(fields)} fields, not minutes, hours, day-of-month, month, "
            "day-of-week and year"
        )
    minutes, hours, month_days, months, week_days, years = fields
    if (month_days == "?") == (week_days == "?"):
        raise ValueError(f"cron({text}): one of day-of-month and day-of-week must be ?")
    cron = Cron(
        _numbers(minutes, "minutes", 0, 59),
        _numbers(hours, "hours", 0, 23),
        () if month_days == "?" else tuple(month_days.split(",")),
        _numbers(months, "month", 1, 12, _MONTHS),
        () if week_days == "?" else tuple(week_days.split(",")),
        _numbers(years, "year", _FIRST_YEAR, _LAST_YEAR),
    )
    cron._of_month(2024, 1)  # reads the fields of days
    return cron


def _numbers(
    field: str, name: str, low: int, high: int, words: list[str] | None = None
) -> tuple[int, ...]:
    """The numbers that a field names, in order: `*`, `1,3`, `1-5`, `0/15`, and words for them."""
    found: set[int] = set()
    for part in field.split(","):
        span, slash, step = part.partition("/")
        first, dash, last = span.partition("-")
        begin = low if first == "*" and not dash else _number(first, name, low, high, words)
        end = begin
        if dash:
            end = _number(last, name, low, high, words)
        elif first == "*" or slash:
            end = high
        every = _number(step, name, 1, high, None) if slash else 1
        if end < begin:  # FRI-MON goes over the end
            found.update(range(begin, high + 1, every))
            begin = low
        found.update(range(begin, end + 1, every))
    return tuple(sorted(found))


def _number(text: str, name: str, low: int, high: int, words: list[str] | None) -> int:
    if words and text in words and text:
        return words.index(text)
    if not text.isdecimal() or len(text) > 4 or not low <= int(text) <= high:
        raise ValueError(f"{text!r} is no {name}: {low} to {high}")
    return int(text)


def _month_days(text: str, year: int, month: int, last: int) -> set[int]:
    """The days of a month that an alternative of day-of-month names: `L`, `3W`, or numbers."""
    if text == "L":
        return {last}
    if text.endswith("W"):
        day = _number(text[:-1], "day-of-month before W", 1, 31, None)
        return {_nearest_weekday(year, month, day, last)} if day <= last else set()
    return {day for day in _numbers(text, "day-of-month", 1, 31) if day <= last}


def _nearest_weekday(year: int, month: int, day: int, last: int) -> int:
    """The weekday nearest to a day, in the same month."""
    match calendar.weekday(year, month, day):
        case calendar.SATURDAY:
            return day - 1 if day > 1 else day + 2
        case calendar.SUNDAY:
            return day + 1 if day < last else day - 2
    return day


def _week_days(text: str, year: int, month: int, last: int) -> set[int]:
    """The days of a month that an alternative of day-of-week names: `6L`, `3#2`, or numbers."""
    if text == "L":
        text = "SAT"  # the last day of a week
    name, hash_, number = text.partition("#")
    if hash_:
        which = _number(number, "number after #", 1, 5, None)
        days = _on_weekdays(year, month, last, (_number(name, "day-of-week", 1, 7, _DAYS),))
        return {days[which - 1]} if which <= len(days) else set()
    if text.endswith("L"):
        weekday = _number(text[:-1], "day-of-week before L", 1, 7, _DAYS)
        return {_on_weekdays(year, month, last, (weekday,))[-1]}
    return set(_on_weekdays(year, month, last, _numbers(text, "day-of-week", 1, 7, _DAYS)))


def _on_weekdays(year: int, month: int, last: int, weekdays: tuple[int, ...]) -> list[int]:
    """The days of a month that are one of these weekdays; Sunday is 1."""
    first = (calendar.weekday(year, month, 1) + 1) % 7  # Sunday is 0
    return [day for day in range(1, last + 1) if (first + day - 1) % 7 + 1 in weekdays]
