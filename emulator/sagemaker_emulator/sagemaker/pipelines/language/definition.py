"""The pipeline definition, schema version 2020-12-01, parsed from its JSON text."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import isodate

from sagemaker_emulator.aws.numerals import is_deeper, parse_json
from sagemaker_emulator.sagemaker.pipelines.language import members
from sagemaker_emulator.sagemaker.pipelines.language.definition_errors import DefinitionError
from sagemaker_emulator.sagemaker.pipelines.language.expressions import references
from sagemaker_emulator.sagemaker.pipelines.language.parameters import Parameter
from sagemaker_emulator.sagemaker.pipelines.language.retries import RetryPolicy

VERSION = "2020-12-01"
BRANCHES = ("IfSteps", "ElseSteps")
# Far deeper than any definition, and far from what recursion over it can bear.
_DEEPEST = 100
_STEP_NAME = re.compile(r"[A-Za-z0-9\-_]{1,64}")


@dataclass(frozen=True)
class CacheConfig:
    """Whether an earlier result of the step may be reused, and for how long (seconds)."""

    enabled: bool
    expire_after: float | None


@dataclass(frozen=True)
class PropertyFile:
    """A JSON file in a processing output that later steps may read with `Std:JsonGet`."""

    name: str
    output: str
    path: str


@dataclass(frozen=True)
class StepDefinition:
    """One step of a definition.

    Attributes:
        arguments: the Arguments, expressions not yet evaluated.
        condition: the Condition step that has the step in a branch, if any.
        branch: that branch, one of BRANCHES.
        outputs: the names in OutputParameters.
        entry: the whole JSON object of the step.
    """

    name: str
    type: str
    arguments: dict[str, Any]
    depends_on: tuple[str, ...] = ()
    condition: str | None = None
    branch: str | None = None
    cache: CacheConfig | None = None
    retries: tuple[RetryPolicy, ...] = ()
    property_files: dict[str, PropertyFile] = field(default_factory=dict)
    outputs: tuple[str, ...] = ()
    entry: dict[str, Any] = field(default_factory=dict)

    @property
    def evaluated(self) -> dict[str, Any]:
        """What the step itself evaluates: its JSON without DependsOn and the steps in branches."""
        others = {k: v for k, v in self.entry.items() if k not in ("Arguments", "DependsOn")}
        skip = BRANCHES if self.type == "Condition" else ()
        return {k: v for k, v in self.arguments.items() if k not in skip} | {"": others}


@dataclass(frozen=True)
class Definition:
    """A parsed definition: parameters and steps by name, in the order of the document.

    Attributes:
        document: the whole JSON object.
    """

    parameters: dict[str, Parameter]
    steps: dict[str, StepDefinition]
    experiment: dict[str, Any] | None = None
    document: dict[str, Any] = field(default_factory=dict)

    @cached_property
    def waits(self) -> dict[str, set[str]]:
        """For each step those that it waits for: DependsOn, references, and its Condition."""
        waits: dict[str, set[str]] = {}
        for step in self.steps.values():
            found = {ref.name for _, ref in references(step.evaluated) if ref.root == "Steps"}
            waits[step.name] = found | {*step.depends_on} | {step.condition or ""} - {""}
        return waits


def parse(text: str) -> Definition:
    """Parse a definition's JSON.

    Raises:
        DefinitionError: if the text is not a definition; the message names the step and the key.
    """
    try:
        document = parse_json(text, unique=True)
    except ValueError as error:
        raise DefinitionError(f"Unable to parse pipeline definition: {error}.") from error
    if is_deeper(document, _DEEPEST):
        raise DefinitionError(
            f"Unable to parse pipeline definition: it is nested more than {_DEEPEST} levels deep."
        )
    if not isinstance(document, dict):
        raise DefinitionError("Unable to parse pipeline definition: expecting a JSON object.")
    if document.get("Version") != VERSION:
        raise DefinitionError(
            f"Unsupported pipeline definition Version {document.get('Version')!r}: use {VERSION!r}."
        )
    members.check_members(document, members.DEFINITION, "the definition")
    parameters: dict[str, Parameter] = {}
    for entry in _objects(document, "Parameters", "the definition"):
        parameter = Parameter.parse(entry)
        if parameter.name in parameters:
            raise DefinitionError(f"Parameter '{parameter.name}' is declared twice.")
        parameters[parameter.name] = parameter
    steps: dict[str, StepDefinition] = {}
    for step in _steps(_objects(document, "Steps", "the definition"), None, None):
        if step.name in steps:
            raise DefinitionError(f"Step names must be unique: '{step.name}' is used twice.")
        steps[step.name] = step
    if not steps:
        raise DefinitionError("A pipeline definition needs at least one entry in Steps.")
    return Definition(parameters, steps, document.get("PipelineExperimentConfig"), document)


def parse_duration(text: object) -> float:
    """Convert an ISO 8601 duration to seconds: ``P30D``, ``PT1H``, or ``30dT5h`` as in AWS's guide.

    A year counts 365 days and a month 30.

    Raises:
        ValueError: if the text is not a duration, or is zero.
    """
    try:
        duration = isodate.parse_duration(
            "P" + str(text).upper().removeprefix("P"), as_timedelta_if_possible=False
        )
        days = 365 * float(duration.years) + 30 * float(duration.months)
        seconds = 86_400 * days + float(duration.tdelta.total_seconds())
    except (ValueError, OverflowError):
        seconds = 0.0
    if not seconds:
        raise ValueError(f"{text!r} is not an ISO 8601 duration such as 'P30D' or 'PT1H'.")
    return seconds


def _objects(container: dict[str, Any], key: str, where: str) -> list[dict[str, Any]]:
    value = container.get(key) or []
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise DefinitionError(f"{key} of {where} must be a list of JSON objects.")
    return value


def _steps(
    entries: list[dict[str, Any]], condition: str | None, branch: str | None
) -> Iterator[StepDefinition]:
    for entry in entries:
        step = _step(entry, condition, branch)
        yield step
        if step.type == "Condition":
            for side in BRANCHES:
                inner = _objects(step.arguments, side, f"step '{step.name}'")
                yield from _steps(inner, step.name, side)


def _step(entry: dict[str, Any], condition: str | None, branch: str | None) -> StepDefinition:
    name, step_type = entry.get("Name"), entry.get("Type")
    if not isinstance(name, str) or not _STEP_NAME.fullmatch(name):
        raise DefinitionError(
            f"Step name {name!r} is not allowed: use 1 to 64 letters, digits, '-' and '_'."
        )
    where = f"step '{name}'"
    if not isinstance(step_type, str):
        raise DefinitionError(f"Type of {where} is missing.")
    arguments = entry.get("Arguments") or {}
    if not isinstance(arguments, dict):
        raise DefinitionError(f"Arguments of {where} must be a JSON object.")
    depends_on = entry.get("DependsOn") or []
    if not isinstance(depends_on, list) or not all(isinstance(item, str) for item in depends_on):
        raise DefinitionError(
            f"DependsOn of {where} must be a list of step names; the emulator implements no run "
            "conditions (the SDK's StepDependency)."
        )
    files = [_property_file(file, where) for file in _objects(entry, "PropertyFiles", where)]
    return StepDefinition(
        name=name,
        type=step_type,
        arguments=arguments,
        depends_on=tuple(depends_on),
        condition=condition,
        branch=branch,
        cache=_cache(entry, where),
        retries=tuple(
            RetryPolicy.parse(policy, where) for policy in _objects(entry, "RetryPolicies", where)
        ),
        property_files={file.name: file for file in files},
        outputs=tuple(
            str(output.get("OutputName")) for output in _objects(entry, "OutputParameters", where)
        ),
        entry=entry,
    )


def _cache(entry: dict[str, Any], where: str) -> CacheConfig | None:
    config = entry.get("CacheConfig")
    if not config:
        return None
    if not isinstance(config, dict) or not isinstance(config.get("Enabled"), bool):
        raise DefinitionError(f"CacheConfig.Enabled of {where} must be true or false.")
    expire_after = config.get("ExpireAfter")
    try:
        seconds = None if expire_after is None else parse_duration(expire_after)
    except ValueError as error:
        raise DefinitionError(f"CacheConfig.ExpireAfter of {where}: {error}") from error
    return CacheConfig(config["Enabled"], seconds)


def _property_file(entry: dict[str, Any], where: str) -> PropertyFile:
    values = [entry.get(key) for key in ("PropertyFileName", "OutputName", "FilePath")]
    if not all(isinstance(value, str) and value for value in values):
        raise DefinitionError(
            f"Each of PropertyFiles of {where} needs PropertyFileName, OutputName and FilePath."
        )
    return PropertyFile(*(str(value) for value in values))
