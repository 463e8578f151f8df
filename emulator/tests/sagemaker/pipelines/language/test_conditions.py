from __future__ import annotations

from typing import Any

import pytest

from sagemaker_emulator.sagemaker.pipelines.language.conditions import check, is_true
from sagemaker_emulator.sagemaker.pipelines.language.definition_errors import StepError


def compare(type_: str, left: Any, right: Any) -> dict[str, Any]:
    return {"Type": type_, "LeftValue": left, "RightValue": right}


FALSE, TRUE = compare("Equals", 1, 2), compare("LessThan", 1, 2)


@pytest.mark.parametrize(
    ("condition", "outcome"),
    [
        (compare("Equals", "a", "a"), True),
        (compare("Equals", 1, 1.0), True),
        (compare("Equals", "1", "1.0"), False),
        (compare("Equals", True, False), False),
        (compare("Equals", True, "true"), True),
        (compare("Equals", "False", False), True),
        (compare("Equals", False, "no"), False),
        (compare("GreaterThan", 2, 1), True),
        (compare("GreaterThan", 1, 1), False),
        (compare("GreaterThanOrEqualTo", "0.7", 0.7), True),
        (compare("LessThan", 1, 2), True),
        (compare("LessThan", 2, 2), False),
        (compare("LessThanOrEqualTo", 2, 2), True),
        (compare("LessThanOrEqualTo", 3, 2), False),
        ({"Type": "In", "QueryValue": "b", "Values": ["a", "b"]}, True),
        ({"Type": "In", "QueryValue": 3, "Values": [1, 2]}, False),
        ({"Type": "Not", "Condition": FALSE}, True),
        ({"Type": "Or", "Conditions": [FALSE, TRUE]}, True),
        ({"Type": "Or", "Conditions": [FALSE, compare("LessThan", 2, 1)]}, False),
    ],
    ids=lambda value: "-".join(map(str, value.values())) if isinstance(value, dict) else str(value),
)
def test_condition_has_its_outcome(condition: dict[str, Any], outcome: bool) -> None:
    check(condition, "step 'Check'")
    assert is_true(condition) is outcome


@pytest.mark.parametrize(
    "value", ["high", "Infinity", "nan", "1_0", " 1", "\u0663", float("inf"), 10**400, True]
)
def test_values_that_cannot_be_compared_fail_the_step(value: Any) -> None:
    with pytest.raises(StepError, match=r"cannot compare .* with 1"):
        is_true(compare("GreaterThan", value, 1))


def test_integers_are_compared_exactly() -> None:
    assert is_true(compare("GreaterThan", 2**60 + 1, 2**60))
    assert not is_true(compare("Equals", 2**60 + 1, 2**60))
