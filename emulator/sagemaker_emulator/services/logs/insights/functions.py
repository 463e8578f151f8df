"""The functions of queries, and how long a period of `bin` is."""

import math
from collections.abc import Callable, Sequence

from sagemaker_emulator.services.logs.insights.values import Time, Value, number, text

_UNITS = {
    **dict.fromkeys(("ms", "msec", "msecs", "millisecond", "milliseconds"), 1),
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), 1000),
    **dict.fromkeys(("m", "min", "mins", "minute", "minutes"), 60_000),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), 3_600_000),
    **dict.fromkeys(("d", "day", "days"), 86_400_000),
    **dict.fromkeys(("w", "week", "weeks"), 604_800_000),
}


def milliseconds(period: str) -> int:
    """How long a period such as `5m` is.

    Raises:
        ValueError: It is none, or one of months, quarters or years, which differ in length.
    """
    amount = period.rstrip("abcdefghijklmnopqrstuvwxyz")
    unit = period[len(amount) :]
    if unit not in _UNITS or not amount.isdecimal() or int(amount) == 0:
        raise ValueError(f"{period!r} is no period that the emulator knows, such as 30s, 5m or 1h")
    return int(amount) * _UNITS[unit]


def _numeric(run: Callable[[float], float]) -> Callable[[Sequence[Value]], Value]:
    def call(values: Sequence[Value]) -> Value:
        found = number(values[0])
        return None if found is None else run(found)

    return call


def _extreme(choose: Callable[[list[float]], float]) -> Callable[[Sequence[Value]], Value]:
    def call(values: Sequence[Value]) -> Value:
        numbers = [found for each in values if (found := number(each)) is not None]
        return choose(numbers) if numbers else None

    return call


def _substring(values: Sequence[Value]) -> Value:
    begin = int(number(values[1]) or 0)
    size = number(values[2]) if len(values) > 2 else None
    return text(values[0])[begin : None if size is None else begin + int(size)]


def _log(value: float) -> float:
    return math.log(value) if value > 0 else math.nan


def _sqrt(value: float) -> float:
    return math.sqrt(value) if value >= 0 else math.nan


# By their names in lower case: how many arguments they take, at least and at most.
FUNCTIONS: dict[str, tuple[int, int, Callable[[Sequence[Value]], Value]]] = {
    "ispresent": (1, 1, lambda v: v[0] is not None),
    "isempty": (1, 1, lambda v: v[0] is None or text(v[0]) == ""),
    "isblank": (1, 1, lambda v: text(v[0]).strip() == ""),
    "coalesce": (1, 99, lambda v: next((each for each in v if each is not None), None)),
    "concat": (1, 99, lambda v: "".join(map(text, v))),
    "strlen": (1, 1, lambda v: None if v[0] is None else len(text(v[0]))),
    "toupper": (1, 1, lambda v: text(v[0]).upper()),
    "tolower": (1, 1, lambda v: text(v[0]).lower()),
    "trim": (1, 1, lambda v: text(v[0]).strip()),
    "ltrim": (1, 1, lambda v: text(v[0]).lstrip()),
    "rtrim": (1, 1, lambda v: text(v[0]).rstrip()),
    "substr": (2, 3, _substring),
    "replace": (3, 3, lambda v: text(v[0]).replace(text(v[1]), text(v[2]))),
    "strcontains": (2, 2, lambda v: int(text(v[1]) in text(v[0]))),
    "abs": (1, 1, _numeric(abs)),
    "ceil": (1, 1, _numeric(math.ceil)),
    "floor": (1, 1, _numeric(math.floor)),
    "sqrt": (1, 1, _numeric(_sqrt)),
    "log": (1, 1, _numeric(_log)),
    "greatest": (1, 99, _extreme(max)),
    "least": (1, 99, _extreme(min)),
    "tomillis": (1, 1, lambda v: None if v[0] is None else int(number(v[0]) or 0)),
    "frommillis": (1, 1, lambda v: None if v[0] is None else Time(int(number(v[0]) or 0))),
}
