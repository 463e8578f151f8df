"""ISO 8601 durations, as CacheConfig.ExpireAfter uses them."""

from __future__ import annotations

import re

_DURATION = re.compile(
    r"P?(?:(?P<Y>\d+(?:\.\d+)?)Y)?(?:(?P<M>\d+(?:\.\d+)?)M)?(?:(?P<W>\d+(?:\.\d+)?)W)?"
    r"(?:(?P<D>\d+(?:\.\d+)?)D)?"
    r"(?:T(?:(?P<h>\d+(?:\.\d+)?)H)?(?:(?P<m>\d+(?:\.\d+)?)M)?(?:(?P<s>\d+(?:\.\d+)?)S)?)?",
    re.IGNORECASE,
)
_DAY = 86400.0
_SECONDS = {
    "Y": 365 * _DAY,
    "M": 30 * _DAY,
    "W": 7 * _DAY,
    "D": _DAY,
    "h": 3600.0,
    "m": 60.0,
    "s": 1.0,
}


def parse_duration(text: object) -> float:
    """Seconds in an ISO 8601 duration such as ``P30D``, ``PT1H`` or, as in the guide, ``30dT5h``.

    A year counts 365 days and a month 30.

    Raises:
        ValueError: if the text is not a duration, or is zero.
    """
    match = _DURATION.fullmatch(text) if isinstance(text, str) else None
    parts = {unit: value for unit, value in match.groupdict().items() if value} if match else {}
    seconds = sum(float(value) * _SECONDS[unit] for unit, value in parts.items())
    if not seconds:
        raise ValueError(f"{text!r} is not an ISO 8601 duration such as 'P30D' or 'PT1H'.")
    return seconds
