"""What an upsert would change: the deployed definition beside the one of this code, in words.

Which steps run again afterwards follows from the attributes that SageMaker's step cache looks at:
https://docs.aws.amazon.com/sagemaker/latest/dg/pipelines-default-keys.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipelines.executions.execution import walk
from pipelines.provisioning import upsert
from pipelines.settings.model import Settings

if TYPE_CHECKING:
    import boto3

# By step type: the arguments that the step cache looks at, as the beginnings of their paths. Of
# other types it looks at all.
CACHE_KEYS = {
    "Processing": ("AppSpecification", "Environment", "ProcessingInputs"),
    "Training": (
        "AlgorithmSpecification", "CheckpointConfig", "DebugHookConfig", "DebugRuleConfigurations",
        "Environment", "HyperParameters", "InputDataConfig",
    ),
    "Tuning": (
        "HyperParameterTuningJobConfig", "TrainingJobDefinitions",
        *(
            f"TrainingJobDefinition.{name}"
            for name in (
                "AlgorithmSpecification", "HyperParameterRanges", "InputDataConfig",
                "StaticHyperParameters", "TuningObjective",
            )
        ),
    ),
    "Transform": ("DataProcessing", "Environment", "ModelName", "TransformInput"),
}  # fmt: skip
# What names an entry of a list, so that a new entry does not change the others.
ENTRY_NAMES = ("ChannelName", "InputName", "OutputName", "Name", "RuleConfigurationName")
ABSENT = "(none)"
LONGEST = 60  # characters of a value
# The folder of a step's uploaded code, the address of an image.
CODE = re.compile(r"/code/(\w+)/([0-9a-f]{8})")
IMAGE = re.compile(r"[^/]+/([^/]+:[^/]+)")
# References to another step and to a parameter.
STEP = re.compile(r'"Get": "Steps\.([^."\[]+)')
PARAMETER = re.compile(r'"Get": "Parameters\.([^"]+)"')
# The members that a person knows by another word.
WORDS = (
    (re.compile(r"(TrainingJobDefinition\.)?(Static)?HyperParameters\.(.*)"), r"hyperparameter \3"),
    (re.compile(r"AppSpecification\.ContainerArguments\.(.*)"), r"argument \1"),
    (re.compile(r"(AppSpecification\.ImageUri|.*AlgorithmSpecification\.TrainingImage)"), "image"),
    (re.compile(r".*Environment\.(.*)"), r"variable \1"),
    (re.compile(r".*StoppingCondition\.MaxRuntimeInSeconds"), "time limit in seconds"),
)


@dataclass(frozen=True)
class Change:
    """One thing that differs.

    Attributes:
        what: Its name.
        before: Its value in the deployed definition, as text.
        after: Its value in the new one.
    """

    what: str
    before: str
    after: str

    def __str__(self) -> str:
        """`image: tally-training:1a2b -> tally-training:3c4d`."""
        return f"{self.what}: {self.before} -> {self.after}"


@dataclass(frozen=True)
class Difference:
    """What an upsert would change.

    Attributes:
        changes: By step, or by another part of the pipeline; the whole step is new or gone where
            there is one change without a name.
        again: The cached steps that run again, and why.
        cached: The cached steps that do not.
        creates: Whether there is no pipeline yet.
    """

    changes: Mapping[str, tuple[Change, ...]]
    again: Mapping[str, str]
    cached: tuple[str, ...]
    creates: bool = False

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {
            "creates": self.creates,
            "changes": {
                part: [vars(change) for change in changes] for part, changes in self.changes.items()
            },
            "run_again": dict(self.again),
            "from_the_cache": list(self.cached),
        }


def read(session: boto3.Session, settings: Settings) -> Difference:
    """What an upsert of the code and settings here would change; nothing is sent but questions.

    Args:
        session: The target's session.
        settings: Resolved settings.

    Raises:
        WeightsError: The pretrained weights are missing.
        CompileError: The definition does not compile.
    """
    return compare(upsert.deployed(session, settings), upsert.compiled(settings))


def compare(deployed: str, new: str) -> Difference:
    """Compare two definitions.

    Args:
        deployed: The definition of the pipeline as it is, in JSON; "" where there is no pipeline.
        new: The definition of the code and settings here, in JSON.
    """
    before, after = (_Parts.of(text) for text in (deployed, new))
    changes: dict[str, tuple[Change, ...]] = {}
    if found := tuple(_changes(before.parameters, after.parameters)):
        changes["parameters"] = found
    differing: dict[str, dict[str, Change]] = {}
    for name in {**before.steps, **after.steps}:
        old, now = before.steps.get(name), after.steps.get(name)
        if old is None or now is None:
            words = ("", "new") if old is None else ("", "removed")
            changes[name] = (Change("step", *words),)
            continue
        differing[name] = {
            path: _change(path, old.get(path), now.get(path))
            for path in {**old, **now}
            if old.get(path) != now.get(path)
        }
        if differing[name]:
            changes[name] = tuple(dict.fromkeys(differing[name].values()))
    again, cached = _run_again(before, after, differing)
    return Difference(changes, again, cached, creates=not deployed)


@dataclass(frozen=True)
class _Parts:
    """A definition, taken apart.

    Attributes:
        parameters: The defaults by name.
        steps: Of each step, every value by its path.
        raw: The steps as they are written.
    """

    parameters: Mapping[str, str]
    steps: Mapping[str, Mapping[str, str]]
    raw: Mapping[str, Mapping[str, Any]]

    @classmethod
    def of(cls, text: str) -> _Parts:
        document = json.loads(text) if text else {"Steps": []}
        raw = {step["Name"]: step for step, _, _ in walk(document["Steps"])}
        defaults = {
            one["Name"]: _text(one.get("DefaultValue")) for one in document.get("Parameters", ())
        }
        return cls(defaults, {name: dict(_flat(_own(step))) for name, step in raw.items()}, raw)


def _own(step: Mapping[str, Any]) -> dict[str, Any]:
    """A step without the steps in its branches, which are compared by themselves."""
    own = {key: value for key, value in step.items() if key != "Name"}
    if step["Type"] == "Condition":
        own["Arguments"] = {
            key: [one["Name"] for one in value] if key in ("IfSteps", "ElseSteps") else value
            for key, value in step["Arguments"].items()
        }
    return own


def _flat(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Every value by its path; entries of lists by their names, options by theirs."""
    if isinstance(value, Mapping) and "Get" not in value and not _is_function(value):
        for key, inner in value.items():
            yield from _flat(inner, f"{path}.{key}" if path else key)
    elif isinstance(value, list) and value:
        for key, inner in _entries(value):
            yield from _flat(inner, f"{path}.{key}")
    else:
        yield path.removeprefix("Arguments."), _text(value)


def _entries(values: Sequence[Any]) -> Iterator[tuple[str, Any]]:
    """The entries of a list with what names each; `--name value` is one entry."""
    at = 0
    while at < len(values):
        entry = values[at]
        if isinstance(entry, str) and entry.startswith("--") and at + 1 < len(values):
            yield entry, values[at + 1]
            at += 2
            continue
        names = (entry.get(key) for key in ENTRY_NAMES) if isinstance(entry, Mapping) else ()
        yield next((str(name) for name in names if name), str(at)), entry
        at += 1


def _is_function(value: Mapping[str, Any]) -> bool:
    return len(value) == 1 and next(iter(value)).startswith("Std:")


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)


def _changes(before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[Change]:
    for name in {**before, **after}:
        if before.get(name) != after.get(name):
            yield Change(name, *_short(before.get(name), after.get(name)))


def _short(*values: str | None) -> Iterator[str]:
    """Two values as text, cut around what differs."""
    known = [ABSENT if value is None else value for value in values]
    same = 0
    shortest = min(map(len, known))
    while same < shortest and len({value[: same + 1] for value in known}) == 1:
        same += 1
    start = max(0, same - LONGEST // 2) if max(map(len, known)) > LONGEST else 0
    for value in known:
        cut = value[start : start + LONGEST]
        more = "..." * (len(value) > start + LONGEST)
        yield f"{'...' * bool(start)}{cut}{more}"


def _change(path: str, before: str | None, after: str | None) -> Change:
    """A value of a step that differs, in a person's words where it has some."""
    old, new = (CODE.search(value or "") for value in (before, after))
    if old and new and old[1] == new[1]:
        return Change(f"code of {old[1]}", old[2], new[2])
    images = [IMAGE.fullmatch(value or "") for value in (before, after)]
    what = next((found.sub(to, path) for found, to in WORDS if found.fullmatch(path)), path)
    if images[0] and images[1]:
        return Change(what, images[0][1], images[1][1])
    return Change(what, *_short(before, after))


def _run_again(
    before: _Parts, after: _Parts, differing: Mapping[str, Mapping[str, Change]]
) -> tuple[dict[str, str], tuple[str, ...]]:
    """The cached steps that run again, with the reason, and those that do not.

    A step runs again if a value that the cache looks at differs, or a default of a parameter there,
    or if it takes a result of a step that runs again.
    """
    changed = {
        name for name, text in after.parameters.items() if before.parameters.get(name) != text
    }
    again: dict[str, str] = {}
    cached = []
    for name, step in after.raw.items():
        if not step.get("CacheConfig", {}).get("Enabled"):
            continue
        keys = CACHE_KEYS.get(step["Type"], ("",))
        values = {path: text for path, text in after.steps[name].items() if path.startswith(keys)}
        found = [
            change.what for path, change in differing.get(name, {}).items() if path.startswith(keys)
        ]
        everything = " ".join(values.values())
        if name not in before.raw:
            again[name] = "it is new"
        elif found:
            what = list(dict.fromkeys(found))
            again[name] = f"{what[0]}{f' and {len(what) - 1} more' * (len(what) > 1)} changed"
        elif used := sorted(changed & set(PARAMETER.findall(everything))):
            again[name] = f"the default of {', '.join(used)} changed"
        elif above := [one for one in STEP.findall(everything) if one in again]:
            again[name] = f"it takes a result of {above[0]}"
        else:
            cached.append(name)
    return again, tuple(cached)
