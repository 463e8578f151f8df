"""Values fitted to the fields they land in.

A definition may put an integer parameter into a string field, or a tuned hyperparameter (always a
string) into a number. The service converts; so does this, by the types of botocore's shapes.
"""

from __future__ import annotations

from typing import Any

from botocore.model import Shape

from sagemaker_emulator.sagemaker.pipelines.language.definition_errors import StepError
from sagemaker_emulator.sagemaker.pipelines.language.expressions import to_text


def fit(value: Any, shape: Shape, where: str = "") -> Any:
    """`value` with every scalar converted to the type of its field.

    Args:
        value: evaluated arguments.
        shape: the request shape (or part of it) that they must fit.
        where: the path of the field, for messages.

    Raises:
        StepError: if a value cannot be converted, naming the field and the value.
    """
    if shape.type_name == "structure" and isinstance(value, dict):
        return {
            key: fit(item, shape.members[key], f"{where}.{key}".lstrip("."))
            if key in shape.members
            else item
            for key, item in value.items()
            if item is not None
        }
    if shape.type_name == "list" and isinstance(value, list):
        return [fit(item, shape.member, f"{where}[{index}]") for index, item in enumerate(value)]
    if shape.type_name == "map" and isinstance(value, dict):
        return {key: fit(item, shape.value, f"{where}['{key}']") for key, item in value.items()}
    if isinstance(value, dict | list) and shape.type_name == "string":
        return to_text(value)
    if isinstance(value, dict | list) or shape.type_name in ("structure", "list", "map", "blob"):
        return value
    try:
        return _scalar(value, shape.type_name)
    except ValueError as error:
        raise StepError(
            f"{where} is {value!r}, which cannot be converted to its type {shape.type_name}."
        ) from error


def _scalar(value: Any, kind: str) -> Any:
    if kind == "string":
        return to_text(value)
    if kind == "boolean":
        if isinstance(value, bool):
            return value
        if str(value).lower() in ("true", "false"):
            return str(value).lower() == "true"
        raise ValueError(value)
    if kind in ("integer", "long"):
        number = float(value)
        if isinstance(value, bool) or number != int(number):
            raise ValueError(value)
        return int(value) if not isinstance(value, str) else int(number)
    return float(value) if kind in ("float", "double") else value
