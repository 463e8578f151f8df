"""A CloudFormation template: read from JSON or YAML, and its parameters given their values.

Contract: AWS CloudFormation user guide, "Template anatomy" and "Parameters". Messages are AWS's.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

import yaml

from sagemaker_emulator.aws import patterns
from sagemaker_emulator.errors import ApiError
from sagemaker_emulator.services.stacks.kinds import known

_SECTIONS = frozenset(
    (
        *("AWSTemplateFormatVersion", "Description", "Metadata", "Parameters", "Rules"),
        *("Mappings", "Conditions", "Resources", "Outputs"),
    )
)
_ATTRIBUTES = frozenset(
    (
        *("Type", "Properties", "DependsOn", "Condition", "Metadata"),
        *("DeletionPolicy", "UpdateReplacePolicy"),
    )
)
_POLICIES = ("Delete", "Retain")
_TYPES = ("String", "Number", "CommaDelimitedList", "List<Number>")
_LARGEST = 1 << 20
_DEEPEST = 100
Template = dict[str, Any]


def refused(message: str) -> ApiError:
    """A `ValidationError`, CloudFormation's word for every fault of a request."""
    return ApiError("ValidationError", message)


def _malformed(message: str) -> ApiError:
    return refused(f"Template format error: {message}")


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """Reads the short forms, such as `!Sub`, as the functions that they stand for."""


def _short_form(loader: Any, suffix: str, node: yaml.Node) -> dict[str, Any]:
    value: Any
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    elif isinstance(node, yaml.MappingNode):
        value = loader.construct_mapping(node, deep=True)
    if suffix in ("Ref", "Condition"):
        return {suffix: value}
    if suffix == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {f"Fn::{suffix}": value}


_Loader.add_multi_constructor("!", _short_form)


def _as_text(loader: Any, node: yaml.ScalarNode) -> str:
    """A version such as 2012-10-17 stays the text that it is."""
    return str(loader.construct_scalar(node))


_Loader.add_constructor("tag:yaml.org,2002:timestamp", _as_text)


def _load(body: str) -> Any:
    """The content of a JSON or YAML document.

    CloudFormation has no aliases, and a few of them would make a small template a huge one.

    Raises:
        ApiError: It is neither, has an alias, or is nested too deeply.
    """
    depth = 0
    try:
        # JSON is YAML, too.
        for event in yaml.parse(body, _Loader):
            if isinstance(event, yaml.AliasEvent):
                line = f"line {getattr(event.start_mark, 'line', 0) + 1}"
                raise _malformed(f"the template has an alias ({line}), which is not supported")
            depth += isinstance(event, yaml.CollectionStartEvent)
            depth -= isinstance(event, yaml.CollectionEndEvent)
            if depth > _DEEPEST:
                raise _malformed(f"the template is nested more than {_DEEPEST} levels deep")
        # Dates and other odd values of YAML become texts.
        return json.loads(json.dumps(yaml.load(body, _Loader), default=str))
    except (yaml.YAMLError, ValueError, TypeError) as problem:
        where = getattr(problem, "problem_mark", None)
        line = f" (line {where.line + 1})" if where else ""
        raise _malformed(f"the template is neither JSON nor YAML{line}") from None


@functools.lru_cache(64)
def parse(body: str) -> Template:
    """Read a template and check its form: sections, resources, their types and attributes.

    Returns:
        The template, which is shared: nobody may change it.

    Raises:
        ApiError: It is no template, or asks for what is not done here.
    """
    if len(body) > _LARGEST:
        raise _malformed(f"the template has more than {_LARGEST} characters")
    document = _load(body)
    if not isinstance(document, dict):
        raise _malformed("unsupported structure.")
    if "Transform" in document:
        raise _malformed("the emulator runs no Transform, so no macro and no AWS::Serverless")
    if unknown := document.keys() - _SECTIONS:
        raise refused(f"Invalid template property or properties [{', '.join(map(str, unknown))}]")
    for section in ("Parameters", "Mappings", "Conditions", "Resources", "Outputs"):
        if not isinstance(document.get(section) or {}, dict):
            raise _malformed(f"{section} must be an object.")
    resources = document.get("Resources")
    if not resources:
        raise _malformed("At least one Resources member must be defined.")
    for name, about in (document.get("Parameters") or {}).items():
        if not isinstance(about, dict) or about.get("Type") not in _TYPES:
            raise _malformed(f"Parameter {name} must have one of the types {', '.join(_TYPES)}.")
    for name, resource in resources.items():
        _check_resource(str(name), resource)
    types = {resource["Type"] for resource in resources.values()}
    if strange := sorted(types - set(known())):
        raise _malformed(
            f"Unrecognized resource types: [{', '.join(strange)}]. The emulator makes "
            f"{', '.join(sorted(known()))}."
        )
    return document


def _check_resource(name: str, resource: Any) -> None:
    where = f"/Resources/{name}"
    if not re.fullmatch("[A-Za-z0-9]+", name):
        raise _malformed(f"Resource name {name} is non alphanumeric.")
    if not isinstance(resource, dict) or not isinstance(resource.get("Type"), str):
        raise _malformed(f"[{where}] Every Resources object must contain a Type member.")
    if not isinstance(resource.get("Properties") or {}, dict):
        raise _malformed(f"[{where}/Properties] Properties must be an object.")
    if unknown := resource.keys() - _ATTRIBUTES:
        words = ", ".join(map(str, sorted(unknown)))
        raise refused(f"Invalid template resource property '{words}' at {where}")
    for attribute in ("DeletionPolicy", "UpdateReplacePolicy"):
        if resource.get(attribute, "Delete") not in _POLICIES:
            raise _malformed(f"{attribute} of {name} must be one of {', '.join(_POLICIES)} here.")


def parameters(template: Template, given: Mapping[str, str]) -> dict[str, Any]:
    """The value of each parameter: a text, or a list of texts.

    Args:
        template: From `parse`.
        given: The texts of the request, by parameter.

    Raises:
        ApiError: One is unknown, missing, or has a value that its declaration does not allow.
    """
    declared = template.get("Parameters") or {}
    if unknown := sorted(given.keys() - declared.keys()):
        raise refused(f"Parameters: [{', '.join(unknown)}] do not exist in the template")
    missing = [name for name in declared if name not in given and "Default" not in declared[name]]
    if missing:
        raise refused(f"Parameters: [{', '.join(missing)}] must have values")
    return {
        name: _value(name, about, str(given.get(name, about.get("Default"))))
        for name, about in declared.items()
    }


def _value(name: str, about: Mapping[str, Any], text: str) -> Any:
    kind = about["Type"]
    listed = kind in ("CommaDelimitedList", "List<Number>")
    parts = [part.strip() for part in text.split(",")] if listed else [text]
    for part in parts:
        if "Number" in kind and not re.fullmatch(r"-?\d+(\.\d+)?", part):
            raise refused(f"Parameter '{name}' must be a number.")
        try:
            _check(name, about, part)
        except (ValueError, TypeError) as problem:  # a limit that is none, a broken pattern
            raise _malformed(f"Parameter {name}: {problem}") from None
    return parts if listed else text


def _check(name: str, about: Mapping[str, Any], text: str) -> None:
    allowed = [str(value) for value in about.get("AllowedValues", [])]
    if allowed and text not in allowed:
        raise refused(f"Parameter '{name}' must be one of AllowedValues")
    pattern = about.get("AllowedPattern")
    if pattern and not patterns.compile(str(pattern)).fullmatch(text):
        words = about.get("ConstraintDescription")
        raise refused(
            f"Parameter '{name}' {words}"
            if words
            else f"Parameter {name} failed to satisfy "
            f"constraint: Parameter value must match pattern {pattern}"
        )
    if len(text) < int(about.get("MinLength", 0)):
        raise refused(f"Parameter '{name}' must contain at least {about['MinLength']} characters")
    if len(text) > int(about.get("MaxLength", _LARGEST)):
        raise refused(f"Parameter '{name}' must contain at most {about['MaxLength']} characters")
    if "MinValue" in about and float(text) < float(about["MinValue"]):
        raise refused(f"Parameter '{name}' must be a number not less than {about['MinValue']}")
    if "MaxValue" in about and float(text) > float(about["MaxValue"]):
        raise refused(f"Parameter '{name}' must be a number not greater than {about['MaxValue']}")


def capabilities(template: Template) -> list[str]:
    """What its maker must acknowledge: that it makes identities, and whether they are named."""
    named = [
        any(key in (resource.get("Properties") or {}) for key in _NAMES)
        for resource in template["Resources"].values()
        if resource["Type"].startswith("AWS::IAM::")
    ]
    if not named:
        return []
    return ["CAPABILITY_NAMED_IAM"] if any(named) else ["CAPABILITY_IAM"]


_NAMES = ("RoleName", "ManagedPolicyName", "PolicyName", "UserName", "GroupName")


def check_capabilities(template: Template, given: Iterable[str]) -> None:
    """Refuse a template that makes identities where the request does not acknowledge it.

    Raises:
        ApiError: `InsufficientCapabilitiesException`.
    """
    needed = capabilities(template)
    enough = {"CAPABILITY_NAMED_IAM", *(["CAPABILITY_IAM"] if needed == ["CAPABILITY_IAM"] else [])}
    if needed and not enough & set(given):
        raise ApiError(
            "InsufficientCapabilitiesException", f"Requires capabilities : [{needed[0]}]"
        )
