"""The form that starts an execution, made from a definition's parameters."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sagemaker_emulator.sagemaker.pipelines.language.expressions import to_text
from sagemaker_emulator.sagemaker.pipelines.language.parameters import Parameter

_PREFIX = "parameter."


@dataclass(frozen=True)
class Field:
    """A field of the form.

    Attributes:
        choices: the only values allowed, if not empty.
        required: whether the parameter has no default.
    """

    name: str
    label: str
    type: str
    value: str
    default: str
    choices: tuple[str, ...]
    required: bool


def fields(
    parameters: Mapping[str, Parameter], values: Mapping[str, str] | None = None
) -> list[Field]:
    """The fields of a definition's parameters.

    Args:
        parameters: The declared parameters.
        values: What the fields hold, by parameter; the defaults where it lacks one.
    """
    made = []
    for parameter in parameters.values():
        default = "" if parameter.default is None else to_text(parameter.default)
        choices = [to_text(each) for each in parameter.enum]
        if parameter.type == "Boolean" and not choices:
            choices = ["true", "false"]
        made.append(
            Field(
                name=_PREFIX + parameter.name,
                label=parameter.name,
                type=parameter.type,
                value=(values or {}).get(parameter.name, default),
                default=default,
                choices=tuple(choices),
                required=parameter.default is None,
            )
        )
    return made


def values_of(form: Mapping[str, Any]) -> dict[str, str]:
    """The values of the parameters in a form that was sent, by parameter."""
    return {
        name.removeprefix(_PREFIX): str(value).strip()
        for name, value in form.items()
        if name.startswith(_PREFIX)
    }


def pipeline_parameters(
    parameters: Mapping[str, Parameter], values: Mapping[str, str]
) -> list[dict[str, str]]:
    """PipelineParameters of a request: the values that are set and are not the default."""
    defaults = {field.label: field.default for field in fields(parameters)}
    return [
        {"Name": name, "Value": value}
        for name, value in values.items()
        if value and value != defaults.get(name)
    ]
