"""Selective execution: run some steps, take what they need from an earlier execution."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass

from sagemaker_emulator.sagemaker.pipelines.language.definition import Definition
from sagemaker_emulator.sagemaker.pipelines.language.definition_errors import DefinitionError
from sagemaker_emulator.sagemaker.pipelines.language.graph import ancestors


@dataclass(frozen=True)
class Selection:
    """Which steps run, which are reused from the source execution; all others are left out."""

    run: frozenset[str]
    reuse: frozenset[str]


def select(
    definition: Definition,
    waits: Mapping[str, set[str]],
    names: Iterable[str],
    source_arn: str | None,
    succeeded: Set[str] = frozenset(),
) -> Selection:
    """Resolve a SelectiveExecutionConfig.

    Args:
        definition: the pipeline.
        waits: for each step the steps it waits for.
        names: SelectedSteps.
        source_arn: SourcePipelineExecutionArn, if given.
        succeeded: the steps that succeeded in the source execution.

    Raises:
        DefinitionError: for an unknown step, a gap between two selected steps, or a needed result
            that no source execution has.
    """
    run = frozenset(names)
    unknown = sorted(run - definition.steps.keys())
    if unknown:
        raise DefinitionError(
            f"SelectedSteps names {', '.join(unknown)}: no such step. "
            f"Steps of this pipeline: {', '.join(definition.steps)}."
        )
    above = {name: ancestors(waits, name) for name in definition.steps}
    gaps = sorted(
        name
        for name in definition.steps.keys() - run
        if above[name] & run and any(name in above[selected] for selected in run)
    )
    if gaps:
        raise DefinitionError(
            "SelectedSteps must include every step on a path between two of them: "
            f"add {', '.join(gaps)}."
        )
    reuse = frozenset(parent for name in run for parent in waits[name]) - run
    if reuse and source_arn is None:
        raise DefinitionError(
            f"Invalid SourcePipelineExecutionArn: null. The selected steps {sorted(run)} have "
            f"dependencies on {sorted(reuse)}; name an execution in which those succeeded."
        )
    missing = sorted(reuse - succeeded)
    if missing:
        raise DefinitionError(
            f"SourcePipelineExecutionArn {source_arn} cannot be used: {', '.join(missing)} did not "
            "succeed in it, and the selected steps depend on it."
        )
    return Selection(run, reuse)
