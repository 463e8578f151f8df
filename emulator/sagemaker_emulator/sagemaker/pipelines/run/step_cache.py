"""Step caching: the results of earlier executions of the same pipeline, kept and reused.

Which attributes count is "Default cache key attributes by pipeline step type" in the SageMaker
developer guide. Others (outputs, instance types, retry policies, names) do not count.
"""

import hashlib
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sagemaker_emulator.sagemaker.pipelines.run.records import CACHE
from sagemaker_emulator.sagemaker.pipelines.run.step_run import StepRun

# The names that count; for a nested structure the names in it, for others None.
Attributes = dict[str, "Attributes | None"]


def _names(text: str) -> Attributes:
    return dict.fromkeys(text.split())


ATTRIBUTES: dict[str, Attributes] = {
    "Processing": _names("AppSpecification Environment ProcessingInputs"),
    "Training": _names(
        "AlgorithmSpecification CheckpointConfig DebugHookConfig DebugRuleConfigurations "
        "Environment HyperParameters InputDataConfig"
    ),
    "Tuning": {
        **_names("HyperParameterTuningJobConfig TrainingJobDefinitions"),
        "TrainingJobDefinition": _names(
            "AlgorithmSpecification HyperParameterRanges InputDataConfig StaticHyperParameters "
            "TuningObjective"
        ),
    },
    "Transform": _names("DataProcessing Environment ModelName TransformInput"),
    # The guide names no subset for these: all their arguments count.
    "Lambda": _names("FunctionArn Arguments"),
    "Callback": _names("SqsQueueUrl Arguments"),
}
_LATEST = "latest"
_CHANGES_SHOWN = 5


@dataclass(frozen=True)
class CacheKey:
    """A digest, and the attributes that it was computed from, so that a miss can be explained."""

    digest: str
    attributes: dict[str, Any]


def cache_key(step_type: str, arguments: dict[str, Any]) -> CacheKey | None:
    """Return the key of a step with these evaluated arguments; None if its type is never cached."""
    names = ATTRIBUTES.get(step_type)
    if names is None:
        return None
    attributes = _pick(arguments, names)
    text = json.dumps([step_type, attributes], sort_keys=True, separators=(",", ":"))
    return CacheKey(hashlib.sha256(text.encode()).hexdigest(), attributes)


def _pick(arguments: dict[str, Any], names: Attributes) -> dict[str, Any]:
    picked: dict[str, Any] = {}
    for name, children in names.items():
        value = arguments.get(name)
        if value:
            picked[name] = _pick(value, children) if children and isinstance(value, dict) else value
    return picked


def reuse_result(run: StepRun, arguments: dict[str, Any]) -> bool:
    """Finish the step with an earlier result if its cache allows; the log states why or why not.

    Args:
        run: the step.
        arguments: its evaluated arguments.

    Returns:
        Whether the step is finished.
    """
    cache, key = run.step.cache, cache_key(run.step.type, arguments)
    if cache is None or not cache.enabled or key is None:
        return False
    store = run.context.store
    hit = store.get(CACHE, _name(run, key.digest))
    if hit and (cache.expire_after is None or time.time() - hit["Time"] < cache.expire_after):
        source = hit["PipelineExecutionArn"]
        run.log(f"{run.step.name}: cache hit, key {key.digest[:16]}, result of {source}")
        run.progress.finish(
            "Succeeded",
            CacheHitResult={"SourcePipelineExecutionArn": source},
            Metadata=hit["Metadata"],
            Properties=hit["Properties"],
        )
        return True
    latest = store.get(CACHE, _name(run, _LATEST))
    previous = CacheKey(latest["Digest"], latest["Attributes"]) if latest else None
    run.log(f"{run.step.name}: cache miss, key {key.digest[:16]}: {explain_miss(previous, key)}")
    return False


def keep_result(run: StepRun, arguments: dict[str, Any]) -> None:
    """Keep the result of a step that has just succeeded, for later executions."""
    cache, key = run.step.cache, cache_key(run.step.type, arguments)
    if cache is None or not cache.enabled or key is None:
        return
    record = run.progress.record()
    result = {
        "Digest": key.digest,
        "Attributes": key.attributes,
        "Time": time.time(),
        "PipelineExecutionArn": run.arn,
        "Metadata": record["Metadata"],
        "Properties": record["Properties"],
    }
    with run.context.store.transaction():
        for name in (_name(run, key.digest), _name(run, _LATEST)):
            run.context.store.put(CACHE, name, {**result, "Name": name})


def _name(run: StepRun, digest: str) -> str:
    return f"{run.execution['PipelineName']}/{run.step.name}/{digest}"


def explain_miss(previous: CacheKey | None, key: CacheKey) -> str:
    """Explain why no result was reused, given the key of the step's latest successful run."""
    if previous is None:
        return "the step has not succeeded in this pipeline before"
    changes = [
        f"{path}: {_short(old)} became {_short(new)}"
        for path, old, new in differences(previous.attributes, key.attributes)
    ]
    if not changes:
        return "the latest matching run is older than ExpireAfter allows"
    more = len(changes) - _CHANGES_SHOWN
    rest = f"; and {more} more" if more > 0 else ""
    return "since the latest successful run, " + "; ".join(changes[:_CHANGES_SHOWN]) + rest


def differences(old: Any, new: Any, path: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Yield the path and both values of each difference between two trees; None: it is missing."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted(old.keys() | new.keys()):
            yield from differences(old.get(key), new.get(key), f"{path}.{key}" if path else key)
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for index, (left, right) in enumerate(zip(old, new, strict=True)):
            yield from differences(left, right, f"{path}[{index}]")
    elif old != new:
        yield path, old, new


def _short(value: Any) -> str:
    text = "nothing" if value is None else json.dumps(value, sort_keys=True)
    return text if len(text) <= 160 else text[:157] + "..."
