"""Selective execution: some steps run, and take what they need from an earlier execution."""

from __future__ import annotations

from collections.abc import Iterable, Set
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sagemaker_emulator.sagemaker.pipelines.language.definition import Definition
from sagemaker_emulator.sagemaker.pipelines.language.definition_errors import DefinitionError
from sagemaker_emulator.sagemaker.pipelines.language.graph import ancestors
from sagemaker_emulator.sagemaker.pipelines.run import records
from sagemaker_emulator.sagemaker.pipelines.run.scheduler import SKIPPED

if TYPE_CHECKING:
    from types_boto3_sagemaker import type_defs as types

    from sagemaker_emulator.storage.store import Store


@dataclass(frozen=True)
class Selection:
    """The steps that run, and those reused from the source execution; others are left out."""

    run: frozenset[str]
    reuse: frozenset[str]


def select(
    definition: Definition,
    names: Iterable[str],
    source_arn: str | None,
    succeeded: Set[str] = frozenset(),
) -> Selection:
    """Resolve a SelectiveExecutionConfig.

    Args:
        definition: the pipeline.
        names: SelectedSteps.
        source_arn: SourcePipelineExecutionArn, if any.
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
    above = {name: ancestors(definition.waits, name) for name in definition.steps}
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
    reuse = frozenset(parent for name in run for parent in definition.waits[name]) - run
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


def resolve(
    store: Store,
    definition: Definition,
    pipeline_arn: str,
    config: types.SelectiveExecutionConfigUnionTypeDef,
) -> Selection:
    """Resolve the SelectiveExecutionConfig of a StartPipelineExecution request.

    Raises:
        ApiError: if there is no such source execution.
        DefinitionError: if the source execution is of another pipeline or has not ended, or the
            selection is wrong.
    """
    source = config.get("SourcePipelineExecutionArn")
    succeeded: set[str] = set()
    if source:
        execution = records.get_execution(store, source)
        status = execution["PipelineExecutionStatus"]
        if execution["PipelineArn"] != pipeline_arn:
            raise DefinitionError(
                f"SourcePipelineExecutionArn {source} is an execution of another pipeline."
            )
        if status not in ("Succeeded", "Failed"):
            raise DefinitionError(
                f"SourcePipelineExecutionArn {source} is {status}; it must be Succeeded or Failed."
            )
        steps = records.step_records(store, source)
        succeeded = {name for name, step in steps.items() if step["StepStatus"] == "Succeeded"}
    names = [entry["StepName"] for entry in config["SelectedSteps"]]
    return select(definition, names, source, succeeded)


def record_other_steps(
    store: Store, definition: Definition, arn: str, selection: Selection, source_arn: str | None
) -> None:
    """Write the records of the steps that do not run: reused from the source, or left out."""
    source_steps = records.step_records(store, source_arn) if source_arn else {}
    for name in definition.steps:
        if name in selection.run:
            continue
        step: records.StepRecord = {"StepName": name, "StepStatus": SKIPPED}
        if source_arn and name in selection.reuse:
            step = source_steps[name]
            step["SelectiveExecutionResult"] = {"SourcePipelineExecutionArn": source_arn}
        records.StepProgress(store, arn, name).begin(step)
