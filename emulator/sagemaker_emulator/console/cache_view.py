"""What the step cache did for a step, and which arguments made it miss."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request

from sagemaker_emulator.console import lists, log_view
from sagemaker_emulator.console.execution import Execution, Step, execution_of, id_of
from sagemaker_emulator.console.pages import call
from sagemaker_emulator.console.step_request import StepRequest, step_request
from sagemaker_emulator.sagemaker.pipelines.run.execution_thread import LOG_GROUP
from sagemaker_emulator.sagemaker.pipelines.run.step_cache import (
    ATTRIBUTES,
    cache_key,
    differences,
)

# Earlier executions that are looked through for the step's latest success.
_MOST_EXECUTIONS = 50


@dataclass(frozen=True)
class Change:
    """An argument that counts for the cache and differs from the earlier run's."""

    path: str
    before: Any
    now: Any


@dataclass(frozen=True)
class CacheView:
    """What a page says of the cache.

    Attributes:
        word: Hit, Miss or Off; empty where the cache was not asked.
        reason: why, in a sentence.
        source: the id of the execution that the result is from, or was compared with.
        changes: the arguments that differ.
    """

    word: str
    reason: str
    source: str = ""
    changes: tuple[Change, ...] = ()


def cache_view(request: Request, execution: Execution, step: Step, made: StepRequest) -> CacheView:
    """What the cache did for a step.

    Args:
        request: The browser's request.
        execution: The step's.
        step: One of its steps.
        made: What `step_request` returned for it.
    """
    type_, cache = step.definition.type, step.definition.cache
    if type_ not in ATTRIBUTES:
        return CacheView("", f"SageMaker caches no {type_} step.")
    if cache is None or not cache.enabled:
        return CacheView("Off", "The definition does not enable the cache for this step.")
    if not step.record:
        return CacheView("", "The step has not begun.")
    if step.is_cached:
        reason = "An earlier run had the same arguments: its result is reused, and no job ran."
        return CacheView("Hit", reason, id_of(step.reused_from))
    if step.reused_from:
        return CacheView(
            "",
            "A selective execution reuses the result, whatever the cache has.",
            id_of(step.reused_from),
        )
    logged = _logged(request, execution, step)
    if "has not succeeded in this pipeline before" in logged:
        return CacheView("Miss", "There was no earlier result: the step had not succeeded before.")
    earlier = _latest_success(request, execution, step)
    if earlier is None:
        return CacheView("Miss", logged or "No earlier result was found.")
    changes = tuple(_changes(request, step, made, earlier))
    source = earlier.id
    if "ExpireAfter" in logged or (not changes and not logged):
        text = step.definition.entry["CacheConfig"].get("ExpireAfter", "")
        reason = f"The earlier result is older than ExpireAfter ({text}) allows."
        return CacheView("Miss", reason, source)
    if not changes:
        return CacheView("Miss", logged, source)
    return CacheView("Miss", "Arguments differ from the latest successful run.", source, changes)


def _logged(request: Request, execution: Execution, step: Step) -> str:
    """What the execution's log gives as the reason of the miss; empty if it has no such line."""
    begin = f"{step.name}: cache miss, key "
    for line in reversed(lines_of(request, execution, step)):
        if line.startswith(begin):
            return line.removeprefix(begin).partition(": ")[2]
    return ""


def lines_of(request: Request, execution: Execution, step: Step) -> list[str]:
    """The lines of an execution's log that are about a step."""
    prefix = f"{execution.pipeline}/{execution.id}"
    events, _ = log_view.tail(request, LOG_GROUP, prefix)
    texts = (str(event["message"]) for event in events)
    return [text for text in texts if text.startswith(f"{step.name}: ")]


def _latest_success(request: Request, execution: Execution, step: Step) -> Execution | None:
    """The execution with the step's latest result before this run."""
    began = step.record["StartTime"]
    earlier = call(
        request,
        "Search",
        Resource="PipelineExecution",
        SearchExpression={
            "Filters": [
                {"Name": "PipelineArn", "Value": execution.described["PipelineArn"]},
                {"Name": "CreationTime", "Operator": "LessThan", "Value": repr(began)},
            ]
        },
        SortBy="CreationTime",
        SortOrder="Descending",
        MaxResults=_MOST_EXECUTIONS,
    )
    best_end, best_arn = 0.0, ""
    for found in earlier["Results"]:
        described = found["PipelineExecution"]
        arn = described["PipelineExecutionArn"]
        if arn == execution.arn or described["LastModifiedTime"] < best_end:
            continue
        listed = lists.every(
            request,
            "ListPipelineExecutionSteps",
            "PipelineExecutionSteps",
            PipelineExecutionArn=arn,
        )
        for record in listed:
            reused = record.keys() & {"CacheHitResult", "SelectiveExecutionResult"}
            if record["StepName"] != step.name or record["StepStatus"] != "Succeeded" or reused:
                continue
            if best_end < record["EndTime"] <= began:
                best_end, best_arn = record["EndTime"], arn
    return execution_of(request, id_of(best_arn)) if best_arn else None


def _changes(
    request: Request, step: Step, made: StepRequest, earlier: Execution
) -> Iterator[Change]:
    """The arguments that count and differ."""
    before = step_request(request, earlier, earlier.steps[step.name])
    old = cache_key(step.definition.type, before.resolved)
    new = cache_key(step.definition.type, made.resolved)
    if old and new:
        for path, left, right in differences(old.attributes, new.attributes):
            yield Change(path, left, right)
