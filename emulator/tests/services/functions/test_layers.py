"""Layers, through boto3: functions find their modules and programs."""

import io
import json
import urllib.request
import zipfile
from typing import Any

import pytest
from botocore.exceptions import ClientError
from function_archive import function_request

SOURCE = """
import shutil
import shared
def handler(event, context): return shared.VALUE, shutil.which("tool") is not None
"""


def archive(**files: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as opened:
        for name, text in files.items():
            entry = zipfile.ZipInfo(name.replace("__", "/"))
            entry.external_attr = 0o100755 << 16
            opened.writestr(entry, text)
    return packed.getvalue()


def publish(functions: Any, name: str, value: int, **more: Any) -> Any:
    content = archive(**{"python__shared.py": f"VALUE = {value}", "bin__tool": "#!/bin/sh\n"})
    return functions.publish_layer_version(LayerName=name, Content={"ZipFile": content}, **more)


def answer(functions: Any, name: str, **more: Any) -> Any:
    return json.loads(functions.invoke(FunctionName=name, **more)["Payload"].read())


def test_the_policy_of_a_layers_version_is_kept(functions: Any, name: str) -> None:
    arn = publish(functions, name, 1)["LayerVersionArn"]
    version = {"LayerName": name, "VersionNumber": 1}
    with pytest.raises(ClientError, match="No policy is associated with the given resource"):
        functions.get_layer_version_policy(**version)
    statement = {"StatementId": "s1", "Action": "lambda:GetLayerVersion", "Principal": "*"}
    first = functions.add_layer_version_permission(
        **version, **statement, OrganizationId="o-1234567890"
    )
    with pytest.raises(ClientError, match=r"statement id \(s1\) provided already exists"):
        functions.add_layer_version_permission(**version, **statement)
    other = {**statement, "StatementId": "s2", "Principal": "210987654321"}
    with pytest.raises(ClientError, match=r"PreconditionFailedException.*GetLayerPolicy"):
        functions.add_layer_version_permission(**version, **other, RevisionId="another")
    second = functions.add_layer_version_permission(
        **version, **other, RevisionId=first["RevisionId"]
    )
    found = functions.get_layer_version_policy(**version)
    assert found["RevisionId"] == second["RevisionId"]
    one, two = json.loads(found["Policy"])["Statement"]
    assert one == {
        "Sid": "s1",
        "Effect": "Allow",
        "Principal": "*",
        "Action": "lambda:GetLayerVersion",
        "Resource": arn,
        "Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-1234567890"}},
    }
    assert two["Principal"] == {"AWS": "arn:aws:iam::210987654321:root"}
    with pytest.raises(ClientError, match="Statement s3 is not found in resource policy"):
        functions.remove_layer_version_permission(**version, StatementId="s3")
    functions.remove_layer_version_permission(**version, StatementId="s1")
    left = json.loads(functions.get_layer_version_policy(**version)["Policy"])["Statement"]
    assert [each["Sid"] for each in left] == ["s2"]
    functions.delete_layer_version(**version)
    with pytest.raises(ClientError, match=f"Layer version {arn} does not exist"):
        functions.get_layer_version_policy(**version)


def test_function_finds_what_its_layers_hold(functions: Any, name: str) -> None:
    first = publish(functions, name, 1, Description="one", CompatibleRuntimes=["python3.12"])
    assert (first["Version"], first["Description"]) == (1, "one")
    other = publish(functions, f"{name}-other", 2)
    made = functions.create_function(
        **function_request(name, SOURCE), Layers=[first["LayerVersionArn"]], Publish=True
    )
    assert made["Layers"] == [
        {"Arn": first["LayerVersionArn"], "CodeSize": first["Content"]["CodeSize"]}
    ]
    run = answer(functions, name)
    assert run[0] == 1
    functions.update_function_configuration(
        FunctionName=name, Layers=[first["LayerVersionArn"], other["LayerVersionArn"]]
    )
    assert answer(functions, name)[0] == 2  # the last one is unpacked over the others
    functions.delete_layer_version(LayerName=name, VersionNumber=1)
    assert answer(functions, name, Qualifier="1")[0] == 1  # it goes on
    functions.update_function_configuration(FunctionName=name, Layers=[])
    assert answer(functions, name)["errorType"] == "Runtime.ImportModuleError"
    with pytest.raises(ClientError, match="does not exist"):
        functions.update_function_configuration(
            FunctionName=name, Layers=[first["LayerVersionArn"]]
        )


def test_versions_of_layers_are_listed_read_and_deleted(functions: Any, name: str) -> None:
    for value in (1, 2, 3):
        publish(functions, name, value, CompatibleRuntimes=[f"python3.1{value}"])
    pages = functions.get_paginator("list_layer_versions").paginate(
        LayerName=name, PaginationConfig={"PageSize": 2}
    )
    assert [each["Version"] for page in pages for each in page["LayerVersions"]] == [3, 2, 1]
    found = functions.get_layer_version(LayerName=name, VersionNumber=2)
    with urllib.request.urlopen(found["Content"]["Location"]) as response:
        assert zipfile.ZipFile(io.BytesIO(response.read())).read("python/shared.py") == b"VALUE = 2"
    same = functions.get_layer_version_by_arn(Arn=found["LayerVersionArn"])
    assert same["Content"]["CodeSha256"] == found["Content"]["CodeSha256"]

    def latest(**more: Any) -> list[int]:
        listed = functions.get_paginator("list_layers").paginate(**more)
        return [
            each["LatestMatchingVersion"]["Version"]
            for page in listed
            for each in page["Layers"]
            if each["LayerName"] == name
        ]

    assert latest() == [3]
    assert latest(CompatibleRuntime="python3.11") == [1]
    functions.delete_layer_version(LayerName=name, VersionNumber=3)
    functions.delete_layer_version(LayerName=name, VersionNumber=3)  # as on AWS
    assert latest() == [2]
    with pytest.raises(ClientError, match="The resource you requested does not exist"):
        functions.get_layer_version(LayerName=name, VersionNumber=3)
    assert publish(functions, name, 4)["Version"] == 4


def test_wrong_layers_are_refused(functions: Any, function: str, name: str) -> None:
    with pytest.raises(ClientError, match=r"InvalidParameterValueException.*unzip"):
        functions.publish_layer_version(LayerName=name, Content={"ZipFile": b"no zip"})
    with pytest.raises(ClientError, match="Please provide a source"):
        functions.publish_layer_version(LayerName=name, Content={})
    arns = [publish(functions, name, value)["LayerVersionArn"] for value in (1, 2)]
    for layers, message in (
        (arns, "Two different versions of the same layer"),
        ([arns[0]] * 6, "at most 5 layers"),
        (["arn:aws:lambda:us-east-1:336392948345:layer:SDK:12"], "publish it here"),
    ):
        with pytest.raises(ClientError, match=message):
            functions.update_function_configuration(FunctionName=function, Layers=layers)
