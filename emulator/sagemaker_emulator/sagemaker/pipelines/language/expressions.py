"""Expressions of a definition: `Get`, `Std:Join` and `Std:JsonGet`, checked and evaluated."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sagemaker_emulator.sagemaker.pipelines.language.definition_errors import (
    DefinitionError,
    StepError,
)
from sagemaker_emulator.sagemaker.pipelines.language.members import check_members, nearest
from sagemaker_emulator.sagemaker.pipelines.language.reference import (
    ROOTS,
    MissingKeyError,
    Reference,
    look_up,
    parse_path,
)

FUNCTIONS = ("Get", "Std:Join", "Std:JsonGet")
EXECUTION_VARIABLES = (
    "PipelineName",
    "PipelineArn",
    "PipelineExecutionId",
    "PipelineExecutionArn",
    "StartDateTime",
    "CurrentDateTime",
    "TrainingJobName",
    "ProcessingJobName",
)


@dataclass(frozen=True)
class Scope:
    """The values that expressions can refer to while an execution runs.

    Attributes:
        parameters: the value of each pipeline parameter.
        execution: the value of each of EXECUTION_VARIABLES.
        properties: for each finished step its properties, the response of its Describe operation.
        property_files: for each (step, property file) the S3 URI of that file.
        read_json: reads and parses a JSON object from an S3 URI.
    """

    parameters: Mapping[str, Any]
    execution: Mapping[str, Any]
    properties: Mapping[str, Mapping[str, Any]]
    property_files: Mapping[tuple[str, str], str]
    read_json: Callable[[str], Any]


def is_expression(node: Any) -> bool:
    """Return whether a node of the definition is an expression rather than data."""
    return isinstance(node, dict) and len(node) == 1 and next(iter(node)) in FUNCTIONS


def walk(node: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every expression in a tree with its path, nested ones included."""
    if is_expression(node):
        yield path, node
    if isinstance(node, dict):
        for key, value in node.items():
            yield from walk(value, f"{path}.{key}" if path else key)
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from walk(value, f"{path}[{index}]")


def _objects(node: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every object in a tree with its path, nested ones included."""
    if isinstance(node, dict):
        yield path, node
        for key, value in node.items():
            yield from _objects(value, f"{path}.{key}" if path else key)
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from _objects(value, f"{path}[{index}]")


def _is_reference(text: Any) -> bool:
    return isinstance(text, str) and text.partition(".")[0] in ROOTS


def references(node: Any) -> Iterator[tuple[str, Reference]]:
    """Yield every `Get` in a tree with its path."""
    for path, expression in walk(node):
        if "Get" in expression:
            yield path, Reference.parse(expression["Get"])


def check(node: Any, where: str) -> None:
    """Check the form of every expression in a tree.

    Raises:
        DefinitionError: for a malformed expression; the message names `where` and the key.
    """
    for path, expression in walk(node):
        try:
            _check_form(expression)
        except DefinitionError as error:
            raise DefinitionError(f"{where}, {path or 'value'}: {error}") from error
    for path, value in _objects(node):
        for key in value:
            meant = key in FUNCTIONS and (key != "Get" or _is_reference(value[key]))
            if (meant and len(value) > 1) or (key.startswith("Std:") and key not in FUNCTIONS):
                raise DefinitionError(
                    f"{where}, {path or 'value'}: an expression is a JSON object with one member, "
                    f"which is {' or '.join(FUNCTIONS)}; this one has {', '.join(value)}."
                    f"{nearest(key, FUNCTIONS) if key not in FUNCTIONS else ''}"
                )


def _check_form(expression: dict[str, Any]) -> None:
    function, body = next(iter(expression.items()))
    if function == "Get":
        Reference.parse(body)
    elif not isinstance(body, dict):
        raise DefinitionError(f"{function} takes a JSON object.")
    elif function == "Std:Join":
        check_members(body, ("On", "Values"), function)
        if not isinstance(body.get("On", ""), str) or not isinstance(body.get("Values"), list):
            raise DefinitionError("Std:Join needs On, a string, and Values, a list.")
        if any(isinstance(v, dict | list) and not is_expression(v) for v in body["Values"]):
            raise DefinitionError("Values of Std:Join must be single values or expressions.")
    else:
        check_members(body, ("PropertyFile", "S3Uri", "Path"), function)
        if ("PropertyFile" in body) == ("S3Uri" in body):
            raise DefinitionError("Std:JsonGet needs one of PropertyFile and S3Uri.")
        try:
            parse_path(body.get("Path"))
        except ValueError as error:
            raise DefinitionError(f"Path {body.get('Path')!r} of Std:JsonGet: {error}.") from error
        if "PropertyFile" in body:
            file = body["PropertyFile"]
            if isinstance(file, dict):
                check_members(file, ("Get",), "PropertyFile of Std:JsonGet")
            reference = Reference.parse(file.get("Get") if isinstance(file, dict) else file)
            if reference.root != "Steps" or reference.path[:1] != ("PropertyFiles",):
                raise DefinitionError(
                    "PropertyFile of Std:JsonGet must be Steps.NAME.PropertyFiles.FILE."
                )


def evaluate(node: Any, scope: Scope) -> Any:
    """Return a tree with every expression replaced by its value.

    Raises:
        StepError: if a property, a property file or a key in it does not exist.
    """
    if is_expression(node):
        function, body = next(iter(node.items()))
        if function == "Get":
            return _get(Reference.parse(body), scope)
        if function == "Std:Join":
            parts = [to_text(evaluate(value, scope)) for value in body["Values"]]
            return body.get("On", "").join(parts)
        return _json_get(body, scope)
    if isinstance(node, dict):
        return {key: evaluate(value, scope) for key, value in node.items()}
    if isinstance(node, list):
        return [evaluate(value, scope) for value in node]
    return node


def _get(reference: Reference, scope: Scope) -> Any:
    if reference.root == "Parameters":
        return scope.parameters[reference.name]
    if reference.root == "Execution":
        return scope.execution[reference.name]
    if reference.name not in scope.properties:
        raise StepError(
            f"{reference.text} has no value: step '{reference.name}' did not run in this execution."
        )
    try:
        properties = scope.properties[reference.name]
        return look_up(properties, reference.path, f"step '{reference.name}'")
    except MissingKeyError as error:
        raise StepError(f"{reference.text} has no value: {error}") from error


def _json_get(body: dict[str, Any], scope: Scope) -> Any:
    if "PropertyFile" in body:
        reference = Reference.parse(body["PropertyFile"]["Get"])
        uri = scope.property_files.get((reference.name, str(reference.path[1])))
        if uri is None:
            raise StepError(
                f"{reference.text} cannot be read: step '{reference.name}' did not run in this "
                "execution."
            )
    else:
        uri = to_text(evaluate(body["S3Uri"], scope))
    try:
        return look_up(scope.read_json(uri), parse_path(body["Path"]), uri)
    except MissingKeyError as error:
        raise StepError(f"Std:JsonGet of {body['Path']!r} failed: {error}") from error


def to_text(value: Any) -> str:
    """Convert a value to text as SageMaker does where it becomes part of a string."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int | float) else json.dumps(value)
