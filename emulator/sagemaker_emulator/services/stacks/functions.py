"""CloudFormation's intrinsic functions, resolved; and which resources a value refers to.

Contract: AWS CloudFormation template reference, "Intrinsic functions".
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from sagemaker_emulator.errors import ApiError
from sagemaker_emulator.services.stacks.template import Template, refused

_VARIABLE = re.compile(r"\$\{(!?)([^}]*)\}")
_NO_VALUE = object()
_CONDITIONS = ("Fn::And", "Fn::Or", "Fn::Not", "Fn::Equals", "Condition")
_FUNCTIONS = (
    *("Fn::Sub", "Fn::GetAtt", "Fn::Join", "Fn::Select", "Fn::Split", "Fn::If", "Fn::FindInMap"),
    *("Fn::Base64", "Fn::ImportValue", "Fn::GetAZs"),
)


@dataclass
class Scope:
    """What the functions of one template refer to.

    Attributes:
        template: The template.
        values: The parameters' values, and those of the pseudo parameters.
        ids: The physical id of each resource that has been made.
        attributes: Its attributes.
        exported: Returns what another stack exports by a name.
        zones: The region's availability zones.
        imported: The names of other stacks' exports that have been asked for.
    """

    template: Template
    values: Mapping[str, Any]
    ids: Mapping[str, str] = field(default_factory=dict)
    attributes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    exported: Callable[[str], str] = lambda name: name
    zones: tuple[str, ...] = ()
    imported: set[str] = field(default_factory=set)

    def resolve(self, value: Any) -> Any:
        """A value with its functions resolved, without what is `AWS::NoValue`.

        Raises:
            ApiError: A function is unknown, or refers to what there is not.
        """
        resolved = self._resolve(value)
        return None if resolved is _NO_VALUE else resolved

    def holds(self, condition: str) -> bool:
        """Whether a condition of the template holds.

        Raises:
            ApiError: There is no such condition, or it cannot be computed.
        """
        conditions = self.template.get("Conditions") or {}
        if condition not in conditions:
            raise refused(
                f"Template format error: Unresolved condition dependency {condition} "
                "in the Conditions block of the template"
            )
        try:
            return self._condition(conditions[condition])
        except RecursionError:
            raise refused(f"Template error: condition {condition} refers to itself.") from None

    def _condition(self, value: Any) -> bool:
        name, argument = _function(value)
        match name:
            case "Condition":
                return self.holds(str(argument))
            case "Fn::Equals" if len(argument) == 2:
                first, second = (self._resolve(each) for each in argument)
                return _text(first) == _text(second)
            case "Fn::Not" if len(argument) == 1:
                return not self._condition(argument[0])
            case "Fn::And":
                return all(map(self._condition, argument))
            case "Fn::Or":
                return any(map(self._condition, argument))
        raise refused(f"Template error: {name or value} is no condition.")

    def _resolve(self, value: Any) -> Any:
        if isinstance(value, list):
            return [one for one in map(self._resolve, value) if one is not _NO_VALUE]
        if not isinstance(value, dict):
            return value
        name, argument = _function(value)
        if name == "Ref":
            return self._ref(str(argument))
        if name == "Condition" and isinstance(argument, str):
            return self.holds(argument)
        if name not in _FUNCTIONS:
            if name.startswith("Fn::"):
                raise refused(f"Template error: {name} is not resolved here.")
            resolved = {key: self._resolve(each) for key, each in value.items()}
            return {key: each for key, each in resolved.items() if each is not _NO_VALUE}
        try:
            return self._call(name, argument)
        except ApiError:
            raise
        except (TypeError, ValueError, KeyError, IndexError, AttributeError):
            raise refused(f"Template error: {name} cannot have the argument {argument}.") from None

    def _call(self, name: str, argument: Any) -> Any:
        match name:
            case "Fn::Sub":
                text, own = argument if isinstance(argument, list) else (argument, {})
                return self._sub(text, {key: self._resolve(each) for key, each in own.items()})
            case "Fn::GetAtt":
                parts = argument.split(".", 1) if isinstance(argument, str) else argument
                return self._get_att(parts[0], str(self._resolve(parts[1])))
            case "Fn::Join":
                return argument[0].join(map(_text, self._resolve(argument[1])))
            case "Fn::Select":
                return self._resolve(argument[1])[int(self._resolve(argument[0]))]
            case "Fn::Split":
                return str(self._resolve(argument[1])).split(argument[0])
            case "Fn::If":
                return self._resolve(argument[1 if self.holds(argument[0]) else 2])
            case "Fn::FindInMap":
                first, second, third = (self._resolve(each) for each in argument)
                return self.template["Mappings"][first][second][third]
            case "Fn::Base64":
                return base64.b64encode(str(self._resolve(argument)).encode()).decode()
            case "Fn::GetAZs":
                return list(self.zones)
            case _:
                name = str(self._resolve(argument))
                self.imported.add(name)
                return self.exported(name)

    def _ref(self, name: str) -> Any:
        if name == "AWS::NoValue":
            return _NO_VALUE
        if name in self.values:
            return self.values[name]
        if name in self.ids:
            return self.ids[name]
        raise _unresolved(name)

    def _get_att(self, name: str, attribute: str) -> Any:
        if name not in self.attributes:
            raise _unresolved(name)
        if attribute not in self.attributes[name]:
            known = ", ".join(sorted(self.attributes[name])) or "none"
            raise refused(
                f"Template error: resource {name} has no attribute {attribute} here (it has "
                f"{known})."
            )
        return self.attributes[name][attribute]

    def _sub(self, text: str, own: Mapping[str, Any]) -> str:
        def value(match: re.Match[str]) -> str:
            escaped, name = match.groups()
            if escaped:
                return f"${{{name}}}"
            name = name.strip()
            if name in own:
                return _text(own[name])
            logical, dot, attribute = name.partition(".")
            return _text(self._get_att(logical, attribute) if dot else self._ref(name))

        return _VARIABLE.sub(value, text)


def referred(value: Any) -> Iterator[str]:
    """The names that a value refers to: of parameters, pseudo parameters and resources."""
    if isinstance(value, list):
        for each in value:
            yield from referred(each)
    if not isinstance(value, dict):
        return
    name, argument = _function(value)
    if name == "Ref":
        yield str(argument)
    elif name == "Fn::GetAtt":
        parts = argument.split(".", 1) if isinstance(argument, str) else argument
        yield str(parts[0])
    elif name == "Fn::Sub":
        text, own = argument if isinstance(argument, list) else (argument, {})
        names = {match[2].strip() for match in _VARIABLE.finditer(str(text)) if not match[1]}
        yield from (each.split(".")[0] for each in sorted(names) if each not in own)
        yield from referred(own)
    else:
        yield from referred(list(value.values()))


def _function(value: Any) -> tuple[str, Any]:
    """The function that a value is, and its argument; no name for any other value."""
    if isinstance(value, dict) and len(value) == 1:
        name, argument = next(iter(value.items()))
        if name == "Ref" or name in _CONDITIONS or str(name).startswith("Fn::"):
            return name, argument
    return "", None


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return str(value)


def _unresolved(name: str) -> ApiError:
    return refused(
        f"Template format error: Unresolved resource dependencies [{name}] in the Resources "
        "block of the template"
    )
