"""JSON that was sent as text: strictly JSON, and no deeper than can be written again."""

import json
import math
from typing import Any, NoReturn

# Python gives up at about 900; what is read here is written, and read, again by others.
MAX_DEPTH = 400


def loads(text: str | bytes, max_depth: int = MAX_DEPTH) -> Any:
    """Parse a text.

    Raises:
        ValueError: It is not JSON, its numbers are not finite or have thousands of digits, or it
            is nested deeper than that.
    """
    try:
        value = json.loads(text, parse_constant=_refuse_constant, parse_float=_finite)
    except RecursionError:
        raise ValueError(f"it is nested deeper than {max_depth} levels") from None
    brackets = ("[", "{") if isinstance(text, str) else (b"[", b"{")
    if sum(text.count(each) for each in brackets) > max_depth:  # type: ignore[arg-type]
        _check_depth(value, max_depth)
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"the number {text[:40]} is too large")
    return number


def _check_depth(value: Any, max_depth: int) -> None:
    level = [value]
    for _ in range(max_depth):
        level = [
            item
            for each in level
            if isinstance(each, dict | list)
            for item in (each.values() if isinstance(each, dict) else each)
        ]
        if not level:
            return
    raise ValueError(f"it is nested deeper than {max_depth} levels")
