"""A SearchExpression as a test of a resource.

The contract is AWS's reference of SearchExpression, Filter and NestedFilters
(https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_SearchExpression.html).
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from botocore.model import StructureShape

from sagemaker_emulator.aws.numerals import number
from sagemaker_emulator.errors import invalid
from sagemaker_emulator.sagemaker.search import properties
from sagemaker_emulator.sagemaker.search.properties import Property

if TYPE_CHECKING:
    from types_boto3_sagemaker import type_defs as types

Test = Callable[[Mapping[str, Any]], bool]
_ORDERED: dict[str, Callable[[Any, Any], bool]] = {
    "GreaterThan": operator.gt,
    "GreaterThanOrEqualTo": operator.ge,
    "LessThan": operator.lt,
    "LessThanOrEqualTo": operator.le,
}
_NOUNS = {"text": "a text", "number": "a number", "time": "a time", "boolean": "true or false"}
_MOST = 50
# Of the other properties, an expression may have one filter with Contains.
_CONTAINED_OFTEN = {
    "Experiment": ("DisplayName", "ExperimentName", "Tags"),
    "Trial": ("DisplayName", "TrialName", "Tags"),
    "TrialComponent": (
        *("DisplayName", "TrialComponentName", "Tags", "InputArtifacts", "OutputArtifacts"),
    ),
}


def parse(shape: StructureShape, expression: Mapping[str, Any]) -> Test:
    """A test of all that an expression asks for.

    Args:
        shape: the resource's member of SearchRecord.
        expression: a request's; an empty one holds for every resource.

    Raises:
        ApiError: A property is unknown, an operator or value does not suit it, or there are too
            many filters.
    """
    filters = list(_filters(expression))
    if len(filters) > _MOST:
        raise invalid(
            f"SearchExpression has {len(filters)} Filters, NestedFilters and SubExpressions; "
            f"at most {_MOST} are allowed."
        )
    often = _CONTAINED_OFTEN.get(shape.name, ())
    once = [
        entry
        for entry in filters
        if entry.get("Operator") == "Contains" and entry["Name"].partition(".")[0] not in often
    ]
    if len(once) > 1:
        raise invalid("'CONTAINS' operator usage limit of 1 exceeded.")
    return _expression(shape, expression)


def members_of(shape: StructureShape, expression: Mapping[str, Any]) -> set[str]:
    """The members of a resource that an expression reads."""
    names = [entry["NestedPropertyName"] for entry in _nested(expression)]
    names += [entry["Name"] for entry in _plain(expression)]
    return {properties.find(shape, name).member for name in names}


def required_texts(
    shape: StructureShape, expression: Mapping[str, Any]
) -> list[tuple[Property, str]]:
    """The texts that members of every resource hold, in any case, for which an expression does."""
    if expression.get("Operator") == "Or":
        return []
    found = [
        (properties.find(shape, entry["Name"]), entry["Value"])
        for entry in expression.get("Filters", [])
        if entry.get("Operator", "Equals") in ("Equals", "Contains")
    ]
    return [(each, text) for each, text in found if each.kind == "text"]


def _expression(shape: StructureShape, expression: Mapping[str, Any]) -> Test:
    tests = [
        *(_filter(shape, entry) for entry in expression.get("Filters", [])),
        *(_nested_filter(shape, entry) for entry in expression.get("NestedFilters", [])),
        *(_expression(shape, entry) for entry in expression.get("SubExpressions", [])),
    ]
    combine = any if expression.get("Operator") == "Or" and tests else all
    return lambda resource: combine(test(resource) for test in tests)


def _nested_filter(shape: StructureShape, entry: types.NestedFiltersTypeDef) -> Test:
    """Whether one item of a list satisfies all filters; their names begin with the list's."""
    name = entry["NestedPropertyName"]
    item = properties.item_shape(shape, name)
    items = properties.find(shape, name).values
    prefix = f"{name}."
    tests = [
        _filter(item, {**each, "Name": each["Name"].removeprefix(prefix)})
        for each in entry["Filters"]
    ]
    return lambda resource: any(all(test(each) for test in tests) for each in items(resource))


def _filter(shape: StructureShape, entry: types.FilterTypeDef) -> Test:
    """A test of one filter; `Contains` ignores case.

    Of a property with several values, one must satisfy the filter; NotEquals none may equal.
    """
    name, comparison = entry["Name"], entry.get("Operator", "Equals")
    found = properties.find(shape, name)
    text = entry.get("Value")
    if comparison in ("Exists", "NotExists"):
        if text is not None:
            raise invalid(f"A filter with {comparison} has no Value.")
        return lambda resource: bool(found.values(resource)) == (comparison == "Exists")
    if found.kind == "object":
        raise invalid(
            f"{name} is an object, which {comparison} does not compare: use Exists or NotExists, "
            "or name one of its members."
        )
    if text is None:
        raise invalid(f"The filter of {name} needs a Value.")
    if comparison == "NotEquals":
        equal = _comparison(found, "Equals", text)
        return lambda resource: not any(equal(value) for value in found.values(resource))
    compare = _comparison(found, comparison, text)
    return lambda resource: any(compare(value) for value in found.values(resource))


def _comparison(of: Property, comparison: str, text: str) -> Callable[[Any], bool]:
    """A test of one value of a property.

    Raises:
        ApiError: The operator or the text does not suit the property.
    """
    if comparison in ("Contains", "In"):
        if of.kind not in ("text", "mixed"):
            raise invalid(f"{comparison} is not for {of.name}, which is {_NOUNS[of.kind]}.")
        if comparison == "In":
            values = text.split(",")
            return lambda value: _text(value) in values
        part = text.lower()
        return lambda value: part in _text(value).lower()
    if comparison in _ORDERED and of.kind in ("text", "boolean"):
        raise invalid(f"{comparison} is not for {of.name}, which is {_NOUNS[of.kind]}.")
    compare: Callable[[Any, Any], bool] = _ORDERED.get(comparison, operator.eq)
    match of.kind:
        case "text":
            return lambda value: compare(value, text)
        case "boolean":
            if text.lower() not in ("true", "false"):
                raise invalid(f"Value {text!r} of {of.name} is not true or false.")
            return lambda value: value == (text.lower() == "true")
        case "time":
            moment = _seconds(of.name, text)
            return lambda value: compare(value, moment)
        case "number":
            if (bound := number(text)) is None:
                raise invalid(f"Value {text!r} of {of.name} is not a number.")
            return lambda value: compare(value, bound)
    return _mixed(compare, comparison in _ORDERED, text)


def _mixed(compare: Callable[[Any, Any], bool], ordered: bool, text: str) -> Callable[[Any], bool]:
    """A comparison of what may be a number: by an integer, decimals are cut to integers."""
    bound = number(text)
    whole = bound is not None and bound.is_integer() and "." not in text

    def test(value: Any) -> bool:
        own = value if isinstance(value, int | float) else number(value)
        if own is None or bound is None:
            return not ordered and compare(_text(value), text)
        return compare(int(own) if whole else own, bound)

    return test


def _text(value: Any) -> str:
    """A value as a filter's text has it: a number with all its digits, 5 and not 5.0."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value)


def _plain(expression: Mapping[str, Any]) -> Iterator[types.FilterTypeDef]:
    """The filters of an expression and of those in it, but for nested filters'."""
    yield from expression.get("Filters", [])
    for below in expression.get("SubExpressions", []):
        yield from _plain(below)


def _nested(expression: Mapping[str, Any]) -> Iterator[types.NestedFiltersTypeDef]:
    yield from expression.get("NestedFilters", [])
    for below in expression.get("SubExpressions", []):
        yield from _nested(below)


def _filters(expression: Mapping[str, Any]) -> Iterator[types.FilterTypeDef]:
    yield from _plain(expression)
    for nested in _nested(expression):
        yield from nested["Filters"]


def _seconds(name: str, text: str) -> float:
    """A time of a filter, as text by ISO 8601 or in seconds since the epoch.

    Raises:
        ApiError: It is neither.
    """
    seconds = number(text)
    if seconds is not None:
        return seconds
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise invalid(
            f"Value {text!r} of {name} is not a time such as 2026-01-31T12:00:00Z."
        ) from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
