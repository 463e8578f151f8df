"""EventBridge's event patterns: which events a rule matches.

A pattern names fields by their path; `{"a.b": [...]}` is `{"a": {"b": [...]}}`, in events, too. An
event matches if every field has a value that one of the field's alternatives accepts. Where a list
of objects is on the way, one of them must have all fields below it. The meaning is that of
EventBridge's own engine, github.com/aws/event-ruler.
"""

import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from sagemaker_emulator.aws import json_text
from sagemaker_emulator.errors import ApiError
from sagemaker_emulator.services.events import comparisons

_MAX_DEPTH = 100
_MAX_COMBINATIONS = 1000  # of the alternatives of `$or`, as EventBridge


@dataclass
class _Leaf:
    """The alternatives of one field.

    Attributes:
        accepts: those that a value must pass.
        present: `{"exists": true}` is among them.
        absent: `{"exists": false}` is among them.
    """

    accepts: list[comparisons.Accepts] = field(default_factory=list)
    present: bool = False
    absent: bool = False


@dataclass
class Pattern:
    """The fields of an object, and groups of alternatives (`$or`) of which one each must match."""

    fields: "dict[str, Pattern | _Leaf]" = field(default_factory=dict)
    choices: "list[list[Pattern]]" = field(default_factory=list)


@functools.lru_cache(1000)
def parse(text: str) -> Pattern:
    """Read an event pattern.

    Raises:
        ApiError: `InvalidEventPatternException`: no JSON object, a leaf that is no list, or a
            comparison that is not one of EventBridge's or compares with what it cannot.
    """
    try:
        document = json_text.loads(text, _MAX_DEPTH)
        if not isinstance(document, dict):
            raise ValueError("Filter is not an object")
        pattern = _object(document, "")
        if _combinations(pattern) > _MAX_COMBINATIONS:
            raise ValueError(f"$or has over {_MAX_COMBINATIONS} combinations of alternatives")
    except ValueError as problem:
        message = f"Event pattern is not valid. Reason: {problem}"
        raise ApiError("InvalidEventPatternException", message) from None
    return pattern


def matches(pattern: Pattern, event: Any) -> bool:
    """Whether an event has every field of the pattern, with one of the values there."""
    return _matches(pattern, [event])


def _object(document: dict[str, Any], path: str) -> Pattern:
    if not document:
        raise ValueError(f"Empty objects are not allowed at '{path}'")
    pattern = Pattern()
    for key, expected in document.items():
        where = f"{path}.{key}" if path else key
        if key == "$or" and _is_or(expected):
            pattern.choices.append([_object(choice, where) for choice in expected])
        elif isinstance(expected, dict):
            _add(pattern, key, _object(expected, where))
        elif isinstance(expected, list):
            _add(pattern, key, _leaf(expected, where))
        else:
            raise ValueError(f'"{where}" must be an object or an array')
    return pattern


def _is_or(expected: Any) -> bool:
    """Whether what `$or` names are alternatives; otherwise it is a field of that name."""
    return (
        isinstance(expected, list)
        and len(expected) > 1
        and all(isinstance(each, dict) and each for each in expected)
        and not any(key in comparisons.WORDS for each in expected for key in each)
    )


def _leaf(expected: list[Any], path: str) -> _Leaf:
    if not expected:
        raise ValueError(f"Empty arrays are not allowed at '{path}'")
    leaf = _Leaf()
    for choice in expected:
        if isinstance(choice, dict) and list(choice) == ["exists"]:
            if not isinstance(choice["exists"], bool):
                raise ValueError(f"exists match pattern must be either true or false at '{path}'")
            leaf.present |= choice["exists"]
            leaf.absent |= not choice["exists"]
        else:
            leaf.accepts.append(comparisons.compile(choice, path))
    return leaf


def _add(pattern: Pattern, key: str, below: Pattern | _Leaf) -> None:
    """Put what is below a key into a pattern; of two leaves with one path the last one counts."""
    key, dot, rest = key.partition(".")
    if dot:
        below = _nested(rest, below)
    there = pattern.fields.get(key)
    if isinstance(there, Pattern) and isinstance(below, Pattern):
        for name, each in below.fields.items():
            _add(there, name, each)
        there.choices += below.choices
    else:
        pattern.fields[key] = below


def _nested(path: str, below: Pattern | _Leaf) -> Pattern:
    for key in reversed(path.split(".")):
        below = Pattern({key: below})
    assert isinstance(below, Pattern)
    return below


def _combinations(pattern: Pattern) -> int:
    """How many conjunctions a pattern's `$or` would be without it."""
    count = 1
    for each in pattern.fields.values():
        if isinstance(each, Pattern):
            count *= _combinations(each)
    for choice in pattern.choices:
        count *= sum(_combinations(each) for each in choice)
    return count


def _matches(pattern: Pattern, values: Sequence[Any]) -> bool:
    """Whether these values have every field: an object itself, or one object of a list."""
    objects = [each for each in values if isinstance(each, dict)]
    listed = list(_objects([each for each in values if isinstance(each, list)]))
    if (objects or not listed) and _has_fields(pattern, objects):
        return True
    matching = [each for each in listed if _has_fields(pattern, [each])]
    # An object that matches only by what it lacks: then all of them must lack it.
    return any(_has_value(pattern, [each]) for each in matching) or (
        bool(listed) and len(matching) == len(listed)
    )


def _has_value(pattern: Pattern, objects: Sequence[dict[str, Any]]) -> bool:
    """Whether these objects have a value for any field of a pattern."""
    for key, below in pattern.fields.items():
        values = [value for each in objects for value in _below(each, key)]
        if isinstance(below, _Leaf):
            if next(_scalars(values), values) is not values:
                return True
        elif _has_value(below, list(_objects(values))):
            return True
    return any(_has_value(each, objects) for choice in pattern.choices for each in choice)


def _has_fields(pattern: Pattern, objects: Sequence[dict[str, Any]]) -> bool:
    """Whether the fields of these objects, together, are those that a pattern asks for."""
    for key, below in pattern.fields.items():
        values = [value for each in objects for value in _below(each, key)]
        if not (_accepts(below, values) if isinstance(below, _Leaf) else _matches(below, values)):
            return False
    return all(any(_has_fields(each, objects) for each in choice) for choice in pattern.choices)


def _below(value: dict[str, Any], key: str) -> Iterator[Any]:
    """What an object has under a key, with dots as levels: `a` of `{"a.b": 1}` is `{"b": 1}`."""
    if key in value:
        yield value[key]
    prefix = f"{key}."
    dotted = {name[len(prefix) :]: each for name, each in value.items() if name.startswith(prefix)}
    if dotted:
        yield dotted


def _accepts(leaf: _Leaf, values: Sequence[Any]) -> bool:
    """Whether a field's alternatives accept one of its values; an object is no value."""
    found = list(_scalars(values))
    if not found:
        return leaf.absent
    return leaf.present or any(accepts(each) for accepts in leaf.accepts for each in found)


def _scalars(values: Sequence[Any]) -> Iterator[Any]:
    return (each for each in _unlisted(values) if not isinstance(each, dict))


def _objects(values: Sequence[Any]) -> Iterator[dict[str, Any]]:
    return (each for each in _unlisted(values) if isinstance(each, dict))


def _unlisted(values: Sequence[Any]) -> Iterator[Any]:
    """The values, with the items of lists, and of lists in them, in place of the lists."""
    waiting = [iter(values)]
    while waiting:
        each = next(waiting[-1], waiting)
        if each is waiting:
            waiting.pop()
        elif isinstance(each, list):
            waiting.append(iter(each))
        else:
            yield each
