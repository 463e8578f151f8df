from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from sagemaker_emulator.sagemaker.pipelines.language.definition import Definition, StepDefinition
from sagemaker_emulator.sagemaker.pipelines.run.scheduler import plan


def steps(*entries: StepDefinition) -> Definition:
    return Definition({}, {step.name: step for step in entries})


# D waits for B and C, which wait for A.
DIAMOND = steps(
    StepDefinition("A", "Training", {}),
    StepDefinition("B", "Training", {}, ("A",)),
    StepDefinition("C", "Training", {}, ("A",)),
    StepDefinition("D", "Training", {}, ("B", "C")),
)
BRANCHES = steps(
    StepDefinition("Check", "Condition", {}),
    StepDefinition("Yes", "Lambda", {}, (), "Check", "IfSteps"),
    StepDefinition("No", "Fail", {}, (), "Check", "ElseSteps"),
    StepDefinition("After", "Lambda", {}, ("Yes",)),
)
DONE = "Succeeded"
Move = tuple[tuple[str, ...], tuple[str, ...], str | None]


@pytest.mark.parametrize(
    ("definition", "statuses", "options", "move"),
    [
        pytest.param(DIAMOND, {}, {}, (("A",), (), None), id="start"),
        pytest.param(DIAMOND, {"A": DONE}, {}, (("B", "C"), (), None), id="parallel"),
        pytest.param(DIAMOND, {"A": DONE}, {"limit": 1}, (("B",), (), None), id="limit"),
        pytest.param(
            DIAMOND, {"A": DONE, "B": "Executing"}, {"limit": 1}, ((), (), None), id="limit reached"
        ),
        pytest.param(
            DIAMOND,
            {"A": DONE, "B": "Failed", "C": "Executing"},
            {},
            ((), (), None),
            id="running steps finish",
        ),
        pytest.param(
            DIAMOND, {"A": DONE, "B": "Failed", "C": DONE}, {}, ((), (), "Failed"), id="failed"
        ),
        pytest.param(DIAMOND, dict.fromkeys("ABCD", DONE), {}, ((), (), DONE), id="succeeded"),
        pytest.param(DIAMOND, {"A": DONE}, {"stopping": True}, ((), (), "Stopped"), id="stopped"),
        pytest.param(
            BRANCHES,
            {"Check": DONE},
            {"outcomes": {"Check": True}},
            (("Yes",), ("No",), None),
            id="if branch",
        ),
        pytest.param(
            BRANCHES,
            {"Check": DONE},
            {"outcomes": {"Check": False}},
            (("No",), ("Yes", "After"), None),
            id="else branch, and what depends on the other",
        ),
        pytest.param(
            BRANCHES,
            {"Check": DONE, "Yes": "Skipped", "After": "Skipped", "No": "Failed"},
            {"outcomes": {"Check": False}},
            ((), (), "Failed"),
            id="Fail step",
        ),
    ],
)
def test_plan_is_the_next_move(
    definition: Definition, statuses: Mapping[str, str], options: dict[str, Any], move: Move
) -> None:
    arguments: dict[str, Any] = {"outcomes": {}, "limit": 50, **options}
    result = plan(definition, statuses, **arguments)
    assert (result.start, result.skip, result.status) == move
