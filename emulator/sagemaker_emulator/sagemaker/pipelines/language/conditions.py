"""The conditions of a Condition step."""

import operator
from collections.abc import Callable
from typing import Any

from sagemaker_emulator.sagemaker.pipelines.language.definition_errors import (
    DefinitionError,
    StepError,
)

_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "GreaterThan": operator.gt,
    "GreaterThanOrEqualTo": operator.ge,
    "LessThan": operator.lt,
    "LessThanOrEqualTo": operator.le,
}
_KEYS: dict[str, tuple[str, ...]] = {
    "Equals": ("LeftValue", "RightValue"),
    **dict.fromkeys(_COMPARISONS, ("LeftValue", "RightValue")),
    "In": ("QueryValue", "Values"),
    "Not": ("Condition",),
    "Or": ("Conditions",),
}


def check(condition: Any, where: str) -> None:
    """Check the form of a condition, nested ones included.

    Raises:
        DefinitionError: for an unknown Type or a missing key; the message names `where`.
    """
    type_ = condition.get("Type") if isinstance(condition, dict) else None
    if type_ not in _KEYS:
        raise DefinitionError(
            f"Condition Type {type_!r} of {where} is unknown: allowed are {', '.join(_KEYS)}."
        )
    missing = [key for key in _KEYS[type_] if key not in condition]
    if missing == ["Condition"] and "Expression" in condition:  # as SDK v2 called it
        missing = []
    if missing:
        raise DefinitionError(f"Condition {type_} of {where} lacks {', '.join(missing)}.")
    for inner in _inner(condition):
        check(inner, where)


def is_true(condition: dict[str, Any]) -> bool:
    """Return whether a condition, its expressions already evaluated, is true.

    Raises:
        StepError: if two values cannot be compared.
    """
    type_ = condition["Type"]
    if type_ == "Not":
        return not is_true(_inner(condition)[0])
    if type_ == "Or":
        return any(is_true(inner) for inner in _inner(condition))
    if type_ == "In":
        return any(_equal(condition["QueryValue"], value) for value in condition["Values"])
    left, right = condition["LeftValue"], condition["RightValue"]
    if type_ == "Equals":
        return _equal(left, right)
    numbers = _number(left), _number(right)
    if None in numbers:
        if isinstance(left, str) and isinstance(right, str):
            return _COMPARISONS[type_](left, right)
        raise StepError(f"Condition {type_} cannot compare {left!r} with {right!r}.")
    return _COMPARISONS[type_](*numbers)


def _inner(condition: dict[str, Any]) -> list[Any]:
    if condition["Type"] == "Not":
        return [condition.get("Condition", condition.get("Expression"))]
    return list(condition["Conditions"]) if condition["Type"] == "Or" else []


def _equal(left: Any, right: Any) -> bool:
    if isinstance(left, str) and isinstance(right, str):
        return left == right
    numbers = _number(left), _number(right)
    return numbers[0] == numbers[1] if None not in numbers else left == right


def _number(value: Any) -> float | None:
    """Return a value as a number, also from a string, as hyperparameters and metrics often are."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return float(value)
    except ValueError:
        return None
