"""Whether what a reference names exists: a parameter, a variable, or a property of a step."""

from botocore.model import ListShape, MapShape, Shape, StructureShape

from sagemaker_emulator.sagemaker.pipelines.language.definition import Definition, StepDefinition
from sagemaker_emulator.sagemaker.pipelines.language.definition_errors import DefinitionError
from sagemaker_emulator.sagemaker.pipelines.language.expressions import EXECUTION_VARIABLES
from sagemaker_emulator.sagemaker.pipelines.language.reference import Reference
from sagemaker_emulator.sagemaker.pipelines.language.step_types import RESOURCE_STEPS

_MEMBERS_SHOWN = 12


def check_target(
    definition: Definition, step: StepDefinition, path: str, reference: Reference
) -> None:
    """Check that a reference at `path` in `step` will have a value when the step runs.

    Raises:
        DefinitionError: if what it names does not exist; the message lists what does.
    """
    where = f"step '{step.name}', {path}: '{reference.text}'"
    if reference.root != "Steps":
        check_start_value(definition, where, reference)
        return
    target = definition.steps.get(reference.name)
    if target is None:
        raise DefinitionError(
            f"{where} refers to no step of this pipeline. Steps: {', '.join(definition.steps)}."
        )
    if target is step:
        raise DefinitionError(f"{where} refers to the step itself.")
    _check_property(target, reference, where)


def check_start_value(definition: Definition, where: str, reference: Reference) -> None:
    """Check that a reference has a value when the execution starts.

    Raises:
        DefinitionError: if what it names does not exist, or is a step's; the message begins with
            `where` and lists what does exist.
    """
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
        raise DefinitionError(
            f"{where} refers to a step, but is evaluated when the execution starts. Use a "
            "parameter, an execution variable or a text."
        )


def _check_property(target: StepDefinition, reference: Reference, where: str) -> None:
    """Check that a step of this type will have the property."""
    first, second = (*reference.path[:2], None, None)[:2]
    if first == "PropertyFiles":
        if len(reference.path) != 2 or second not in target.property_files:
            files = ", ".join(target.property_files) or "none"
            raise DefinitionError(
                f"{where} refers to no property file of step '{target.name}'. Declared: {files}."
            )
    elif target.type in ("Lambda", "Callback"):
        if first != "OutputParameters" or len(reference.path) != 2 or second not in target.outputs:
            declared = ", ".join(target.outputs) or "none"
            raise DefinitionError(
                f"{where} refers to no declared OutputParameters of step '{target.name}'. "
                f"Declared: {declared}."
            )
    elif resource := RESOURCE_STEPS.get(target.type):
        shapes = resource.responses
        _follow(next((s for s in shapes if first in s.members), shapes[0]), reference, where)
        if (first, second) == ("ProcessingOutputConfig", "Outputs"):
            _check_output(target, reference, where)
    elif (target.type, first) != ("Condition", "Outcome"):
        raise DefinitionError(
            f"{where} refers to a property that a {target.type} step does not have."
        )


def _follow(shape: Shape | None, reference: Reference, where: str) -> None:
    parent = "the step"
    for key in reference.path:
        if isinstance(shape, StructureShape):
            if key not in shape.members:
                members = list(shape.members)
                more = ", ..." if len(members) > _MEMBERS_SHOWN else ""
                raise DefinitionError(
                    f"{where} refers to a property that does not exist: {parent} has no "
                    f"'{key}', but {', '.join(members[:_MEMBERS_SHOWN])}{more}."
                )
            shape = shape.members[str(key)]
        elif isinstance(shape, ListShape):
            shape = shape.member
        elif isinstance(shape, MapShape):
            shape = shape.value
        else:
            raise DefinitionError(f"{where}: {parent} is a single value and has no '{key}'.")
        parent = str(key)


def _check_output(target: StepDefinition, reference: Reference, where: str) -> None:
    config = target.arguments.get("ProcessingOutputConfig") or {}
    names = [o.get("OutputName") for o in config.get("Outputs", []) if isinstance(o, dict)]
    key = reference.path[2] if len(reference.path) > 2 else None
    if isinstance(key, str) and all(isinstance(n, str) for n in names) and key not in names:
        raise DefinitionError(
            f"{where} refers to no output of step '{target.name}'. "
            f"Outputs: {', '.join(map(str, names)) or 'none'}."
        )
