"""What is refused when a pipeline is created, before anything runs.

Each check is a function of the definition; its DefinitionError names the step and the key.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from botocore.model import OperationModel, Shape

from sagemaker_emulator.sagemaker.pipelines.language import conditions
from sagemaker_emulator.sagemaker.pipelines.language.definition import BRANCHES, Definition, Step
from sagemaker_emulator.sagemaker.pipelines.language.definition_errors import DefinitionError
from sagemaker_emulator.sagemaker.pipelines.language.expressions import (
    EXECUTION_VARIABLES,
    check,
    is_expression,
    references,
)
from sagemaker_emulator.sagemaker.pipelines.language.graph import order, own_arguments, parents
from sagemaker_emulator.sagemaker.pipelines.language.reference import Reference
from sagemaker_emulator.sagemaker.pipelines.language.step_types import JOBS, RETRYABLE, SUPPORTED

Operations = Callable[[str], OperationModel]
_LISTED = 12
_MEMBERS = (
    "Name",
    "Type",
    "Arguments",
    "DisplayName",
    "Description",
    "DependsOn",
    "CacheConfig",
    "RetryPolicies",
    "PropertyFiles",
    "FunctionArn",
    "SqsQueueUrl",
    "OutputParameters",
)
_CHECK = " Compute it in a Processing step, and judge its report in a Condition step."
_INSTEAD = {"ClarifyCheck": _CHECK, "QualityCheck": _CHECK}


def validate(definition: Definition, operations: Operations) -> None:
    """Run every check.

    Args:
        definition: the parsed definition.
        operations: looks up a SageMaker operation in botocore's model.

    Raises:
        DefinitionError: for the first thing found wrong.
    """
    for step in definition.steps.values():
        _supported(step)
        check(own_arguments(step), f"step '{step.name}'")
    waits = parents(definition)
    for step in definition.steps.values():
        for path, reference in references(own_arguments(step)):
            _known(definition, step, path.lstrip("."), reference, operations)
        if step.type in JOBS:
            _fits(step, operations(JOBS[step.type].create).input_shape)
        else:
            _complete(step)
    order(waits)


def _supported(step: Step) -> None:
    if step.type not in SUPPORTED:
        raise DefinitionError(
            f"Step '{step.name}' is of Type '{step.type}', which this emulator does not run. "
            f"Types it runs: {', '.join(SUPPORTED)}.{_INSTEAD.get(step.type, '')}"
        )
    unknown = sorted(step.raw.keys() - set(_MEMBERS))
    if unknown:
        raise DefinitionError(
            f"Unable to parse pipeline definition. Unknown member '{unknown[0]}' in step "
            f"'{step.name}': allowed are {', '.join(_MEMBERS)}."
        )
    if step.retries and step.type not in RETRYABLE:
        raise DefinitionError(
            f"Step '{step.name}' has RetryPolicies, which a {step.type} step cannot have. "
            f"Types that can: {', '.join(RETRYABLE)}."
        )


def _complete(step: Step) -> None:
    """The keys that a step the engine carries out itself needs."""
    if step.type == "Condition":
        conditions_ = step.arguments.get("Conditions")
        if not isinstance(conditions_, list) or not conditions_:
            raise DefinitionError(f"Conditions of step '{step.name}' must be a list with an entry.")
        for index, condition in enumerate(conditions_):
            conditions.check(condition, f"step '{step.name}', Conditions[{index}]")
        unknown = step.arguments.keys() - {"Conditions", *BRANCHES}
        if unknown:
            raise DefinitionError(
                f"Unknown Argument member '{sorted(unknown)[0]}' in step '{step.name}'."
            )
    key = {"Lambda": "FunctionArn", "Callback": "SqsQueueUrl"}.get(step.type)
    if key and not step.raw.get(key):
        raise DefinitionError(f"Step '{step.name}' of Type {step.type} needs {key}.")


def _known(
    definition: Definition, step: Step, path: str, reference: Reference, operations: Operations
) -> None:
    where = f"step '{step.name}', {path}: '{reference.text}'"
    if reference.root == "Parameters":
        if reference.name not in definition.parameters or reference.path:
            declared = ", ".join(definition.parameters) or "none"
            raise DefinitionError(
                f"{where} refers to no declared parameter. Parameters: {declared}."
            )
    elif reference.root == "Execution":
        if reference.name not in EXECUTION_VARIABLES or reference.path:
            raise DefinitionError(
                f"{where} refers to no execution variable. "
                f"Execution variables: {', '.join(EXECUTION_VARIABLES)}."
            )
    else:
        target = definition.steps.get(reference.name)
        if target is None:
            raise DefinitionError(
                f"{where} refers to no step of this pipeline. Steps: {', '.join(definition.steps)}."
            )
        if target is step:
            raise DefinitionError(f"{where} refers to the step itself.")
        _property(target, reference, where, operations)


def _property(target: Step, reference: Reference, where: str, operations: Operations) -> None:
    """Check that a step of this type will have the property."""
    first = reference.path[0] if reference.path else None
    if first == "PropertyFiles":
        if len(reference.path) != 2 or reference.path[1] not in target.property_files:
            files = ", ".join(target.property_files) or "none"
            raise DefinitionError(
                f"{where} refers to no property file of step '{target.name}'. Declared: {files}."
            )
    elif target.type in ("Lambda", "Callback"):
        named = reference.path[1] if len(reference.path) == 2 else None
        if first != "OutputParameters" or named not in target.outputs:
            declared = ", ".join(target.outputs) or "none"
            raise DefinitionError(
                f"{where} refers to no declared OutputParameters of step '{target.name}'. "
                f"Declared: {declared}."
            )
    elif target.type in JOBS:
        job = JOBS[target.type]
        shape = operations(job.describe).output_shape
        if job.trials:
            listed = operations(job.trials).output_shape
            shape = listed if listed and first in listed.members else shape
        _walk(shape, reference, where)
        if target.type == "Processing" and reference.path[:2] == (
            "ProcessingOutputConfig",
            "Outputs",
        ):
            _output(target, reference, where)
    elif (target.type, first) != ("Condition", "Outcome"):
        raise DefinitionError(
            f"{where} refers to a property that a {target.type} step does not have."
        )


def _walk(shape: Shape | None, reference: Reference, where: str) -> None:
    at = ""
    for key in reference.path:
        if shape is not None and shape.type_name == "structure":
            if key not in shape.members:
                members = list(shape.members)
                more = ", ..." if len(members) > _LISTED else ""
                raise DefinitionError(
                    f"{where} refers to a property that does not exist: {at or 'the step'} has no "
                    f"'{key}', but {', '.join(members[:_LISTED])}{more}."
                )
            shape = shape.members[key]
        elif shape is not None and shape.type_name == "list":
            shape = shape.member
        elif shape is not None and shape.type_name == "map":
            shape = shape.value
        else:
            raise DefinitionError(f"{where}: {at} is a single value and has no '{key}'.")
        at = str(key)


def _output(target: Step, reference: Reference, where: str) -> None:
    config = target.arguments.get("ProcessingOutputConfig") or {}
    names = [o.get("OutputName") for o in config.get("Outputs", []) if isinstance(o, dict)]
    key = reference.path[2] if len(reference.path) > 2 else None
    if isinstance(key, str) and all(isinstance(n, str) for n in names) and key not in names:
        raise DefinitionError(
            f"{where} refers to no output of step '{target.name}'. "
            f"Outputs: {', '.join(map(str, names)) or 'none'}."
        )


def _fits(step: Step, shape: Shape | None) -> None:
    assert shape is not None
    job = JOBS[step.type]
    _fit(step.arguments, shape, "Arguments", step)
    skip = {job.name} if job.named_by_service else set()
    for member in getattr(shape, "required_members", []):
        if member not in step.arguments and member not in skip:
            raise DefinitionError(
                f"Step '{step.name}' of Type {step.type} lacks Arguments.{member}."
            )


def _fit(value: Any, shape: Shape, path: str, step: Step) -> None:
    """Unknown members and wrong kinds of JSON, as far as can be told before expressions run."""
    if is_expression(value) or value is None:
        return
    kinds: dict[str, type] = {"structure": dict, "map": dict, "list": list}
    kind = kinds.get(shape.type_name)
    if kind and not isinstance(value, kind):
        found = type(value).__name__
        raise DefinitionError(
            f"{path} of step '{step.name}' must be a JSON {'array' if kind is list else 'object'}, "
            f"not {found}."
        )
    if kind is None:
        if isinstance(value, dict | list):
            raise DefinitionError(
                f"{path} of step '{step.name}' must be a single value of type {shape.type_name} "
                f"or one expression, not {type(value).__name__}."
            )
    elif shape.type_name == "structure":
        for key, item in value.items():
            if key not in shape.members:
                raise DefinitionError(
                    f"Unable to parse pipeline definition. Unknown Argument member '{key}' in "
                    f"{path} of step '{step.name}'."
                )
            _fit(item, shape.members[key], f"{path}.{key}", step)
    elif shape.type_name == "map":
        for key, item in value.items():
            _fit(item, shape.value, f"{path}['{key}']", step)
    else:
        for index, item in enumerate(value):
            _fit(item, shape.member, f"{path}[{index}]", step)
