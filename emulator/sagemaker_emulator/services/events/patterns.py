"""EventBridge's event patterns: which events a rule matches."""

import json
import operator
import re
from collections.abc import Callable
from typing import Any

from sagemaker_emulator.errors import ApiError

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
            comparison that is not one of EventBridge's or compares with what it cannot.
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
        return (value is not _ABSENT) is bool(argument)
    if value is _ABSENT:
        return False
    if name == "anything-but":
        if isinstance(argument, dict):
            ((name, given),) = argument.items()
            argument = [{name: item} for item in (given if isinstance(given, list) else [given])]
        arguments = argument if isinstance(argument, list) else [argument]
        return not any(_leaf(item, value) for item in arguments)
    if name == "numeric":
        pairs = zip(argument[::2], argument[1::2], strict=True)
        return _is_number(value) and all(_COMPARE[sign](value, limit) for sign, limit in pairs)
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
                if not isinstance(choice, dict):
                    raise ValueError(f"'{place}' must be an array of objects")
                _check(choice, place)
        else:
            for choice in wanted:
                if isinstance(choice, dict):
                    _check_match(choice, place)
                elif isinstance(choice, list):
                    raise ValueError(f"Match value must be String, number, true, false: '{place}'")


def _check_match(choice: dict[str, Any], place: str) -> None:
    """What a comparison is given; the words are those of EventBridge's own rule compiler."""
    if len(choice) != 1:
        raise ValueError(f"Only one key allowed in match expression at '{place}'")
    name, argument = next(iter(choice.items()))
    if name in ("prefix", "suffix") and isinstance(argument, dict):
        if list(argument) != ["equals-ignore-case"]:
            raise ValueError(f"Unsupported anything in {name} pattern at '{place}'")
        argument = argument["equals-ignore-case"]
    if name in _TEXT:
        if not isinstance(argument, str):
            raise ValueError(f"{name} match pattern must be a string at '{place}'")
    elif name == "exists":
        if not isinstance(argument, bool):
            raise ValueError(f"exists match pattern must be either true or false at '{place}'")
    elif name == "numeric":
        _check_numeric(argument, place)
    elif name == "anything-but":
        _check_anything_but(argument, place)
    else:
        raise ValueError(f"Unrecognized match type {name} at '{place}'")


def _check_numeric(argument: Any, place: str) -> None:
    if not isinstance(argument, list) or not argument:
        raise ValueError(f"Value of numeric must be an array at '{place}'")
    if len(argument) not in (2, 4):
        raise ValueError(f"numeric must have one or two pairs of sign and number at '{place}'")
    for sign, limit in zip(argument[::2], argument[1::2], strict=True):
        if not isinstance(sign, str) or sign not in _COMPARE:
            raise ValueError(f"Unrecognized numeric range operator {sign} at '{place}'")
        if not _is_number(limit):
            raise ValueError(f"Value of {sign} must be numeric at '{place}'")


def _check_anything_but(argument: Any, place: str) -> None:
    if isinstance(argument, dict):
        name, given = next(iter(argument.items()), (None, None))
        if len(argument) != 1 or name not in _TEXT or given == []:
            raise ValueError(f"Unsupported anything-but pattern at '{place}'")
        for item in given if isinstance(given, list) else [given]:
            _check_match({name: item}, place)
        return
    arguments = argument if isinstance(argument, list) else [argument]
    texts = all(isinstance(item, str) for item in arguments)
    if not arguments or not (texts or all(map(_is_number, arguments))):
        raise ValueError(f"anything-but must be strings, or numbers, at '{place}'")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
