"""Requests that no service could fulfil are refused, with the reason."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError
from emulator_process import Emulator

GROUP = "arn:aws:sagemaker:us-east-1:123456789012:model-package-group/x"
DOMAIN = {
    "DomainName": "x",
    "AuthMode": "IAM",
    "DefaultUserSettings": {"ExecutionRole": "arn:aws:iam::123456789012:role/studio"},
}


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda c: c.describe_model(ModelName="no spaces"), r"regular expression pattern"),
        (
            lambda c: c.add_tags(ResourceArn=GROUP, Tags=[{"Key": "a", "Value": "Größe: 3 (neu)"}]),
            r"Value 'Größe: 3 \(neu\)' at 'tags.1.member.value' .* regular expression pattern",
        ),
        (
            lambda c: c.create_model_package(CustomerMetadataProperties={"source": "s3://b/*"}),
            r"'\{source=s3://b/\*\}' at 'customerMetadataProperties' .*: Map value must",
        ),
        (lambda c: c.list_models(SortBy="Colour"), r"enum value set: \[Name, CreationTime\]"),
        (lambda c: c.list_models(MaxResults=1000), r"less than or equal to 100"),
        (lambda c: c.list_models(NextToken="xx"), r"Invalid pagination token because"),
        (lambda c: c.create_domain(**DOMAIN), r"does not run sagemaker CreateDomain. It runs: Add"),
    ],
    ids=["pattern", "letters", "letters and length", "enum", "range", "token", "unknown"],
)
def test_wrong_requests_are_refused_by_name(emulator: Emulator, call: Any, message: str) -> None:
    with pytest.raises(ClientError, match=message) as caught:
        call(emulator.client("sagemaker"))
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400


@pytest.mark.parametrize(
    "body, code",
    [
        (b"no json", "SerializationException"),
        (b"[]", "SerializationException"),
        (b"{}", "ValidationException"),
        (b'{"ModelName": 3}', "SerializationException"),
        (b'{"ModelName": "x", "Other": 1}', "ValidationException"),
        (b"[" * 100_000, "SerializationException"),
        (b'{"ModelName": ' + b"[" * 500 + b"]" * 500 + b"}", "SerializationException"),
        (b'{"ModelName": NaN}', "SerializationException"),
        (b'{"ModelName": -Infinity}', "SerializationException"),
        (b'{"ModelName": 1e400}', "SerializationException"),
        (b'{"ModelName": ' + b"9" * 5000 + b"}", "SerializationException"),
        (b"\xff\xfe", "SerializationException"),
    ],
)
def test_bad_bodies_are_refused(emulator: Emulator, body: Any, code: Any) -> None:
    status, _, answer = emulator.send(
        body=body, headers={"X-Amz-Target": "SageMaker.DescribeModel"}
    )
    assert status == 400
    assert json.loads(answer)["__type"] == code
