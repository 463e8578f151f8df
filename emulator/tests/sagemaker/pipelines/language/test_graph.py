from __future__ import annotations

import pytest
from pipeline_steps import condition, definition, fail, get, lambda_step, processing

from sagemaker_emulator.sagemaker.pipelines.language.definition import parse
from sagemaker_emulator.sagemaker.pipelines.language.definition_errors import DefinitionError
from sagemaker_emulator.sagemaker.pipelines.language.graph import order, parents


def test_step_waits_for_depends_on_references_and_its_condition() -> None:
    compare = {"Type": "Equals", "LeftValue": get("Steps.Prepare.ExitMessage"), "RightValue": "ok"}
    reference = {"image": get("Steps.Prepare.AppSpecification.ImageUri")}
    deploy = lambda_step("Deploy", "deploy", reference)
    waits = parents(
        parse(
            definition(
                processing("Prepare"),
                condition("Check", [compare], [deploy], [fail("TooLow")]),
                processing("After", DependsOn=["TooLow"]),
            )
        )
    )
    assert waits == {
        "Prepare": set(),
        "Check": {"Prepare"},
        "Deploy": {"Check", "Prepare"},
        "TooLow": {"Check"},
        "After": {"TooLow"},
    }


def test_order_puts_a_step_after_those_that_it_waits_for() -> None:
    assert order({"C": {"B"}, "B": {"A"}, "A": set()}) == ["A", "B", "C"]


def test_depends_on_of_an_unknown_step_is_refused() -> None:
    with pytest.raises(DefinitionError, match="names 'B', which is no step"):
        parents(parse(definition(fail("A", DependsOn=["B"]))))


def test_cycle_is_refused_with_its_steps() -> None:
    with pytest.raises(DefinitionError, match="A -> B -> C -> A"):
        order({"A": {"B"}, "B": {"C"}, "C": {"A"}})
