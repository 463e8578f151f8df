"""A CloudFormation template: read from JSON or YAML, and its parameters given their values.

Contract: AWS CloudFormation user guide, "Template anatomy" and "Parameters". Messages are AWS's.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

import yaml

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
Template = dict[str, Any]


def refused(message: str) -> ApiError:
    """A `ValidationError`, CloudFormation's word for every fault of a request."""
    return ApiError("ValidationError", message)


def _malformed(message: str) -> ApiError:
    return refused(f"Template format error: {message}")


class _Loader(yaml.SafeLoader):
    """Reads the short forms, such as `!Sub`, as the functions that they stand for.

    CloudFormation has no aliases, and a few of them would make a small template a huge one.
    """

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """The next node.

        Raises:
            YAMLError: It is an alias.
        """
        if self.check_event(yaml.AliasEvent):
            loader: Any = self
            raise yaml.MarkedYAMLError(problem_mark=loader.peek_event().start_mark)
        return super().compose_node(parent, index)


def _short_form(loader: _Loader, suffix: str, node: yaml.Node) -> dict[str, Any]:
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


def _as_text(loader: _Loader, node: yaml.ScalarNode) -> str:
    """A version such as 2012-10-17 stays the text that it is."""
    return str(loader.construct_scalar(node))


_Loader.add_constructor("tag:yaml.org,2002:timestamp", _as_text)


def parse(body: str) -> Template:
    """Read a template and check its form: sections, resources, their types and attributes.

    Raises:
        ApiError: It is no template, or asks for what is not done here.
    """
    if len(body) > _LARGEST:
        raise _malformed(f"the template has more than {_LARGEST} characters")
    try:
        # JSON is YAML, too; dates and other odd values of YAML become texts.
        document = json.loads(json.dumps(yaml.load(body, _Loader), default=str))
    except (yaml.YAMLError, RecursionError, ValueError, TypeError) as problem:
        where = getattr(problem, "problem_mark", None)
        line = f" (line {where.line + 1})" if where else ""
        raise _malformed(f"the template is neither JSON nor YAML without aliases{line}") from None
    if not isinstance(document, dict):
        raise _malformed("unsupported structure.")
    if "Transform" in document:
        raise _malformed("the emulator runs no Transform, so no macro and no AWS::Serverless")
    if unknown := document.keys() - _SECTIONS:
        raise refused(f"Invalid template property or properties [{', '.join(map(str, unknown))}]")
    resources = document.get("Resources")
    if not isinstance(resources, dict) or not resources:
        raise _malformed("At least one Resources member must be defined.")
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
    kind = about.get("Type")
    if kind not in _TYPES:
        raise _malformed(f"Parameter {name} has the type {kind}; here it is {', '.join(_TYPES)}.")
    listed = kind in ("CommaDelimitedList", "List<Number>")
    parts = [part.strip() for part in text.split(",")] if listed else [text]
    for part in parts:
        if "Number" in str(kind) and not re.fullmatch(r"-?\d+(\.\d+)?", part):
            raise refused(f"Parameter '{name}' must be a number.")
        _check(name, about, part)
    return parts if listed else text


def _check(name: str, about: Mapping[str, Any], text: str) -> None:
    allowed = [str(value) for value in about.get("AllowedValues", [])]
    if allowed and text not in allowed:
        raise refused(f"Parameter '{name}' must be one of AllowedValues")
    if (pattern := about.get("AllowedPattern")) and not re.fullmatch(pattern, text):
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
