"""The policies of functions: never wider than asked."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sagemaker_emulator.services.functions import policy

RULE = "arn:aws:events:us-east-1:123456789012:rule/r"


class Permits:
    """A function's statements, and whether they permit EventBridge to invoke it for a rule."""

    def __init__(self, functions: Any, function: str) -> None:
        self.functions, self.function = functions, function

    def add(self, **members: Any) -> Any:
        request = {
            "StatementId": "s",
            "Action": "lambda:InvokeFunction",
            "Principal": "events.amazonaws.com",
        }
        done = self.functions.add_permission(FunctionName=self.function, **request | members)
        return json.loads(done["Statement"])


@pytest.mark.parametrize(
    "members, condition",
    [
        ({"SourceAccount": "210987654321"}, {"AWS:SourceAccount": "210987654321"}),
        ({"PrincipalOrgID": "o-a1b2c3d4e5"}, {"aws:PrincipalOrgID": "o-a1b2c3d4e5"}),
        ({"EventSourceToken": "token"}, {"lambda:EventSourceToken": "token"}),
        ({"FunctionUrlAuthType": "AWS_IAM"}, {"lambda:FunctionUrlAuthType": "AWS_IAM"}),
    ],
    ids=["account", "organisation", "token", "address"],
)
def test_each_condition_is_in_the_policy(
    functions: Any, function: str, members: Any, condition: Any
) -> None:
    statement = Permits(functions, function).add(SourceArn=RULE, **members)
    assert statement["Condition"] == {
        "StringEquals": condition,
        "ArnLike": {"AWS:SourceArn": RULE},
    }
    kept = json.loads(functions.get_policy(FunctionName=function)["Policy"])["Statement"]
    assert kept == [statement]


@pytest.mark.parametrize(
    "condition, permitted",
    [
        ({}, True),
        ({"ArnLike": {"AWS:SourceArn": RULE}}, True),
        ({"ArnLike": {"AWS:SourceArn": RULE[:-1] + "*"}}, True),
        ({"ArnLike": {"AWS:SourceArn": RULE + "x"}}, False),
        ({"StringEquals": {"AWS:SourceAccount": "123456789012"}}, True),
        ({"StringEquals": {"AWS:SourceAccount": "210987654321"}}, False),
        ({"StringEquals": {"aws:PrincipalOrgID": "o-a1b2c3d4e5"}}, False),
        ({"StringEquals": {"lambda:EventSourceToken": "token"}}, False),
    ],
    ids=str,
)
def test_every_condition_must_hold(condition: Any, permitted: bool) -> None:
    assert policy.holds(condition, "123456789012", RULE) is permitted


def test_policy_of_a_version_is_its_own(functions: Any, function: str) -> None:
    functions.publish_version(FunctionName=function)
    statement = Permits(functions, function).add(Qualifier="1")
    assert statement["Resource"].endswith(f":function:{function}:1")
    with pytest.raises(functions.exceptions.ResourceNotFoundException):
        functions.get_policy(FunctionName=function)
    assert "Policy" in functions.get_policy(FunctionName=function, Qualifier="1")
    with pytest.raises(functions.exceptions.ResourceNotFoundException):
        functions.remove_permission(FunctionName=function, StatementId="s")
    functions.remove_permission(FunctionName=function, StatementId="s", Qualifier="1")
    with pytest.raises(ClientError, match=r"do not support adding policies for \$LATEST"):
        Permits(functions, function).add(Qualifier="$LATEST")


def test_change_of_the_policy_is_a_new_revision(functions: Any, function: str) -> None:
    before = functions.get_function_configuration(FunctionName=function)["RevisionId"]
    Permits(functions, function).add(RevisionId=before)
    after = functions.get_policy(FunctionName=function)["RevisionId"]
    assert after != before
    with pytest.raises(functions.exceptions.PreconditionFailedException):
        functions.remove_permission(FunctionName=function, StatementId="s", RevisionId=before)
    functions.remove_permission(FunctionName=function, StatementId="s", RevisionId=after)


def test_principals_are_services_accounts_and_arns(functions: Any, function: str) -> None:
    permits = Permits(functions, function)
    found = [
        permits.add(StatementId=f"s{n}", Principal=principal)["Principal"]
        for n, principal in enumerate(("123456789012", "arn:aws:iam::123456789012:role/r", "*"))
    ]
    assert found == [
        {"AWS": "arn:aws:iam::123456789012:root"},
        {"AWS": "arn:aws:iam::123456789012:role/r"},
        "*",
    ]
    for principal in ("events", "mine.example.com"):
        with pytest.raises(ClientError, match="The provided principal was invalid"):
            permits.add(StatementId="other", Principal=principal)
