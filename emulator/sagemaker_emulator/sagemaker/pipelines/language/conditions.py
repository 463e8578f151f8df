"""The conditions of a Condition step."""

import operator
from collections.abc import Callable
from typing import Any

from sagemaker_emulator.aws import numerals
from sagemaker_emulator.sagemaker.pipelines.language import members
from sagemaker_emulator.sagemaker.pipelines.language.definition_errors import (
    DefinitionError,
    StepError,
)
from sagemaker_emulator.sagemaker.pipelines.language.expressions import is_expression, to_text

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
    if not isinstance(type_, str) or type_ not in _KEYS:
        raise DefinitionError(
            f"Condition Type {type_!r} of {where} is unknown: allowed are {', '.join(_KEYS)}."
            f"{members.nearest(str(type_), _KEYS)}"
        )
    keys = _KEYS[type_]
    members.check_members(condition, ("Type", *keys), f"condition {type_} of {where}")
    missing = [key for key in keys if key not in condition]
    if missing:
        raise DefinitionError(f"Condition {type_} of {where} lacks {', '.join(missing)}.")
    for key in ("Values", "Conditions"):
        if key in keys and not (isinstance(condition[key], list) and condition[key]):
            raise DefinitionError(f"{key} of condition {type_} of {where} must be a list.")
    if "Condition" in keys or "Conditions" in keys:
        for inner in _inner(condition):
            check(inner, where)
        return
    for key in keys:
        for value in condition[key] if key == "Values" else [condition[key]]:
            if value is None or (isinstance(value, dict | list) and not is_expression(value)):
                raise DefinitionError(
                    f"{key} of condition {type_} of {where} must be a text, a number, true, false "
                    "or an expression."
                )


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
        # Expression: in executions that an earlier version of the emulator began.
        return [condition.get("Condition", condition.get("Expression"))]
    return list(condition["Conditions"]) if condition["Type"] == "Or" else []


def _equal(left: Any, right: Any) -> bool:
    if isinstance(left, str) and isinstance(right, str):
        return left == right
    for value, text in ((left, right), (right, left)):
        if isinstance(value, bool) and isinstance(text, str):  # as a number equals its text
            return to_text(value) == text.lower()
    numbers = _number(left), _number(right)
    return numbers[0] == numbers[1] if None not in numbers else left == right


def _number(value: Any) -> float | None:
    """Return a value as a number, also from a string, as hyperparameters and metrics often are."""
    if isinstance(value, str):
        return numerals.number(value)
    return value if numerals.is_finite(value) else None
