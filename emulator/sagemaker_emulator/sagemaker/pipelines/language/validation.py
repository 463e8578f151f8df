"""What is refused when a pipeline is created or updated, before anything runs.

Each check is a function of the definition; its DefinitionError names the step and the key.
"""

from sagemaker_emulator.sagemaker.pipelines.language import conditions
from sagemaker_emulator.sagemaker.pipelines.language.arguments import check_shape
from sagemaker_emulator.sagemaker.pipelines.language.definition import (
    BRANCHES,
    Definition,
    StepDefinition,
)
from sagemaker_emulator.sagemaker.pipelines.language.definition_errors import DefinitionError
from sagemaker_emulator.sagemaker.pipelines.language.expressions import check, references
from sagemaker_emulator.sagemaker.pipelines.language.graph import order
from sagemaker_emulator.sagemaker.pipelines.language.reference_targets import check_target
from sagemaker_emulator.sagemaker.pipelines.language.step_types import (
    RESOURCE_STEPS,
    RETRYABLE,
    SUPPORTED,
)

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
_CHECK_INSTEAD = " Compute it in a Processing step, and judge its report in a Condition step."


def validate(definition: Definition) -> None:
    """Run every check.

    Raises:
        DefinitionError: for the first fault.
    """
    for step in definition.steps.values():
        _check_type_and_members(step)
        check(step.evaluated, f"step '{step.name}'")
        for name in step.depends_on:
            if name not in definition.steps:
                raise DefinitionError(
                    f"DependsOn of step '{step.name}' names '{name}', which is no step of this "
                    f"pipeline. Steps: {', '.join(definition.steps)}."
                )
    for step in definition.steps.values():
        for path, reference in references(step.evaluated):
            check_target(definition, step, path.lstrip("."), reference)
        if step.type in RESOURCE_STEPS:
            _check_request(step)
        else:
            _check_required_keys(step)
    order(definition.waits)


def _check_type_and_members(step: StepDefinition) -> None:
    if step.type not in SUPPORTED:
        instead = _CHECK_INSTEAD if step.type in ("ClarifyCheck", "QualityCheck") else ""
        raise DefinitionError(
            f"Step '{step.name}' is of Type '{step.type}', which this emulator does not run. "
            f"Types it runs: {', '.join(SUPPORTED)}.{instead}"
        )
    unknown = sorted(step.entry.keys() - set(_MEMBERS))
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


def _check_request(step: StepDefinition) -> None:
    """Check the Arguments against the shape of the request that they become."""
    resource = RESOURCE_STEPS[step.type]
    check_shape(step.arguments, resource.request, "Arguments", step.name)
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
        unknown = step.arguments.keys() - {"Conditions", *BRANCHES}
        if unknown:
            raise DefinitionError(
                f"Unknown Argument member '{sorted(unknown)[0]}' in step '{step.name}'."
            )
    key = {"Lambda": "FunctionArn", "Callback": "SqsQueueUrl"}.get(step.type)
    if key and not step.entry.get(key):
        raise DefinitionError(f"Step '{step.name}' of Type {step.type} needs {key}.")
