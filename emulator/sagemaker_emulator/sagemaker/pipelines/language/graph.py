"""The graph of a definition: which step waits for which."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sagemaker_emulator.sagemaker.pipelines.language.definition import BRANCHES, Definition, Step
from sagemaker_emulator.sagemaker.pipelines.language.definition_errors import DefinitionError
from sagemaker_emulator.sagemaker.pipelines.language.expressions import references


def own_arguments(step: Step) -> Any:
    """What a step itself evaluates: its raw entry without the steps in its branches."""
    own = {key: value for key, value in step.raw.items() if key not in ("Arguments", "DependsOn")}
    arguments = {
        key: value
        for key, value in step.arguments.items()
        if step.type != "Condition" or key not in BRANCHES
    }
    return {**arguments, "": own}


def parents(definition: Definition) -> dict[str, set[str]]:
    """For each step the steps it waits for: DependsOn, references, and the condition it lies in.

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
    """The steps in an order in which each comes after what it waits for.

    Raises:
        DefinitionError: if there is a cycle; the message spells it out.
    """
    done: list[str] = []
    path: list[str] = []

    def visit(name: str) -> None:
        if name in done:
            return
        if name in path:
            cycle = [*path[path.index(name) :], name]
            raise DefinitionError(f"Steps wait for each other in a cycle: {' -> '.join(cycle)}.")
        path.append(name)
        for parent in sorted(waits.get(name, ())):
            visit(parent)
        path.pop()
        done.append(name)

    for name in waits:
        visit(name)
    return done


def ancestors(waits: Mapping[str, set[str]], name: str) -> set[str]:
    """Every step that `name` waits for, directly or through others."""
    found: set[str] = set()
    todo = list(waits[name])
    while todo:
        parent = todo.pop()
        if parent not in found:
            found.add(parent)
            todo.extend(waits[parent])
    return found
