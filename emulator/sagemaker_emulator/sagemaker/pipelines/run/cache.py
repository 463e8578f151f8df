"""Step caching: what counts when the service decides whether a step was run before.

The attributes are those of "Default cache key attributes by pipeline step type" in the SageMaker
developer guide. What is not listed (outputs, instance types, retry policies, names) does not count.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

# None stands for the whole value, a dict for some of its children.
Attributes = dict[str, "Attributes | None"]
ALL = "*"
ATTRIBUTES: dict[str, Attributes] = {
    "Processing": dict.fromkeys(("AppSpecification", "Environment", "ProcessingInputs")),
    "Training": dict.fromkeys(
        (
            "AlgorithmSpecification",
            "CheckpointConfig",
            "DebugHookConfig",
            "DebugRuleConfigurations",
            "Environment",
            "HyperParameters",
            "InputDataConfig",
        )
    ),
    "Tuning": {
        "HyperParameterTuningJobConfig": None,
        "TrainingJobDefinition": dict.fromkeys(
            (
                "AlgorithmSpecification",
                "HyperParameterRanges",
                "InputDataConfig",
                "StaticHyperParameters",
                "TuningObjective",
            )
        ),
        "TrainingJobDefinitions": None,
    },
    "Transform": dict.fromkeys(("DataProcessing", "Environment", "ModelName", "TransformInput")),
    # The guide names no subset for these: everything that they are given counts.
    "Lambda": {ALL: None},
    "Callback": {ALL: None},
}


@dataclass(frozen=True)
class CacheKey:
    """A digest, and the attributes it was made of, so that a miss can be explained."""

    digest: str
    attributes: dict[str, Any]


def cache_key(step_type: str, arguments: dict[str, Any]) -> CacheKey | None:
    """The key of a step with these evaluated arguments; None if its type is never cached."""
    wanted = ATTRIBUTES.get(step_type)
    if wanted is None:
        return None
    attributes = _pick(arguments, wanted)
    text = json.dumps([step_type, attributes], sort_keys=True, separators=(",", ":"))
    return CacheKey(hashlib.sha256(text.encode()).hexdigest(), attributes)


def _pick(arguments: dict[str, Any], wanted: Attributes) -> dict[str, Any]:
    if ALL in wanted:
        return arguments
    picked: dict[str, Any] = {}
    for name, children in wanted.items():
        value = arguments.get(name)
        if value:
            picked[name] = _pick(value, children) if children and isinstance(value, dict) else value
    return picked


def differences(old: Any, new: Any, path: str = "") -> Iterator[str]:
    """Where two sets of attributes differ, one line for each place."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted(old.keys() | new.keys()):
            yield from differences(old.get(key), new.get(key), f"{path}.{key}" if path else key)
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for index, (left, right) in enumerate(zip(old, new, strict=True)):
            yield from differences(left, right, f"{path}[{index}]")
    elif old != new:
        yield f"{path}: {_short(old)} became {_short(new)}"


def _short(value: Any) -> str:
    text = "nothing" if value is None else json.dumps(value, sort_keys=True)
    return text if len(text) <= 160 else text[:157] + "..."


def explain_miss(previous: CacheKey | None, key: CacheKey) -> str:
    """Why no result could be reused, given the key of the latest successful run of the step."""
    if previous is None:
        return "the step has not succeeded in this pipeline before"
    changed = list(differences(previous.attributes, key.attributes))
    if not changed:
        return "the latest matching run is older than ExpireAfter allows"
    more = f"; and {len(changed) - 5} more" if len(changed) > 5 else ""
    return "since the latest successful run, " + "; ".join(changed[:5]) + more
