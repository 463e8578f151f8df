"""Every operation of botocore's model is itself or refused by its own name."""

import re
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import botocore.session
import pytest
from botocore.model import OperationModel
from botocore.serialize import create_serializer

import sagemaker_emulator.s3.application  # noqa: F401 - registers the operations
from sagemaker_emulator.s3 import routes
from sagemaker_emulator.s3.faults import S3Fault
from sagemaker_emulator.s3.requests import Request, split_path, split_query

MODEL = botocore.session.get_session().get_service_model("s3")
# On the wire one is the other: the older name of the same operation.
SAME = {
    "GetBucketLifecycle": "GetBucketLifecycleConfiguration",
    "PutBucketLifecycle": "PutBucketLifecycleConfiguration",
    "GetBucketNotification": "GetBucketNotificationConfiguration",
    "PutBucketNotification": "PutBucketNotificationConfiguration",
    "ListDirectoryBuckets": "ListBuckets",  # it differs by its host, which is not this one
}
REFUSED = {
    *("CreateSession", "GetBucketPolicyStatus", "GetObjectTorrent", "RenameObject"),
    *("RestoreObject", "SelectObjectContent", "UpdateObjectEncryption", "WriteGetObjectResponse"),
    *("PutBucketAccelerateConfiguration", "PutBucketLogging", "PutBucketRequestPayment"),
    *("PutObjectLockConfiguration", "PutBucketReplication", "DeleteBucketReplication"),
    *("PutBucketWebsite", "DeleteBucketWebsite"),
}
REFUSED_KINDS = re.compile(
    "Annotation|Metadata|Analytics|IntelligentTiering|Inventory|Metrics|Abac|LegalHold|Retention"
)
# Headers that change nothing on S3 either, where there are no bills, locks, archives or services.
NO_EFFECT = {
    *("x-amz-date", "x-amz-security-token", "x-amz-user-agent", "x-amz-request-payer"),
    *("x-amz-bypass-governance-retention", "x-amz-confirm-remove-self-bucket-access"),
    *("x-amz-skip-destination-validation", "x-amz-optional-object-attributes"),
    "x-amz-sdk-checksum-algorithm",  # names the header that has the checksum
}


def value(shape: Any) -> Any:
    """A value of a shape with its required members."""
    if shape.type_name == "structure":
        required = shape.required_members
        return {name: value(shape.members[name]) for name in required}
    if shape.type_name == "list":
        return [value(shape.member)]
    if shape.type_name == "map":
        return {}
    plain: dict[str, Any] = {"boolean": True, "integer": 1, "long": 1, "timestamp": 0, "blob": b"x"}
    enum = getattr(shape, "enum", None)
    return plain.get(shape.type_name, enum[0] if enum else "x")


def request_of(operation: OperationModel, **members: Any) -> Request:
    """A request as botocore writes it."""
    parameters = value(operation.input_shape) if operation.input_shape else {}
    for name, known in (("Bucket", "bucket"), ("Key", "key"), ("CopySource", "bucket/source")):
        if name in parameters:
            parameters[name] = known
    serializer = create_serializer("rest-xml", include_validation=False)
    wire: Any = serializer.serialize_to_request(parameters | members, operation)
    path, _, query = wire["url_path"].partition("?")
    bucket, key = split_path(path, "")
    arguments = split_query("&".join(filter(None, (query, urlencode(wire["query_string"])))))
    headers = {name.lower(): str(value) for name, value in wire["headers"].items()}
    return Request(wire["method"], bucket, key, arguments, headers)


@pytest.mark.parametrize("name", MODEL.operation_names)
def test_operation_is_carried_out_or_refused_by_its_name(name: str) -> None:
    request = request_of(MODEL.operation_model(name))
    request.operation = routes.operation_of(request)
    assert request.operation == SAME.get(name, name)
    if name in REFUSED or REFUSED_KINDS.search(name):
        with pytest.raises(S3Fault, match=name) as refused:
            routes.check_members(request)
        assert (refused.value.code, refused.value.status) == ("NotImplemented", 501)
    else:
        assert request.operation in routes.handlers


@pytest.mark.parametrize("name", sorted(routes.handlers.keys() - {"PostObject"}))
def test_members_of_the_query_are_acted_on(name: str) -> None:
    operation = MODEL.operation_model(name)
    for member in operation.input_shape.members.values() if operation.input_shape else ():
        argument = member.serialization.get("name", "")
        if member.serialization.get("location") != "querystring":
            continue
        request = request_of(operation)
        request.query.setdefault(argument, "x")
        request.operation = routes.operation_of(request)
        assert request.operation == name
        routes.check_members(request)
        assert argument.startswith("response-") or is_read(argument)


def test_headers_are_acted_on_or_refused() -> None:
    headers = {
        member.serialization.get("name", "").lower()
        for name in routes.handlers.keys() - {"PostObject"}
        if (shape := MODEL.operation_model(name).input_shape)
        for member in shape.members.values()
        if member.serialization.get("location") == "header"
    }
    own = {header for header in headers if header.startswith("x-amz-")}
    for header in own & routes.HEADERS - NO_EFFECT:
        assert is_read(header), header
    for header in headers - own:
        assert is_read(header), header
    for header in own - routes.HEADERS:
        request = Request("PUT", "bucket", "key", {}, {header: "x"}, "PutObject")
        with pytest.raises(S3Fault, match=f"The header {header}"):
            routes.check_members(request)


def is_read(name: str) -> bool:
    """Whether code other than the table of names has it, or what it begins with."""
    folder = Path(routes.__file__).parent
    code = "".join(f.read_text() for f in folder.glob("*.py") if f.name != "routes.py")
    begins = ("x-amz-checksum-", "x-amz-copy-source-if-")
    return f'"{name}"' in code or any(name.startswith(b) and f'"{b[:17]}' in code for b in begins)


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [
        ("POST", "/bucket/key?acl", "MethodNotAllowed"),
        ("DELETE", "/bucket?location", "MethodNotAllowed"),
        ("PUT", "/bucket?delete", "MethodNotAllowed"),
        ("PATCH", "/bucket/key", "MethodNotAllowed"),
        ("POST", "/bucket/key", "MethodNotAllowed"),
        ("PUT", "/", "MethodNotAllowed"),
        ("PUT", "/bucket/key?acl&tagging", "InvalidArgument"),
        ("PUT", "/bucket/key?newSubResource", "NotImplemented"),
        ("DELETE", "/bucket?newSubResource", "NotImplemented"),
        ("GET", "/bucket/key?uploads&versionId=null", "MethodNotAllowed"),
    ],
)
def test_request_for_no_operation_is_refused(method: str, path: str, code: str) -> None:
    name, _, query = path.partition("?")
    request = Request(method, *split_path(name, ""), split_query(query), {})
    with pytest.raises(S3Fault) as refused:
        request.operation = routes.operation_of(request)
        routes.check_members(request)
    assert refused.value.code == code
