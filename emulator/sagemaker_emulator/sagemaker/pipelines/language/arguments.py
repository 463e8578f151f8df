"""A step's Arguments and the request that they become: checked before, converted when it runs.

A definition may put an integer parameter into a string field, or a tuned hyperparameter (always a
string) into a number. SageMaker converts such values; so does ``fit``, by botocore's shapes.
"""

from collections.abc import Iterator
from typing import Any

from botocore.model import ListShape, MapShape, Shape, StructureShape

from sagemaker_emulator.aws import numerals
from sagemaker_emulator.aws.dispatch import honoured, kept
from sagemaker_emulator.aws.members import is_honoured
from sagemaker_emulator.sagemaker.pipelines.language.definition_errors import (
    DefinitionError,
    StepError,
)
from sagemaker_emulator.sagemaker.pipelines.language.expressions import is_expression, to_text
from sagemaker_emulator.sagemaker.pipelines.language.members import nearest


def check_shape(value: Any, shape: Shape, path: str, step: str) -> None:
    """Check the members and JSON types of arguments, as far as is possible before they run.

    Raises:
        DefinitionError: for the first mismatch; the message names `path` and `step`.
    """
    if is_expression(value) or value is None:
        return
    if isinstance(shape, StructureShape | MapShape | ListShape):
        name, type_ = ("array", list) if isinstance(shape, ListShape) else ("object", dict)
        if not isinstance(value, type_):
            raise DefinitionError(
                f"{path} of step '{step}' must be a JSON {name}, not {type(value).__name__}."
            )
    elif isinstance(value, dict | list):
        raise DefinitionError(
            f"{path} of step '{step}' must be a single value of type {shape.type_name} "
            f"or one expression, not {type(value).__name__}."
        )
    if isinstance(shape, StructureShape):
        for key, item in value.items():
            if key not in shape.members:
                raise DefinitionError(
                    f"Unable to parse pipeline definition. Unknown Argument member '{key}' in "
                    f"{path} of step '{step}'.{nearest(key, shape.members)}"
                )
            check_shape(item, shape.members[key], f"{path}.{key}", step)
    elif isinstance(shape, MapShape):
        for key, item in value.items():
            check_shape(item, shape.value, f"{path}['{key}']", step)
    elif isinstance(shape, ListShape):
        for index, item in enumerate(value):
            check_shape(item, shape.member, f"{path}[{index}]", step)


def check_honoured(value: Any, operation: str, step: str) -> None:
    """Refuse arguments that the step's operation would refuse, as it does not honour them.

    Raises:
        DefinitionError: there is one; the message names all.
    """
    others = dict.fromkeys(
        path
        for path in _members(value)
        if not is_honoured(path, (*honoured["sagemaker", operation], *kept["sagemaker", operation]))
    )
    if others:
        raise DefinitionError(
            f"Arguments of step '{step}': the emulator does not run {operation} with "
            f"{', '.join(others)}. Leave it out."
        )


def _members(value: Any, path: str = "") -> Iterator[str]:
    """The paths of what is set in arguments; see `members`."""
    if is_expression(value):
        yield path
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _members(item, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for item in value:
            yield from _members(item, path)
    elif value is not None and value is not False and value != "":
        yield path


def fit(value: Any, shape: Shape, path: str = "") -> Any:
    """Convert every scalar in evaluated arguments to the type of its field in `shape`.

    Raises:
        StepError: if a value cannot be converted; the message names its path.
    """
    if isinstance(shape, StructureShape) and isinstance(value, dict):
        return {
            key: fit(item, shape.members[key], f"{path}.{key}".lstrip("."))
            if key in shape.members
            else item
            for key, item in value.items()
            if item is not None
        }
    if isinstance(shape, ListShape) and isinstance(value, list):
        return [fit(item, shape.member, f"{path}[{index}]") for index, item in enumerate(value)]
    if isinstance(shape, MapShape) and isinstance(value, dict):
        return {key: fit(item, shape.value, f"{path}['{key}']") for key, item in value.items()}
    if isinstance(value, dict | list) and shape.type_name == "string":
        return to_text(value)
    if isinstance(value, dict | list) or shape.type_name in ("structure", "list", "map", "blob"):
        return value
    try:
        return _convert(value, shape.type_name)
    except (ValueError, OverflowError) as error:
        raise StepError(
            f"{path} is {value!r}, which cannot be converted to its type {shape.type_name}."
        ) from error


def _convert(value: Any, type_: str) -> Any:
    if type_ == "string":
        return to_text(value)
    if type_ == "boolean":
        if str(value).lower() not in ("true", "false"):
            raise ValueError(value)
        return str(value).lower() == "true"
    if type_ not in ("integer", "long", "float", "double"):
        return value
    number = numerals.number(value) if isinstance(value, str) else value
    if number is None or not numerals.is_finite(number):
        raise ValueError(value)
    if type_ in ("float", "double"):
        return float(number)
    if number != int(number):
        raise ValueError(value)
    # Not through a float, which holds 53 bits.
    exact = numerals.integer(value) if isinstance(value, str) else None
    return int(number) if exact is None else exact
