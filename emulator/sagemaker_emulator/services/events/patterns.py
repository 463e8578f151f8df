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
    """Whether an event has every field of the pattern, with one of the values there."""
    for key, expected in pattern.items():
        if key == "$or":
            if not any(matches(choice, event) for choice in expected):
                return False
            continue
        value = event.get(key, _ABSENT) if isinstance(event, dict) else _ABSENT
        if isinstance(expected, dict):
            if not matches(expected, {} if value is _ABSENT else value):
                return False
        elif not any(_leaf(choice, value) for choice in expected):
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
            ((name, values),) = argument.items()
            argument = [{name: item} for item in (values if isinstance(values, list) else [values])]
        arguments = argument if isinstance(argument, list) else [argument]
        return not any(_leaf(item, value) for item in arguments)
    if name == "numeric":
        pairs = zip(argument[::2], argument[1::2], strict=True)
        return _is_number(value) and all(_COMPARE[sign](value, limit) for sign, limit in pairs)
    return isinstance(value, str) and _TEXT[name](value, argument)


def _wildcard(value: str, pattern: str) -> bool:
    return re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), value, re.DOTALL) is not None


def _edge(compare: Callable[[str, str], bool], value: str, expected: Any) -> bool:
    """Whether a text begins or ends with another, which may be one in any case."""
    if isinstance(expected, dict):
        return compare(value.lower(), str(expected["equals-ignore-case"]).lower())
    return compare(value, expected)


_TEXT: dict[str, Callable[[str, Any], bool]] = {
    "prefix": lambda value, expected: _edge(str.startswith, value, expected),
    "suffix": lambda value, expected: _edge(str.endswith, value, expected),
    "equals-ignore-case": lambda value, expected: value.lower() == expected.lower(),
    "wildcard": _wildcard,
}


def _check(pattern: dict[str, Any], path: str) -> None:
    for key, expected in pattern.items():
        where = f"{path}.{key}" if path else key
        if isinstance(expected, dict):
            _check(expected, where)
        elif not isinstance(expected, list) or not expected:
            raise ValueError(f"'{where}' must be an object or a non-empty array")
        elif key == "$or":
            for choice in expected:
                if not isinstance(choice, dict):
                    raise ValueError(f"'{where}' must be an array of objects")
                _check(choice, where)
        else:
            for choice in expected:
                if isinstance(choice, dict):
                    _check_match(choice, where)
                elif isinstance(choice, list):
                    raise ValueError(f"Match value must be String, number, true, false: '{where}'")


def _check_match(choice: dict[str, Any], path: str) -> None:
    """Check a comparison; the messages are those of EventBridge's own rule compiler."""
    if len(choice) != 1:
        raise ValueError(f"Only one key allowed in match expression at '{path}'")
    name, argument = next(iter(choice.items()))
    if name in ("prefix", "suffix") and isinstance(argument, dict):
        if list(argument) != ["equals-ignore-case"]:
            raise ValueError(f"Unsupported anything in {name} pattern at '{path}'")
        argument = argument["equals-ignore-case"]
    if name in _TEXT:
        if not isinstance(argument, str):
            raise ValueError(f"{name} match pattern must be a string at '{path}'")
    elif name == "exists":
        if not isinstance(argument, bool):
            raise ValueError(f"exists match pattern must be either true or false at '{path}'")
    elif name == "numeric":
        _check_numeric(argument, path)
    elif name == "anything-but":
        _check_anything_but(argument, path)
    else:
        raise ValueError(f"Unrecognized match type {name} at '{path}'")


def _check_numeric(argument: Any, path: str) -> None:
    if not isinstance(argument, list) or not argument:
        raise ValueError(f"Value of numeric must be an array at '{path}'")
    if len(argument) not in (2, 4):
        raise ValueError(f"numeric must have one or two pairs of sign and number at '{path}'")
    for sign, limit in zip(argument[::2], argument[1::2], strict=True):
        if not isinstance(sign, str) or sign not in _COMPARE:
            raise ValueError(f"Unrecognized numeric range operator {sign} at '{path}'")
        if not _is_number(limit):
            raise ValueError(f"Value of {sign} must be numeric at '{path}'")


def _check_anything_but(argument: Any, path: str) -> None:
    if isinstance(argument, dict):
        name, values = next(iter(argument.items()), (None, None))
        if len(argument) != 1 or name not in _TEXT or values == []:
            raise ValueError(f"Unsupported anything-but pattern at '{path}'")
        for item in values if isinstance(values, list) else [values]:
            _check_match({name: item}, path)
        return
    arguments = argument if isinstance(argument, list) else [argument]
    texts = all(isinstance(item, str) for item in arguments)
    if not arguments or not (texts or all(map(_is_number, arguments))):
        raise ValueError(f"anything-but must be strings, or numbers, at '{path}'")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
