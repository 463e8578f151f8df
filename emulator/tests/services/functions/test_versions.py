"""Published versions, revisions and qualifiers, through boto3."""

from typing import Any

import pytest
from botocore.exceptions import ClientError
from function_archive import archive

ROLE = "arn:aws:iam::123456789012:role/lambda"


def returning(value: int) -> Any:
    return archive(f"def handler(event, context): return {value}, context.function_version")


def answer(functions: Any, name: str, **more: Any) -> Any:
    return functions.invoke(FunctionName=name, **more)["Payload"].read()


def test_published_version_never_changes(functions: Any, function: str) -> None:
    functions.update_function_code(FunctionName=function, ZipFile=returning(1))
    first = functions.publish_version(FunctionName=function, Description="the first")
    assert (first["Version"], first["Description"]) == ("1", "the first")
    assert first["FunctionArn"].endswith(f":function:{function}:1")
    changed = functions.update_function_code(
        FunctionName=function, ZipFile=returning(2), Publish=True
    )
    assert changed["Version"] == "2"
    functions.update_function_code(FunctionName=function, ZipFile=returning(3))
    functions.update_function_configuration(FunctionName=function, Timeout=7)
    assert answer(functions, function) == b'[3, "$LATEST"]'
    assert answer(functions, function, Qualifier="1") == b'[1, "1"]'
    assert answer(functions, first["FunctionArn"]) == b'[1, "1"]'
    run = functions.invoke(FunctionName=function, Qualifier="2")
    assert run["ExecutedVersion"] == "2"
    kept = functions.get_function_configuration(FunctionName=function, Qualifier="1")
    assert kept["Timeout"] == 10
    listed = functions.list_versions_by_function(FunctionName=function)["Versions"]
    assert [each["Version"] for each in listed] == ["$LATEST", "1", "2"]


def test_publishing_what_has_not_changed_gives_the_same_version(
    functions: Any, function: str
) -> None:
    numbers = [functions.publish_version(FunctionName=function)["Version"] for _ in range(2)]
    functions.update_function_configuration(FunctionName=function, MemorySize=256)
    numbers.append(functions.publish_version(FunctionName=function)["Version"])
    assert numbers == ["1", "1", "2"]


def test_function_may_be_created_with_its_first_version(functions: Any, name: str) -> None:
    made = functions.create_function(
        FunctionName=name,
        Runtime="python3.11",
        Role=ROLE,
        Handler="function.main.handler",
        Code={"ZipFile": returning(1)},
        Publish=True,
    )
    assert made["Version"] == "1"
    assert answer(functions, name, Qualifier="1") == b'[1, "1"]'
    pages = functions.get_paginator("list_functions").paginate(FunctionVersion="ALL")
    both = [each for page in pages for each in page["Functions"]]
    assert [each["Version"] for each in both if each["FunctionName"] == name] == ["$LATEST", "1"]


def test_deleting_a_version_keeps_the_function(functions: Any, function: str) -> None:
    functions.publish_version(FunctionName=function)
    functions.delete_function(FunctionName=function, Qualifier="1")
    with pytest.raises(functions.exceptions.ResourceNotFoundException):
        functions.get_function(FunctionName=function, Qualifier="1")
    assert functions.get_function(FunctionName=function)["Configuration"]["Version"] == "$LATEST"
    with pytest.raises(ClientError, match=r"\$LATEST version cannot be deleted"):
        functions.delete_function(FunctionName=function, Qualifier="$LATEST")
    assert functions.publish_version(FunctionName=function)["Version"] == "2"


def test_deleting_a_function_deletes_its_versions(functions: Any, function: str) -> None:
    functions.publish_version(FunctionName=function)
    functions.delete_function(FunctionName=function)
    for qualifier in ("1", "$LATEST"):
        with pytest.raises(functions.exceptions.ResourceNotFoundException):
            functions.get_function(FunctionName=function, Qualifier=qualifier)


@pytest.mark.parametrize("operation", ["get_function", "get_function_configuration", "invoke"])
def test_unknown_qualifier_is_not_latest(functions: Any, function: str, operation: str) -> None:
    for qualifier in ("7", "live"):
        with pytest.raises(functions.exceptions.ResourceNotFoundException, match=f":{qualifier}"):
            getattr(functions, operation)(FunctionName=function, Qualifier=qualifier)
    with pytest.raises(ClientError, match="does not match the specified qualifier"):
        getattr(functions, operation)(FunctionName=f"{function}:1", Qualifier="2")
    region = f"arn:aws:lambda:eu-west-1:123456789012:function:{function}"
    with pytest.raises(ClientError, match="not reachable in this region"):
        getattr(functions, operation)(FunctionName=region)


def test_change_of_another_revision_is_refused(functions: Any, function: str) -> None:
    old = functions.get_function_configuration(FunctionName=function)["RevisionId"]
    new = functions.update_function_configuration(FunctionName=function, Timeout=9, RevisionId=old)[
        "RevisionId"
    ]
    assert new != old
    permission = {"StatementId": "s", "Action": "lambda:InvokeFunction", "Principal": "*"}
    calls: list[tuple[Any, dict[str, Any]]] = [
        (functions.update_function_code, {"ZipFile": returning(1)}),
        (functions.update_function_configuration, {"Timeout": 8}),
        (functions.publish_version, {}),
        (functions.add_permission, permission),
    ]
    for call, request in calls:
        with pytest.raises(functions.exceptions.PreconditionFailedException):
            call(FunctionName=function, RevisionId=old, **request)
    assert functions.get_function_configuration(FunctionName=function)["RevisionId"] == new
    with pytest.raises(ClientError, match="different from current CodeSHA256"):
        functions.publish_version(FunctionName=function, CodeSha256="x")


def test_dry_run_changes_nothing(functions: Any, function: str) -> None:
    before = functions.get_function_configuration(FunctionName=function)
    tried = functions.update_function_code(FunctionName=function, ZipFile=returning(1), DryRun=True)
    assert tried["CodeSha256"] != before["CodeSha256"]
    with pytest.raises(ClientError, match="Could not unzip"):
        functions.update_function_code(FunctionName=function, ZipFile=b"no zip", DryRun=True)
    after = functions.get_function_configuration(FunctionName=function)
    del before["ResponseMetadata"], after["ResponseMetadata"]
    assert after == before


def test_marker_of_another_list_is_refused_as_lambda_refuses_it(
    functions: Any, function: str
) -> None:
    with pytest.raises(ClientError, match="InvalidParameterValueException"):
        functions.list_versions_by_function(FunctionName=function, Marker="x")
