"""Faults of the services that moto runs: the request's own, in the protocol of the request."""

import json
import logging
import time
from typing import Any
from urllib.parse import urlencode
from xml.etree import ElementTree

import pytest
from local_context import local_context

from sagemaker_emulator.aws import dispatch
from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.aws.dispatch import HttpResponse
from sagemaker_emulator.aws.error_response import error_response, protocol_of
from sagemaker_emulator.aws.signed_request import SignedRequest
from sagemaker_emulator.errors import ApiError
from sagemaker_emulator.services import moto_fallback
from sagemaker_emulator.services.moto_fallback import MotoFallback


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> Context:
    return local_context(tmp_path_factory.mktemp("moto"))


@pytest.fixture(scope="module")
def moto(context: Context) -> MotoFallback:
    return MotoFallback(context)


def ask(
    moto: MotoFallback, service: str, headers: dict[str, str], body: bytes = b""
) -> HttpResponse:
    scope = f"key/20261130/us-east-1/{service}/aws4_request"
    signed = {"authorization": f"AWS4-HMAC-SHA256 Credential={scope}, Signature=x"}
    try:
        return moto.respond(service, "POST", "http://127.0.0.1:1/", signed | headers, body)
    except ApiError as problem:  # as the server words it
        request = SignedRequest("POST", "/", "", list(headers.items()), service)
        return error_response(problem, protocol_of(request, service))


def ask_sqs(moto: MotoFallback, operation: str, body: bytes) -> HttpResponse:
    target = {"x-amz-target": f"AmazonSQS.{operation}"}
    return ask(moto, "sqs", target | {"content-type": "application/x-amz-json-1.0"}, body)


def ask_query(moto: MotoFallback, service: str, **form: Any) -> tuple[int, str, str]:
    """The status, code and message of the response to a request of the query protocol."""
    kind = {"content-type": "application/x-www-form-urlencoded; charset=utf-8"}
    answer = ask(moto, service, kind, urlencode(form).encode())
    tree = ElementTree.fromstring(answer.body)
    texts = {each.tag.rpartition("}")[2]: each.text or "" for each in tree.iter()}
    return answer.status, texts.get("Code", ""), texts.get("Message", "")


@pytest.mark.parametrize(
    "body",
    [b"{", b"[]", b"5", b"\xff", b"[" * 100_000, b'{"QueueName": NaN}', b'{"a": 1e999}'],
    ids=["torn", "list", "number", "no-text", "deep", "nan", "infinite"],
)
@pytest.mark.parametrize("operation", ["CreateQueue", "ReceiveMessage", "ListQueues"])
def test_body_that_is_no_json_object_is_refused(
    moto: MotoFallback, operation: str, body: bytes
) -> None:
    answer = ask_sqs(moto, operation, body)
    assert answer.status == 400
    assert json.loads(answer.body)["__type"] == "SerializationException"


@pytest.mark.parametrize(
    "operation, body, code",
    [
        ("CreateQueue", {}, "ValidationException"),
        ("CreateQueue", {"QueueName": 5}, "SerializationException"),
        ("ReceiveMessage", {"QueueUrl": "x", "WaitTimeSeconds": "x"}, "SerializationException"),
        ("NoSuch", {}, "UnknownOperationException"),
    ],
    ids=["missing", "type", "wait", "operation"],
)
def test_what_moto_stumbles_over_is_checked_by_the_model(
    moto: MotoFallback, operation: str, body: Any, code: str
) -> None:
    answer = ask_sqs(moto, operation, json.dumps(body).encode())
    assert answer.status == 400
    assert code in json.loads(answer.body)["__type"]


def test_wait_beyond_the_limit_is_refused_at_once(moto: MotoFallback) -> None:
    made = ask_sqs(moto, "CreateQueue", b'{"QueueName": "waits"}')
    url = json.loads(made.body)["QueueUrl"]
    began = time.monotonic()
    for seconds in (-5, 21, 10**9):
        answer = ask_sqs(
            moto,
            "ReceiveMessage",
            json.dumps({"QueueUrl": url, "WaitTimeSeconds": seconds}).encode(),
        )
        assert answer.status == 400
    assert time.monotonic() - began < 20


def test_fault_of_a_query_service_is_xml(moto: MotoFallback) -> None:
    assert ask_query(moto, "iam", Action="NoSuch")[:2] == (400, "InvalidAction")
    assert ask_query(moto, "scheduler", Action="x")[:2] == (400, "UnknownOperationException")
    status, code, message = ask_query(moto, "iam", Action="GetRole", RoleName="none")
    assert (status, code) == (404, "NoSuchEntity")
    assert "none" in message


def test_service_whose_package_is_missing_is_refused_with_its_name(
    moto: MotoFallback, monkeypatch: pytest.MonkeyPatch
) -> None:
    def miss(*_: Any) -> None:
        raise ModuleNotFoundError("No module named 'aws_xray_sdk'", name="aws_xray_sdk")

    monkeypatch.setattr(moto_fallback, "_ask", miss)
    status, code, message = ask_query(moto, "iam", Action="ListRoles")
    assert (status, code) == (400, "UnknownOperationException")
    assert "aws_xray_sdk is installed: pip install" in message


def test_fault_of_moto_itself_stays_in_the_log(
    moto: MotoFallback, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: Any) -> None:
        raise KeyError("a bug")

    monkeypatch.setattr(moto_fallback, "_ask", fail)
    with caplog.at_level(logging.ERROR):
        assert ask_query(moto, "iam", Action="ListRoles")[:2] == (500, "InternalFailure")
    assert "KeyError: 'a bug'" in caplog.text
    cbor = {"content-type": "application/cbor", "smithy-protocol": "rpc-v2-cbor"}
    answer = ask(moto, "monitoring", cbor)
    assert answer.status == 500
    assert answer.body.startswith(b"\xa2\x7a\x00\x00\x00\x06__type\x7a\x00\x00\x00\x0fInternalF")


def test_tags_of_all_services_are_found(context: Context, moto: MotoFallback) -> None:
    tags = [{"Key": "project", "Value": "p"}]
    group = context.call("CreateModelPackageGroup", ModelPackageGroupName="g", Tags=tags)
    pattern = '{"source": ["mine"]}'
    rule = {"Name": "r", "EventPattern": pattern, "Tags": tags}
    rule_arn = dispatch.call(context, "events", "PutRule", rule)["RuleArn"]
    logs = {"logGroupName": "g", "tags": {"project": "p"}}
    dispatch.call(context, "logs", "CreateLogGroup", logs)
    ask_sqs(moto, "CreateQueue", b'{"QueueName": "tagged", "tags": {"project": "p"}}')

    def arns(**request: Any) -> set[str]:
        target = {"x-amz-target": "ResourceGroupsTaggingAPI_20170126.GetResources"}
        kind = {"content-type": "application/x-amz-json-1.1"}
        answer = ask(moto, "tagging", target | kind, json.dumps(request).encode())
        found = json.loads(answer.body)["ResourceTagMappingList"]
        assert all(each["Tags"] == tags for each in found)
        return {each["ResourceARN"] for each in found}

    prefix = "arn:aws:{}:us-east-1:123456789012:{}"
    assert arns(TagFilters=[{"Key": "project", "Values": ["p"]}]) == {
        *(group["ModelPackageGroupArn"], rule_arn, prefix.format("logs", "log-group:g")),
        prefix.format("sqs", "tagged"),
    }
    one = arns(ResourceTypeFilters=["sagemaker:model-package-group"])
    assert one == {group["ModelPackageGroupArn"]}
