"""What is refused when a pipeline is created or updated, before anything runs.

Each check is a function of the definition; its DefinitionError names the step and the key.
"""

from collections.abc import Iterable

from sagemaker_emulator.sagemaker.pipelines.language import (
    conditions,
    members,
    parameters,
    retries,
)
from sagemaker_emulator.sagemaker.pipelines.language.arguments import check_honoured, check_shape
from sagemaker_emulator.sagemaker.pipelines.language.definition import (
    BRANCHES,
    Definition,
    StepDefinition,
)
from sagemaker_emulator.sagemaker.pipelines.language.definition_errors import DefinitionError
from sagemaker_emulator.sagemaker.pipelines.language.expressions import (
    check,
    is_expression,
    references,
)
from sagemaker_emulator.sagemaker.pipelines.language.graph import order
from sagemaker_emulator.sagemaker.pipelines.language.reference_targets import (
    check_start_value,
    check_target,
)
from sagemaker_emulator.sagemaker.pipelines.language.step_types import (
    NOT_RUN,
    RESOURCE_STEPS,
    RETRYABLE,
    SUPPORTED,
)


def validate(definition: Definition) -> None:
    """Run every check.

    Raises:
        DefinitionError: for the first fault.
    """
    _check_document(definition)
    for step in definition.steps.values():
        _check_type_and_members(step)
        check(step.evaluated, f"step '{step.name}'")
        for name in step.depends_on:
            if name not in definition.steps:
                raise DefinitionError(
                    f"DependsOn of step '{step.name}' names '{name}', which is no step of this "
                    f"pipeline. Steps: {', '.join(definition.steps)}."
                )
            if definition.steps[name].type == "Fail":
                # The first words are AWS's, which the SDK's integration tests look for.
                raise DefinitionError(
                    f"{step.name} can not depends on {name}, which is a Fail step: the execution "
                    f"ends with it. Remove it from DependsOn of step '{step.name}'."
                )
    for step in definition.steps.values():
        for path, reference in references(step.evaluated):
            check_target(definition, step, path.lstrip("."), reference)
        if step.type in RESOURCE_STEPS:
            _check_request(step)
        else:
            _check_required_keys(step)
    order(definition.waits)


def _check_document(definition: Definition) -> None:
    """Check what is beside the steps."""
    document = definition.document
    for entry in document.get("Parameters") or []:
        parameters.check(entry)
    metadata = document.get("Metadata") or {}
    if not isinstance(metadata, dict) or not all(isinstance(v, str) for v in metadata.values()):
        raise DefinitionError("Metadata of the definition must be a JSON object of texts.")
    _check_names(definition, "PipelineExperimentConfig", members.EXPERIMENT)
    _check_names(definition, "MlflowConfig", members.MLFLOW)
    server = (document.get("MlflowConfig") or {}).get("MlflowResourceArn") or ""
    if isinstance(server, str) and server and ":mlflow-" not in server:
        raise DefinitionError(
            f"MlflowResourceArn of MlflowConfig is '{server}', which is not the ARN of an MLflow "
            "tracking server or app: arn:aws:sagemaker:REGION:ACCOUNT:mlflow-tracking-server/NAME."
        )


def _check_names(definition: Definition, member: str, allowed: Iterable[str]) -> None:
    """Check an object of texts and expressions that are evaluated when an execution starts."""
    names = definition.document.get(member) or {}
    if not isinstance(names, dict):
        raise DefinitionError(f"{member} must be a JSON object.")
    members.check_members(names, allowed, member)
    check(names, member)
    for name, value in names.items():
        if value is not None and not isinstance(value, str) and not is_expression(value):
            raise DefinitionError(f"{name} of {member} must be a text or an expression.")
    for path, reference in references(names):
        check_start_value(definition, f"{member}, {path}: '{reference.text}'", reference)


def _check_type_and_members(step: StepDefinition) -> None:
    if step.type not in SUPPORTED:
        instead = NOT_RUN.get(step.type, "")
        raise DefinitionError(
            f"Step '{step.name}' is of Type '{step.type}', which this emulator does not run. "
            f"Types it runs: {', '.join(SUPPORTED)}."
            + (f" {instead}" if instead else members.nearest(step.type, SUPPORTED))
        )
    if step.entry.get("RetryPolicies") and step.type not in RETRYABLE:
        raise DefinitionError(
            f"Step '{step.name}' has RetryPolicies, which a {step.type} step cannot have. "
            f"Types that can: {', '.join(RETRYABLE)}."
        )
    _check_members(step)


def _check_members(step: StepDefinition) -> None:
    """Check that every object of the step, but for its Arguments, has no other members."""
    where, entry = f"step '{step.name}'", step.entry
    # What is empty asks for nothing.
    present = {key: value for key, value in entry.items() if value not in (None, [], {})}
    members.check_members(present, members.of_step(step.type), where)
    for member in ("DisplayName", "Description"):
        if not isinstance(entry.get(member, ""), str):
            raise DefinitionError(f"{member} of {where} must be a text.")
    members.check_members(entry.get("CacheConfig") or {}, members.CACHE, f"CacheConfig of {where}")
    for policy in entry.get("RetryPolicies") or []:
        retries.check(policy, where)
    for member, allowed, name in (
        ("PropertyFiles", members.PROPERTY_FILE, "PropertyFileName"),
        ("OutputParameters", members.OUTPUT, "OutputName"),
    ):
        named: set[str] = set()
        for item in entry.get(member) or []:
            members.check_members(item, allowed, f"{member} of {where}")
            if not isinstance(item.get(name), str) or not item[name]:
                raise DefinitionError(f"Each of {member} of {where} needs {name}, a text.")
            if item[name] in named:
                raise DefinitionError(f"{member} of {where} has '{item[name]}' twice.")
            named.add(item[name])
            if item.get("OutputType", "String") not in members.OUTPUT_TYPES:
                raise DefinitionError(
                    f"OutputType of '{item[name]}' of {where} is {item['OutputType']!r}: allowed "
                    f"are {', '.join(members.OUTPUT_TYPES)}."
                )


def _check_request(step: StepDefinition) -> None:
    """Check the Arguments against the shape of the request that they become."""
    resource = RESOURCE_STEPS[step.type]
    check_shape(step.arguments, resource.request, "Arguments", step.name)
    check_honoured(step.arguments, f"Create{resource.noun}", step.name)
    for member in resource.request.required_members:
        named_here = member == f"{resource.noun}Name" and resource.named_by_service
        if member not in step.arguments and not named_here:
            raise DefinitionError(
                f"Step '{step.name}' of Type {step.type} lacks Arguments.{member}."
            )


def _check_required_keys(step: StepDefinition) -> None:
    """Check the keys of a step that needs no SageMaker resource."""
    if step.type == "Condition":
        entries = step.arguments.get("Conditions")
        if not isinstance(entries, list) or not entries:
            raise DefinitionError(f"Conditions of step '{step.name}' must be a list with an entry.")
        for index, condition in enumerate(entries):
            conditions.check(condition, f"step '{step.name}', Conditions[{index}]")
        where = f"Arguments of step '{step.name}'"
        members.check_members(step.arguments, ("Conditions", *BRANCHES), where)
    if step.type == "Fail":
        where = f"Arguments of step '{step.name}'"
        members.check_members(step.arguments, ("ErrorMessage",), where)
        message = step.arguments.get("ErrorMessage", "")
        if not isinstance(message, str) and not is_expression(message):
            raise DefinitionError(
                f"ErrorMessage of step '{step.name}' must be a text or an expression."
            )
    key = {"Lambda": "FunctionArn", "Callback": "SqsQueueUrl"}.get(step.type)
    if key and not step.entry.get(key):
        raise DefinitionError(f"Step '{step.name}' of Type {step.type} needs {key}.")
