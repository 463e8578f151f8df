from __future__ import annotations

import pytest

from sagemaker_emulator.sagemaker.pipelines.language.definition_errors import DefinitionError
from sagemaker_emulator.sagemaker.pipelines.language.graph import ancestors, order


def test_order_puts_a_step_after_those_that_it_waits_for() -> None:
    assert order({"C": {"B"}, "B": {"A"}, "A": set()}) == ["A", "B", "C"]


def test_cycle_is_refused_with_its_steps() -> None:
    with pytest.raises(DefinitionError, match="A -> B -> C -> A"):
        order({"A": {"B"}, "B": {"C"}, "C": {"A"}})


def test_ancestors_are_those_waited_for_through_others_too() -> None:
    assert ancestors({"C": {"B"}, "B": {"A"}, "A": set(), "D": set()}, "C") == {"A", "B"}
