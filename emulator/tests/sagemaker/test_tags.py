"""Tags: which are refused, and that nothing is left of what is refused with them."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fuzz import NAMES, RIGHT
from local_context import local_context

from sagemaker_emulator.aws import dispatch
from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.errors import ApiError

MODEL = "arn:aws:sagemaker:us-east-1:123456789012:model/a"
# CreateModelPackage is tested by itself: a version can have no tags at all.
CREATE = sorted(name for name in RIGHT if name.startswith("Create") and name in NAMES)


def right(operation: str, name: str) -> dict[str, Any]:
    request = {**RIGHT[operation], NAMES[operation]: name}
    if "ClientRequestToken" in request:
        request["ClientRequestToken"] = uuid.uuid4().hex
    return request


@pytest.fixture
def context(tmp_path: Path) -> Iterator[Context]:
    """A context with an object, a model `a` and an endpoint configuration `a` of it."""
    context = local_context(tmp_path / "state")
    bucket = context.state / "s3/bucket"
    bucket.mkdir(parents=True)
    (bucket / "a").write_text("x")
    for operation in ("CreateModel", "CreateEndpointConfig"):
        context.call(operation, **right(operation, "a"))
    yield context
    context.executions.stop()


@pytest.mark.parametrize("operation", CREATE)
@pytest.mark.parametrize(
    ("tags", "message"),
    [
        ({"aws:x": "1"}, "aws: is reserved"),
        ({"AWS:x": "1"}, "aws: is reserved"),
        ({"a": "1", "A": "2"}, "Duplicate tag keys found"),
    ],
)
def test_create_that_is_refused_for_its_tags_leaves_nothing(
    context: Context, operation: str, tags: dict[str, str], message: str
) -> None:
    request = right(operation, "new")
    request["Tags"] = [{"Key": key, "Value": value} for key, value in tags.items()]
    with pytest.raises(ApiError, match=message):
        context.call(operation, **request)
    kind = {
        "CreateHyperParameterTuningJob": "hyper-parameter-tuning-job",
        "CreateModelPackageGroup": "model-package-group",
        "CreateEndpointConfig": "endpoint-config",
        "CreateProcessingJob": "processing-job",
        "CreateTrainingJob": "training-job",
        "CreateTransformJob": "transform-job",
    }.get(operation, operation.removeprefix("Create").lower())
    assert context.store.get(kind, "new") is None
    assert context.store.list("tags") == []


def test_tags_are_those_of_a_resource_that_exists(context: Context) -> None:
    context.call("AddTags", ResourceArn=MODEL, Tags=[{"Key": "a", "Value": "1"}])
    context.call("DeleteModel", ModelName="a")
    with pytest.raises(ApiError, match="does not exist"):
        context.call("AddTags", ResourceArn=MODEL, Tags=[{"Key": "a", "Value": "1"}])
    context.call("CreateModel", **right("CreateModel", "a"))
    assert context.call("ListTags", ResourceArn=MODEL)["Tags"] == []


@pytest.mark.parametrize(
    ("service", "operation", "request_"),
    [
        (
            "lambda",
            "TagResource",
            {"Resource": "arn:aws:lambda:us-east-1:123456789012:function:f", "Tags": {"aws:": ""}},
        ),
        ("events", "PutRule", {"Name": "r", "Tags": [{"Key": "aws:x", "Value": ""}]}),
        (
            "events",
            "TagResource",
            {
                "ResourceARN": "arn:aws:events:us-east-1:123456789012:rule/r",
                "Tags": [{"Key": "aws:x", "Value": ""}],
            },
        ),
        ("logs", "CreateLogGroup", {"logGroupName": "g", "tags": {"aws:x": ""}}),
        (
            "logs",
            "TagResource",
            {
                "resourceArn": "arn:aws:logs:us-east-1:123456789012:log-group:g",
                "tags": {"aws:x": ""},
            },
        ),
    ],
)
def test_key_of_aws_is_refused_by_every_service(
    context: Context, service: str, operation: str, request_: dict[str, Any]
) -> None:
    if operation == "PutRule":
        request_ = {**request_, "EventPattern": '{"source": ["a"]}'}
    with pytest.raises(ApiError, match="aws: is reserved"):
        dispatch.call(context, service, operation, request_)
