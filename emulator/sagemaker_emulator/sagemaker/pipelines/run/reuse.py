"""Results of earlier executions of the same pipeline, kept and found again."""

from __future__ import annotations

import time
from typing import Any

from sagemaker_emulator.sagemaker.pipelines.run.cache import CacheKey, cache_key, explain_miss
from sagemaker_emulator.sagemaker.pipelines.run.records import CACHE
from sagemaker_emulator.sagemaker.pipelines.run.step_run import StepRun

_LATEST = "latest"


def reused(run: StepRun, arguments: dict[str, Any]) -> bool:
    """Finish the step with an earlier result if its cache allows; the log says why or why not.

    Args:
        run: the step.
        arguments: its evaluated arguments.
    """
    cache = run.step.cache
    key = cache_key(run.step.type, arguments)
    if cache is None or not cache.enabled or key is None:
        return False
    store = run.context.store
    hit = store.get(CACHE, _name(run, key.digest))
    if hit and (cache.expire_after is None or time.time() - hit["Time"] < cache.expire_after):
        source = hit["PipelineExecutionArn"]
        run.log(f"{run.step.name}: cache hit, key {key.digest[:16]}, result of {source}")
        run.record.finish(
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


def remember(run: StepRun, arguments: dict[str, Any]) -> None:
    """Keep the result of a step that has just succeeded, for later executions."""
    key = cache_key(run.step.type, arguments)
    cache = run.step.cache
    if key is None or cache is None or not cache.enabled:
        return
    record = run.record.get()
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
