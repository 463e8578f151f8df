"""Search: the executions of all pipelines, by their properties."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.aws.dispatch import Response, operation
from sagemaker_emulator.aws.members import paths
from sagemaker_emulator.aws.numerals import number
from sagemaker_emulator.aws.pages import SORTED, Stored, page
from sagemaker_emulator.errors import invalid
from sagemaker_emulator.sagemaker.defaults import with_user
from sagemaker_emulator.sagemaker.pipelines.run import records

if TYPE_CHECKING:
    from types_boto3_sagemaker import type_defs as types

_RESOURCE = "PipelineExecution"
_TEXTS = (
    "PipelineArn",
    "PipelineExecutionArn",
    "PipelineExecutionDisplayName",
    "PipelineExecutionStatus",
    "PipelineExecutionDescription",
    "FailureReason",
)
_TIMES = ("CreationTime", "LastModifiedTime")
_ORDERED: dict[str, Callable[[Any, Any], bool]] = {
    "GreaterThan": lambda left, right: left > right,
    "GreaterThanOrEqualTo": lambda left, right: left >= right,
    "LessThan": lambda left, right: left < right,
    "LessThanOrEqualTo": lambda left, right: left <= right,
}


@operation(
    "Search",
    honours=paths(SORTED + "Resource SearchExpression{Filters{Name Operator Value} Operator}"),
)
def search(context: Context, request: types.SearchRequestTypeDef) -> Response:
    """Find executions of all pipelines; those last changed come first by default."""
    if request["Resource"] != _RESOURCE:
        raise invalid(
            f"Resource {request['Resource']} is not supported: the emulator searches {_RESOURCE}. "
            "Use the List operation of the resource."
        )
    by = request.get("SortBy", "LastModifiedTime")
    if by not in (*_TEXTS, *_TIMES):
        raise invalid(f"SortBy {by!r} is not supported: use {', '.join((*_TEXTS, *_TIMES))}.")
    expression = request.get("SearchExpression", {})
    filters = [_filter(each) for each in expression.get("Filters", [])]
    combine = any if expression.get("Operator") == "Or" and filters else all
    executions = Stored(
        context.store,
        records.EXECUTION,
        keep=lambda execution: combine(matches(execution) for matches in filters),
        holds=_text_of_all(expression),
    )
    found = page(
        "Search",
        {**request, "SortBy": by},
        executions,
        "Results",
        "",
        identity="PipelineExecutionArn",
    )
    results = [{_RESOURCE: with_user(context, _shown(each))} for each in found["Results"]]
    return {**found, "Results": results}


def _shown(execution: Mapping[str, Any]) -> dict[str, Any]:
    parameters = [
        {"Name": name, "Value": value if isinstance(value, str) else json.dumps(value)}
        for name, value in execution["Parameters"].items()
    ]
    return {**execution, "PipelineParameters": parameters}


def _text_of_all(expression: types.SearchExpressionTypeDef) -> str:
    """A text that the JSON of all results has; empty if none is sure.

    The longest one: it is in the fewest documents. JSON writes printable ASCII as it is, but for
    two characters.
    """
    if expression.get("Operator") == "Or":
        return ""
    texts = [
        entry["Value"]
        for entry in expression.get("Filters", [])
        if entry.get("Operator", "Equals") in ("Equals", "Contains") and entry["Name"] in _TEXTS
    ]
    plain = [text for text in texts if re.fullmatch(r"[ !#-\[\]-~]+", text)]
    return max(plain, key=len, default="")


def _filter(entry: types.FilterTypeDef) -> Callable[[Mapping[str, Any]], bool]:
    """A test of one filter; `Contains` ignores case.

    Raises:
        ApiError: The property is unknown, or the operator or value does not suit it.
    """
    name, operator = entry["Name"], entry.get("Operator", "Equals")
    text = entry.get("Value")
    if name not in (*_TEXTS, *_TIMES):
        raise invalid(
            f"Unknown property {name!r} in SearchExpression: use {', '.join((*_TEXTS, *_TIMES))}."
        )
    if operator in ("Exists", "NotExists"):
        if text is not None:
            raise invalid(f"A filter with {operator} has no Value.")
        return lambda execution: (execution.get(name) is None) == (operator == "NotExists")
    if text is None:
        raise invalid(f"The filter of {name} needs a Value.")
    if operator in _ORDERED:
        if name not in _TIMES:
            raise invalid(f"{operator} is not for {name}, which is a text.")
        bound, compare = _seconds(name, text), _ORDERED[operator]
        return lambda execution: compare(execution[name], bound)
    if name in _TIMES:
        if operator not in ("Equals", "NotEquals"):
            raise invalid(f"{operator} is not for {name}, which is a time.")
        moment = _seconds(name, text)
        return lambda execution: (execution[name] == moment) == (operator == "Equals")
    if operator == "Contains":
        part = text.lower()
        return lambda execution: part in (execution.get(name) or "").lower()
    values = text.split(",") if operator == "In" else [text]
    return lambda execution: ((execution.get(name) or "") in values) == (operator != "NotEquals")


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
