"""The conditions of a Condition step."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from sagemaker_emulator.sagemaker.pipelines.language.definition_errors import (
    DefinitionError,
    StepError,
)

_ORDERED: dict[str, Callable[[Any, Any], bool]] = {
    "GreaterThan": operator.gt,
    "GreaterThanOrEqualTo": operator.ge,
    "LessThan": operator.lt,
    "LessThanOrEqualTo": operator.le,
}
_KEYS: dict[str, tuple[str, ...]] = {
    "Equals": ("LeftValue", "RightValue"),
    **dict.fromkeys(_ORDERED, ("LeftValue", "RightValue")),
    "In": ("QueryValue", "Values"),
    "Not": ("Condition",),
    "Or": ("Conditions",),
}
TYPES = tuple(_KEYS)


def check(condition: Any, where: str) -> None:
    """Check the form of a condition, nested ones included.

    Raises:
        DefinitionError: for an unknown Type or a missing key, naming `where`.
    """
    kind = condition.get("Type") if isinstance(condition, dict) else None
    if kind not in _KEYS:
        raise DefinitionError(
            f"Condition Type {kind!r} of {where} is unknown: allowed are {', '.join(TYPES)}."
        )
    missing = [key for key in _KEYS[kind] if key not in condition and not _renamed(condition, key)]
    if missing:
        raise DefinitionError(f"Condition {kind} of {where} lacks {', '.join(missing)}.")
    for inner in _inner(condition):
        check(inner, where)


def holds(condition: dict[str, Any]) -> bool:
    """Whether a condition, with its expressions already evaluated, is true.

    Raises:
        StepError: if two values cannot be compared.
    """
    kind = condition["Type"]
    if kind == "Not":
        return not holds(_inner(condition)[0])
    if kind == "Or":
        return any(holds(inner) for inner in _inner(condition))
    if kind == "In":
        return any(_equal(condition["QueryValue"], value) for value in condition["Values"])
    left, right = condition["LeftValue"], condition["RightValue"]
    if kind == "Equals":
        return _equal(left, right)
    numbers = _number(left), _number(right)
    if None in numbers:
        if isinstance(left, str) and isinstance(right, str):
            return _ORDERED[kind](left, right)
        raise StepError(f"Condition {kind} cannot compare {left!r} with {right!r}.")
    return _ORDERED[kind](*numbers)


def _renamed(condition: dict[str, Any], key: str) -> bool:
    # SDK v2 called the operand of Not "Expression".
    return key == "Condition" and "Expression" in condition


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
    """A number, also where it stands in a string, as hyperparameters and metrics often do."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return float(value)
    except ValueError:
        return None
