"""EventBridge's event patterns: which events a rule wants."""

import json
import operator
import re
from collections.abc import Callable
from typing import Any

from emulator.errors import ApiError

_COMPARE: dict[str, Callable[[float, float], bool]] = {
    "=": operator.eq,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_ABSENT = object()


def parse(text: str) -> dict[str, Any]:
    """Read an event pattern.

    Raises:
        ApiError: `InvalidEventPatternException`: no JSON object, a leaf that is no list, or a
            comparison that is not one of EventBridge's.
    """
    try:
        pattern = json.loads(text)
        if not isinstance(pattern, dict) or not pattern:
            raise ValueError("it must be a JSON object with at least one field")
        _check(pattern, "")
    except ValueError as problem:
        message = f"Event pattern is not valid. Reason: {problem}"
        raise ApiError("InvalidEventPatternException", message) from None
    return pattern


def matches(pattern: dict[str, Any], event: Any) -> bool:
    """Whether an event has every field of the pattern with one of the values given there."""
    for key, wanted in pattern.items():
        if key == "$or":
            if not any(matches(choice, event) for choice in wanted):
                return False
            continue
        value = event.get(key, _ABSENT) if isinstance(event, dict) else _ABSENT
        if isinstance(wanted, dict):
            if not matches(wanted, {} if value is _ABSENT else value):
                return False
        elif not any(_leaf(choice, value) for choice in wanted):
            return False
    return True


def _leaf(choice: Any, value: Any) -> bool:
    """A value of an event, or any item of a list there, against one choice of a pattern."""
    if isinstance(value, list):
        return any(_leaf(choice, item) for item in value)
    if not isinstance(choice, dict):
        return type(choice) is type(value) and choice == value
    name, argument = next(iter(choice.items()))
    if name == "exists":
        return (value is not _ABSENT) == argument
    if value is _ABSENT:
        return False
    if name == "anything-but":
        arguments = argument if isinstance(argument, list) else [argument]
        return not any(_leaf(item, value) for item in arguments)
    if name == "numeric":
        pairs = zip(argument[::2], argument[1::2], strict=True)
        number = isinstance(value, int | float) and not isinstance(value, bool)
        return number and all(_COMPARE[sign](value, limit) for sign, limit in pairs)
    return isinstance(value, str) and _TEXT[name](value, argument)


def _wildcard(value: str, pattern: str) -> bool:
    return re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), value, re.DOTALL) is not None


def _edge(compare: Callable[[str, str], bool], value: str, wanted: Any) -> bool:
    """Whether a text begins or ends as wanted, which may be in any case."""
    if isinstance(wanted, dict):
        return compare(value.lower(), str(wanted["equals-ignore-case"]).lower())
    return compare(value, wanted)


_TEXT: dict[str, Callable[[str, Any], bool]] = {
    "prefix": lambda value, wanted: _edge(str.startswith, value, wanted),
    "suffix": lambda value, wanted: _edge(str.endswith, value, wanted),
    "equals-ignore-case": lambda value, wanted: value.lower() == wanted.lower(),
    "wildcard": _wildcard,
}


def _check(pattern: dict[str, Any], path: str) -> None:
    for key, wanted in pattern.items():
        place = f"{path}.{key}" if path else key
        if isinstance(wanted, dict):
            _check(wanted, place)
        elif not isinstance(wanted, list) or not wanted:
            raise ValueError(f"'{place}' must be an object or a non-empty array")
        elif key == "$or":
            for choice in wanted:
                _check(choice, place)
        else:
            for choice in wanted:
                name = next(iter(choice), None) if isinstance(choice, dict) else "exists"
                if name not in ("exists", "anything-but", "numeric", *_TEXT):
                    raise ValueError(f"Unrecognized match type {name} at '{place}'")
