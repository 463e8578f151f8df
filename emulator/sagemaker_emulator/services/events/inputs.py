"""What a target receives of an event: the event, a part of it, a constant, or a template."""

import json
import re
from collections.abc import Mapping
from typing import Any

from sagemaker_emulator.aws import json_text
from sagemaker_emulator.errors import invalid
from sagemaker_emulator.services import targets
from sagemaker_emulator.storage.store import Document

_STEP = re.compile(r"\.([^.\[\]*?'\"]+)|\[(\d{1,6})\]|\['([^']*)'\]|\[\"([^\"]*)\"\]")
_PLACEHOLDER = re.compile(r"<([^<>\s]+)>")
# The placeholders that need no path, https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-transform-target-input.html
_PREDEFINED = (
    "aws.events.rule-arn",
    "aws.events.rule-name",
    "aws.events.event.ingestion-time",
    "aws.events.event",
    "aws.events.event.json",
)


def check(target: Mapping[str, Any]) -> None:
    """Refuse a target whose input cannot be made.

    Raises:
        ApiError: `ValidationException`; it names the target.
    """
    identity = target["Id"]
    if sum(key in target for key in ("Input", "InputPath", "InputTransformer")) > 1:
        raise invalid(
            "Only one of Input, InputPath, or InputTransformer must be provided for target "
            f"{identity}."
        )
    try:
        json_text.loads(target.get("Input", "null"))
    except ValueError as problem:
        raise invalid(f"JSON syntax error in input for target {identity}: {problem}") from None
    transformer = target.get("InputTransformer", {})
    paths = transformer.get("InputPathsMap", {})
    for path in (*paths.values(), target.get("InputPath", "$")):
        if _steps(path) is None:
            raise invalid(
                f"Invalid JSONPath '{path}' for target {identity}; the emulator reads "
                "$, .name, ['name'] and [number]"
            )
    for name in _PLACEHOLDER.findall(transformer.get("InputTemplate", "")):
        if name not in paths and name not in _PREDEFINED:
            message = f"InputTemplate for target {identity} contains invalid placeholder {name}."
            raise invalid(message)


def text_of(rule: Document, target: Document, event: Document) -> str:
    """The input of a target that `check` has passed: JSON, or the text that a template makes.

    A pipeline gets none; its parameters are the target's.
    """
    if ":pipeline/" in target["Arn"]:
        values = target.get("SageMakerPipelineParameters", {})
        name = {"PipelineName": target["Arn"]}
        listed = values.get("PipelineParameterList")
        return json.dumps(name | ({"PipelineParameters": listed} if listed else {}))
    if "InputTransformer" not in target:
        return json.dumps(of(rule, target, event))
    text = _transformed(rule, target["InputTransformer"], event)
    return text if targets.kind_of(target["Arn"]) != "lambda" else json.dumps(_json_or_text(text))


def of(rule: Document, target: Document, event: Document) -> Any:
    """The input of a target that `check` has passed, any JSON value."""
    if "Input" in target:
        return json.loads(target["Input"])
    if "InputPath" in target:
        return _at(event, target["InputPath"])
    if "InputTransformer" not in target:
        return event
    return _json_or_text(_transformed(rule, target["InputTransformer"], event))


def _json_or_text(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _transformed(rule: Document, transformer: Mapping[str, Any], event: Document) -> str:
    """What a template makes of an event."""
    about = {"detailType" if k == "detail-type" else k: v for k, v in event.items()}
    values = {
        "aws.events.rule-arn": rule["Arn"],
        "aws.events.rule-name": rule["Name"],
        "aws.events.event.ingestion-time": event["time"],
        "aws.events.event": {k: v for k, v in about.items() if k != "detail"},
        "aws.events.event.json": event,
    }
    paths = transformer.get("InputPathsMap", {})
    values |= {name: _at(event, path) for name, path in paths.items()}
    return _filled(transformer["InputTemplate"], values)


def _filled(template: str, values: Mapping[str, Any]) -> str:
    """A template with its placeholders replaced, as JSON where they are no part of a text."""
    parts: list[str] = []
    position, in_text = 0, False
    while position < len(template):
        whole = re.compile(r'"<([^<>\s]+)>"').match(template, position)
        part = _PLACEHOLDER.match(template, position)
        if whole and not in_text and whole[1] in values:
            parts.append(json.dumps(values[whole[1]]))
            position = whole.end()
        elif part and part[1] in values:
            value = json.dumps(values[part[1]])
            if in_text and not isinstance(values[part[1]], str):
                value = json.dumps(value)
            parts.append(value[1:-1] if in_text else value)
            position = part.end()
        else:
            letter = template[position]
            if in_text and letter == "\\":
                letter = template[position : position + 2]
            elif letter == '"':
                in_text = not in_text
            parts.append(letter)
            position += len(letter)
    return "".join(parts)


def _at(event: Any, path: str) -> Any:
    """What a path leads to; None where it leads nowhere."""
    for step in _steps(path) or ():
        if isinstance(step, int):
            event = event[step] if isinstance(event, list) and step < len(event) else None
        else:
            event = event.get(step) if isinstance(event, dict) else None
    return event


def _steps(path: str) -> list[str | int] | None:
    """The keys and places of a JSONPath; None where it is none, or one of another kind."""
    position, steps = 1, []
    if not path.startswith("$"):
        return None
    while position < len(path):
        if not (match := _STEP.match(path, position)):
            return None
        name, number, quoted, doubly = match.groups()
        steps.append(
            int(number) if number else next(x for x in (name, quoted, doubly) if x is not None)
        )
        position = match.end()
    return steps
