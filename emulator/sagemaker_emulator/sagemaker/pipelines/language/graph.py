"""The graph of a definition: which step waits for which."""

from __future__ import annotations

from collections.abc import Mapping
from graphlib import CycleError, TopologicalSorter
from typing import Any

from sagemaker_emulator.sagemaker.pipelines.language.definition import (
    BRANCHES,
    Definition,
    StepDefinition,
)
from sagemaker_emulator.sagemaker.pipelines.language.definition_errors import DefinitionError
from sagemaker_emulator.sagemaker.pipelines.language.expressions import references


def own_arguments(step: StepDefinition) -> dict[str, Any]:
    """Return what a step itself evaluates: its JSON without the steps in its branches."""
    own = {key: value for key, value in step.entry.items() if key not in ("Arguments", "DependsOn")}
    arguments = {
        key: value
        for key, value in step.arguments.items()
        if step.type != "Condition" or key not in BRANCHES
    }
    return {**arguments, "": own}


def parents(definition: Definition) -> dict[str, set[str]]:
    """Return for each step those that it waits for: DependsOn, references, and its Condition.

    Raises:
        DefinitionError: if DependsOn names no step of the pipeline.
    """
    waits: dict[str, set[str]] = {}
    for step in definition.steps.values():
        for name in step.depends_on:
            if name not in definition.steps:
                raise DefinitionError(
                    f"DependsOn of step '{step.name}' names '{name}', which is no step of this "
                    f"pipeline. Steps: {', '.join(definition.steps)}."
                )
        needed = set(step.depends_on)
        needed |= {
            reference.name
            for _, reference in references(own_arguments(step))
            if reference.root == "Steps"
        }
        if step.condition:
            needed.add(step.condition)
        waits[step.name] = needed
    return waits


def order(waits: Mapping[str, set[str]]) -> list[str]:
    """Return the steps in an order in which each comes after those that it waits for.

    Raises:
        DefinitionError: if there is a cycle; the message lists its steps.
    """
    try:
        return list(TopologicalSorter(waits).static_order())
    except CycleError as error:
        cycle = " -> ".join(reversed(error.args[1]))
        raise DefinitionError(f"Steps wait for each other in a cycle: {cycle}.") from error


def ancestors(waits: Mapping[str, set[str]], name: str) -> set[str]:
    """Return every step that `name` waits for, directly or through others."""
    above: set[str] = set()
    todo = list(waits[name])
    while todo:
        parent = todo.pop()
        if parent not in above:
            above.add(parent)
            todo.extend(waits[parent])
    return above
