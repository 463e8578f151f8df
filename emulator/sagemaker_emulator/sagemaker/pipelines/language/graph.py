"""The graph of a definition: which step waits for which, directly or through others."""

from collections.abc import Mapping
from graphlib import CycleError, TopologicalSorter

from sagemaker_emulator.sagemaker.pipelines.language.definition_errors import DefinitionError


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
