"""The CloudFormation template `infrastructure/tally.yaml`, as `setup` and `teardown` use it.

Names, permissions and configurations are written once, in the template. `resources` evaluates its
functions and references for a target; `kinds` then creates and deletes what it describes by plain
API calls.
"""

from collections.abc import Hashable, Iterator
from functools import cache
from graphlib import TopologicalSorter
from typing import Any

import yaml

from pipelines.provisioning import by_settings
from pipelines.provisioning.kinds import KINDS
from pipelines.provisioning.kinds.kind import Document, Resource
from pipelines.root import ROOT
from pipelines.settings import names
from pipelines.settings.model import Settings

FILE = ROOT / "infrastructure" / "tally.yaml"
# The names that settings may replace.
BUCKET = "${Name}-${AWS::Region}-${AWS::AccountId}"
ROLES = "arn:${AWS::Partition}:iam::${AWS::AccountId}:role/"
EXECUTION_ROLE = ROLES + "${Name}-execution-${AWS::Region}"
NO_VALUE = object()  # AWS::NoValue


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """Reads CloudFormation's short forms, such as !Sub, as its long ones, such as Fn::Sub."""


def _long_form(loader: Any, suffix: str, node: yaml.Node) -> Hashable | Document:
    name = suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}"
    if isinstance(node, yaml.ScalarNode):
        text = str(loader.construct_scalar(node))
        return {name: text.split(".", 1) if suffix == "GetAtt" else text}
    return {name: list(loader.construct_sequence(node, deep=True))}


_Loader.add_multi_constructor("!", _long_form)


@cache
def load() -> Document:
    """The whole template, as it is written."""
    document: Document = yaml.load(FILE.read_text(), _Loader)
    return document


def parameters(settings: Settings) -> dict[str, Any]:
    """The value of each parameter of the template, by the settings; else its default.

    Args:
        settings: Resolved settings.
    """
    values = {name: one.get("Default", "") for name, one in load()["Parameters"].items()}
    security = settings.security
    return {
        **values,
        "Name": settings.name,
        "Notify": settings.notify,
        "Subnets": ",".join(security.subnets),
        "KmsKeyArn": security.kms_key,
        "LogDays": security.log_days,
        "MonthlyBudget": security.budget,
        "BudgetEmail": security.budget_email,
    }


def resources(settings: Settings) -> list[Resource]:
    """What the target has by the template, each resource after those that it refers to.

    Args:
        settings: Resolved settings.
    """
    evaluation = _Evaluation(settings)
    described = {
        logical: one
        for logical, one in load()["Resources"].items()
        if "Condition" not in one or evaluation.condition(one["Condition"])
    }
    order = TopologicalSorter[str]()
    for logical, one in described.items():
        before = [*_references(one["Properties"]), *_depends_on(one)]
        order.add(logical, *(other for other in before if other in described))
    return [
        evaluation.resource(logical)
        for logical in order.static_order()
        if settings.target != "local" or KINDS[described[logical]["Type"]].on_this_machine
    ]


def properties(resource: str, settings: Settings) -> Document:
    """The properties of one resource, as a stack has them, whether or not its condition holds.

    Args:
        resource: Its name in the template.
        settings: Resolved settings.
    """
    return _Evaluation(settings).properties(resource)


def role_policy(resource: str, settings: Settings) -> Document:
    """The permissions of a role, such as `ExecutionRole` or `PromotionRole`.

    Args:
        resource: Its name in the template.
        settings: Resolved settings.
    """
    role = _Evaluation(settings).resource(resource).properties
    policy: Document = role["Policies"][0]["PolicyDocument"]
    return policy


class _Evaluation:
    """Evaluates the template's functions, conditions and references for one target."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._template = load()
        self._values: dict[str, Any] = {
            **parameters(settings),
            "AWS::Partition": names.partition(settings.region),
            "AWS::URLSuffix": names.dns_suffix(settings.region),
            "AWS::Region": settings.region,
            "AWS::AccountId": settings.account_id,
            "AWS::NoValue": NO_VALUE,
        }

    def resource(self, logical: str) -> Resource:
        """A resource with its properties evaluated."""
        described = self._template["Resources"][logical]
        kept = described.get("DeletionPolicy") == "Retain"
        properties = by_settings.changed(logical, self.properties(logical), self._settings)
        name = _name(described["Type"], properties) or logical
        return Resource(logical, described["Type"], name, properties, kept)

    def properties(self, logical: str) -> Document:
        """The properties of a resource as a stack has them."""
        evaluated: Document = self._value(self._template["Resources"][logical]["Properties"])
        return evaluated

    def condition(self, name: str) -> bool:
        """Whether a condition of the template holds."""
        return bool(self._value(self._template["Conditions"][name]))

    def _value(self, node: Any) -> Any:
        if isinstance(node, list):
            evaluated = [self._value(one) for one in node]
            return [one for one in evaluated if one is not NO_VALUE]
        if not isinstance(node, dict):
            return node
        if len(node) == 1:
            ((name, argument),) = node.items()
            if name == "Ref":
                return self._reference(argument)
            if name == "Condition" and isinstance(argument, str):
                return self.condition(argument)
            if str(name).startswith("Fn::"):
                return self._function(name, argument)
        evaluated_map = {key: self._value(value) for key, value in node.items()}
        return {key: value for key, value in evaluated_map.items() if value is not NO_VALUE}

    def _function(self, name: str, argument: Any) -> Any:
        match name:
            case "Fn::Sub":
                return self._substitute(argument)
            case "Fn::GetAtt":
                return self._attribute(*argument)
            case "Fn::If":
                return self._value(argument[1 if self.condition(argument[0]) else 2])
            case "Fn::Equals":
                return self._value(argument[0]) == self._value(argument[1])
            case "Fn::Not":
                return not self._value(argument[0])
            case "Fn::And":
                return all(self._value(one) for one in argument)
            case "Fn::Or":
                return any(self._value(one) for one in argument)
            case "Fn::Join":
                return argument[0].join(self._value(argument[1]))
            case "Fn::FindInMap":
                name, first, second = self._value(argument)
                return self._template["Mappings"][name][first][second]
            case "Fn::Split":
                return self._value(argument[1]).split(argument[0])
        raise ValueError(f"{FILE.name} uses {name}, which template.py does not evaluate yet")

    def _substitute(self, argument: Any) -> str:
        text, own = (argument, {}) if isinstance(argument, str) else argument
        text = text.replace(BUCKET, self._settings.bucket_name)
        text = text.replace(EXECUTION_ROLE, self._settings.role_arn)
        for variable in _variables(text):
            if variable in own:
                value = self._value(own[variable])
            elif "." in variable:
                value = self._attribute(*variable.split(".", 1))
            else:
                value = self._reference(variable)
            text = text.replace(f"${{{variable}}}", str(value))
        return str(text)

    def _reference(self, name: str) -> Any:
        if name in self._values:
            return self._values[name]
        kind = KINDS.get(self._template["Resources"][name]["Type"])
        if kind and kind.ref == "arn":
            return self._attribute(name, "Arn")
        return self._name(name)

    def _attribute(self, logical: str, attribute: str) -> str:
        kind = KINDS[self._template["Resources"][logical]["Type"]]
        if attribute.endswith(("Arn", "TopicArn")):
            return kind.arn_of(self._settings, self._name(logical))
        if attribute == kind.named:
            return self._name(logical)
        raise ValueError(f"{FILE.name} uses {logical}.{attribute}, which template.py does not know")

    def _name(self, logical: str) -> str:
        described = self._template["Resources"][logical]
        if described["Type"] not in KINDS:
            return logical
        named = KINDS[described["Type"]].named
        value = self._value({named: described["Properties"][named]})
        return _name(described["Type"], value) or logical


def _name(type_: str, properties: Document) -> str | None:
    """The name of a resource; of what has none, that of the resource it belongs to."""
    if type_ not in KINDS:
        return None
    named = KINDS[type_].named
    value = properties[named]
    if isinstance(value, dict):  # a budget's name is inside
        value = value[f"{named}Name"]
    return str(value[0] if isinstance(value, list) else value)


def _variables(text: str) -> list[str]:
    """The variables of a !Sub, such as `AWS::Region`; `${!x}` is text."""
    parts = text.split("${")[1:]
    return [part.split("}", 1)[0] for part in parts if not part.startswith("!")]


def _references(node: Any) -> Iterator[str]:
    """The names that a part of the template refers to, parameters among them."""
    if isinstance(node, list):
        for one in node:
            yield from _references(one)
    elif isinstance(node, dict):
        for key, value in node.items():
            if key == "Ref":
                yield value
            elif key == "Fn::GetAtt":
                yield value[0]
            elif key == "Fn::Sub":
                text = value if isinstance(value, str) else value[0]
                yield from (variable.split(".")[0] for variable in _variables(text))
                yield from _references([] if isinstance(value, str) else value[1])
            else:
                yield from _references(value)


def _depends_on(described: Document) -> list[str]:
    depends = described.get("DependsOn", [])
    return [depends] if isinstance(depends, str) else list(depends)
