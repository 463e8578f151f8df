"""Aliases of functions, through boto3."""

from typing import Any

import pytest
from botocore.exceptions import ClientError
from function_archive import archive, function_request

SOURCE = "def handler(event, context): return {}, context.function_version"


@pytest.fixture
def versions(functions: Any, function: str) -> str:
    """A function with the versions 1 and 2, which return their numbers."""
    for number in (1, 2):
        code = archive(SOURCE.format(number))
        functions.update_function_code(FunctionName=function, ZipFile=code, Publish=True)
    return function


def answer(functions: Any, name: str, **more: Any) -> Any:
    return functions.invoke(FunctionName=name, **more)["Payload"].read()


def test_alias_leads_to_a_version_and_then_to_another(functions: Any, versions: str) -> None:
    made = functions.create_alias(
        FunctionName=versions, Name="live", FunctionVersion="1", Description="d"
    )
    assert made["AliasArn"].endswith(f":function:{versions}:live")
    assert answer(functions, versions, Qualifier="live") == b'[1, "1"]'
    assert answer(functions, made["AliasArn"]) == b'[1, "1"]'
    changed = functions.update_alias(
        FunctionName=versions, Name="live", FunctionVersion="2", RevisionId=made["RevisionId"]
    )
    assert (changed["FunctionVersion"], changed["Description"]) == ("2", "d")
    run = functions.invoke(FunctionName=versions, Qualifier="live")
    assert (run["ExecutedVersion"], run["Payload"].read()) == ("2", b'[2, "2"]')
    found = functions.get_alias(FunctionName=versions, Name="live")
    assert found["RevisionId"] == changed["RevisionId"] != made["RevisionId"]
    shown = functions.get_function_configuration(FunctionName=versions, Qualifier="live")
    assert (shown["Version"], shown["FunctionArn"]) == ("2", made["AliasArn"])
    with pytest.raises(ClientError, match="PreconditionFailedException"):
        functions.update_alias(FunctionName=versions, Name="live", RevisionId=made["RevisionId"])


def test_alias_shares_its_invocations_by_weight(functions: Any, versions: str) -> None:
    weights = {"AdditionalVersionWeights": {"2": 1.0}}
    functions.create_alias(
        FunctionName=versions, Name="all", FunctionVersion="1", RoutingConfig=weights
    )
    assert answer(functions, versions, Qualifier="all") == b'[2, "2"]'
    weights = {"AdditionalVersionWeights": {"2": 0.5}}
    functions.update_alias(FunctionName=versions, Name="all", RoutingConfig=weights)
    both = {answer(functions, versions, Qualifier="all") for _ in range(12)}
    assert both <= {b'[1, "1"]', b'[2, "2"]'}
    functions.update_alias(FunctionName=versions, Name="all", RoutingConfig={})
    assert answer(functions, versions, Qualifier="all") == b'[1, "1"]'
    assert "RoutingConfig" not in functions.get_alias(FunctionName=versions, Name="all")


def test_aliases_are_listed_and_deleted(functions: Any, versions: str) -> None:
    for name, version in (("b", "1"), ("a", "2"), ("c", "1")):
        functions.create_alias(FunctionName=versions, Name=name, FunctionVersion=version)
    pages = functions.get_paginator("list_aliases").paginate(
        FunctionName=versions, PaginationConfig={"PageSize": 2}
    )
    assert [each["Name"] for page in pages for each in page["Aliases"]] == ["a", "b", "c"]
    first = functions.list_aliases(FunctionName=versions, FunctionVersion="1")["Aliases"]
    assert [each["Name"] for each in first] == ["b", "c"]
    with pytest.raises(ClientError, match=r"ResourceConflictException.*alias b, c"):
        functions.delete_function(FunctionName=versions, Qualifier="1")
    functions.delete_alias(FunctionName=versions, Name="b")
    functions.delete_alias(FunctionName=versions, Name="b")  # as on AWS
    with pytest.raises(ClientError, match=r"Cannot find alias arn: .*:b"):
        functions.get_alias(FunctionName=versions, Name="b")
    functions.delete_function(FunctionName=versions)
    functions.create_function(**function_request(versions))
    assert functions.list_aliases(FunctionName=versions)["Aliases"] == []


def test_alias_has_a_policy_of_its_own(functions: Any, versions: str) -> None:
    functions.create_alias(FunctionName=versions, Name="live", FunctionVersion="1")
    functions.add_permission(
        FunctionName=versions,
        Qualifier="live",
        StatementId="s",
        Action="lambda:InvokeFunction",
        Principal="events.amazonaws.com",
    )
    assert (
        f":{versions}:live"
        in functions.get_policy(FunctionName=versions, Qualifier="live")["Policy"]
    )
    for other in ({}, {"Qualifier": "1"}):
        with pytest.raises(functions.exceptions.ResourceNotFoundException):
            functions.get_policy(FunctionName=versions, **other)
    functions.remove_permission(FunctionName=versions, Qualifier="live", StatementId="s")
    with pytest.raises(functions.exceptions.ResourceNotFoundException):
        functions.get_policy(FunctionName=versions, Qualifier="live")


@pytest.mark.parametrize(
    "more, message",
    [
        ({"Name": "live", "FunctionVersion": "1"}, "ResourceConflictException.*already exists"),
        ({"Name": "x", "FunctionVersion": "7"}, r"ResourceNotFoundException.*:7"),
        (
            {
                "FunctionVersion": "$LATEST",
                "RoutingConfig": {"AdditionalVersionWeights": {"1": 0.5}},
            },
            "more than 1 version",
        ),
        (
            {"FunctionVersion": "1", "RoutingConfig": {"AdditionalVersionWeights": {"1": 0.5}}},
            "already included",
        ),
        (
            {"RoutingConfig": {"AdditionalVersionWeights": {"1": 0.5, "2": 0.1}}},
            "cannot be greater than 1",
        ),
        ({"FunctionName": "nobody"}, "Function not found"),
    ],
    ids=["taken", "no-version", "latest", "itself", "three", "no-function"],
)
def test_wrong_alias_is_refused(
    functions: Any, versions: str, more: dict[str, Any], message: str
) -> None:
    functions.create_alias(FunctionName=versions, Name="live", FunctionVersion="1")
    with pytest.raises(ClientError, match=message):
        functions.create_alias(
            **{"FunctionName": versions, "Name": "other", "FunctionVersion": "1", **more}
        )
