"""The CloudFormation template `infrastructure/tally.yaml`, as `setup` uses it.

`setup` creates what the template describes by plain API calls. Permissions, the function's
configuration and the bucket's protection are written once, in the template.
"""

import json
from collections.abc import Hashable
from functools import cache
from typing import Any

import yaml

from pipelines.root import ROOT
from pipelines.settings import names
from pipelines.settings.model import Settings

FILE = ROOT / "infrastructure" / "tally.yaml"
EXECUTION_ROLE = (
    "arn:${AWS::Partition}:iam::${AWS::AccountId}:role/${Name}-execution-${AWS::Region}"
)
Document = dict[str, Any]


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """Reads CloudFormation's short forms, such as !Sub, as the text or list after them."""


def _short_form(loader: Any, suffix: str, node: yaml.Node) -> Hashable | list[Any]:
    if isinstance(node, yaml.ScalarNode):
        text = str(loader.construct_scalar(node))
        return f"${{{text}}}" if suffix == "Ref" else text  # in a text, !Sub's form of !Ref
    return list(loader.construct_sequence(node, deep=True))


_Loader.add_multi_constructor("!", _short_form)


@cache
def load() -> Document:
    """The whole template."""
    document: Document = yaml.load(FILE.read_text(), _Loader)
    return document


def properties(resource: str, settings: Settings) -> Document:
    """The properties of a resource, with the names of resolved settings in place of variables.

    Args:
        resource: The resource's logical name in the template.
        settings: Resolved settings.
    """
    text = json.dumps(load()["Resources"][resource]["Properties"])
    for variable, value in (
        ("${Name}-${AWS::Region}-${AWS::AccountId}", settings.bucket_name),
        ("${Bucket}", settings.bucket_name),
        (EXECUTION_ROLE, settings.role_arn),
        ("Promotion.Arn", settings.arn("lambda", f"function:{settings.function_name}")),
        ("LostApprovals.Arn", settings.arn("sqs", f"{settings.name}-lost-approvals")),
        ("${Name}", settings.name),
        ("${AWS::Partition}", names.partition(settings.region)),
        ("${AWS::URLSuffix}", names.dns_suffix(settings.region)),
        ("${AWS::Region}", settings.region),
        ("${AWS::AccountId}", settings.account_id),
    ):
        text = text.replace(variable, value)
    document: Document = json.loads(text)
    return document


def role_policy(resource: str, settings: Settings) -> Document:
    """The permissions of a role: `ExecutionRole` or `PromotionRole`.

    The execution role may register versions with the statuses that the settings allow: whoever may
    start the pipeline chooses the status, among what whoever runs `setup` allows.
    """
    policy: Document = properties(resource, settings)["Policies"][0]["PolicyDocument"]
    for statement in policy["Statement"]:
        if statement["Sid"] == "Register":
            allowed = {"sagemaker:ModelApprovalStatus": list(settings.initial_statuses)}
            statement["Condition"] = {"StringEquals": allowed}
    return policy
