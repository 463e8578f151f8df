"""Random requests by botocore's shapes: whatever they hold, a fault is the request's own."""

import base64
import json
import random
from pathlib import Path
from typing import Any

import pytest
from botocore.model import ListShape, MapShape, Shape, StructureShape
from function_archive import archive, function_request
from local_context import local_context

from sagemaker_emulator.aws import dispatch
from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.aws.dispatch import operations, service_model
from sagemaker_emulator.errors import ApiError

REQUESTS = 600  # for each service
PATTERNS = ('{"source": ["mine"]}', '{"a": [{"wildcard": "*a*"}], "$or": [{"b": [1]}]}', "{")
TEXTS = (
    *("", "x", "f", "g", "s", "r", "f:1", "$LATEST", "1", "²", "..", ".", "a/b", "x" * 300),
    *("\0", "\ud800", "é" * 200, "%s", "s3://[x", "arn:aws:lambda:::function:f", "arn:::"),
    *("arn:aws:sqs:us-east-1:123456789012:q", "arn:aws:logs:us-east-1:123456789012:log-group:g"),
    *("arn:aws:events:us-east-1:123456789012:rule/r", "python3.11", "a.b", "f/1", "b/0/s"),
    *("rate(5 minutes)", "cron(0 10 ? * 6#5 *)", "cron(0/0 * L * ? *)", "at(2026-01-01T00:00:00)"),
    *("Europe/Berlin", "arn:aws:iam::123456789012:role/r", "arn:aws:scheduler:::aws-sdk:sqs:x"),
    *("[" * 2000, '{"a": NaN}', "1e400", "9" * 5000, '"\\ud800"', "-?x", '"', "default"),
    *("endpoint/e/variant/v", "endpoint/e/variant/w", "endpoint/../variant/v"),
    *PATTERNS,
)
# Of an enum with one of them, it is taken mostly: the others are refused at once.
USUAL = {
    *("sagemaker", "sagemaker:variant:DesiredInstanceCount", "TargetTrackingScaling"),
    "SageMakerVariantInvocationsPerInstance",
}
NUMBERS = (0, 1, -1, 3, 50, 10**4, 2**31, 2**63, 10**18, 10**400, 1.5, float("nan"), float("inf"))


class Generator:
    """Values of shapes, from a seed."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def value(self, shape: Shape, depth: int = 0) -> Any:
        choose = self.random.choice
        if self.random.random() < 0.03:  # of any type
            return choose((None, True, 5, "x", [], {}, [[]], {"a": {"b": 1}}, float("nan")))
        if isinstance(shape, StructureShape):
            required = shape.metadata.get("required", ())
            return {
                name: self.value(member, depth + 1)
                for name, member in shape.members.items()
                if self.random.random() < (0.97 if name in required else 0.25 / (1 + depth))
            }
        if isinstance(shape, ListShape):
            return [self.value(shape.member, depth + 1) for _ in range(choose((0, 1, 1, 2, 6)))]
        if isinstance(shape, MapShape):
            return {str(choose(TEXTS)): self.value(shape.value, depth + 1) for _ in range(2)}
        if enum := shape.metadata.get("enum"):
            if (usual := USUAL.intersection(enum)) and self.random.random() < 0.9:
                return min(usual)
            return choose((*enum, *enum, "x"))
        match shape.type_name:
            case "string":
                return choose(TEXTS)
            case "boolean":
                return choose((True, False))
            case "blob":
                return choose((b"", b"x", base64.b64encode(archive()), archive(), b"\xff"))
            case _:
                return choose(NUMBERS)


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> Context:
    """A context with a function, a rule, a log group and a stream in it."""
    state = tmp_path_factory.mktemp("fuzz") / "state"
    state.mkdir()
    made = local_context(state)
    call(
        made,
        "lambda",
        "CreateFunction",
        **function_request("f", "def handler(event, context): pass"),
    )
    call(made, "events", "PutRule", Name="r", EventPattern=PATTERNS[0])
    endpoint = {
        **{"EndpointName": "e", "EndpointStatus": "InService", "EndpointConfigName": "c"},
        **{"EndpointArn": made.arn("endpoint", "e"), "CreationTime": 1, "LastModifiedTime": 1},
        "Config": {"EndpointConfigName": "c", "ProductionVariants": []},
        "ProductionVariants": [{"VariantName": "v", "CurrentInstanceCount": 1}],
    }
    made.store.put("endpoint", "e", endpoint)
    call(made, "logs", "CreateLogGroup", logGroupName="g")
    call(made, "logs", "CreateLogStream", logGroupName="g", logStreamName="s")
    return made


def call(context: Context, service: str, name: str, **request: Any) -> Any:
    return dispatch.call(context, service, name, request)


# What would start threads or processes that outlive the test.
LEFT_OUT = {"Invoke"}


@pytest.mark.parametrize(
    "service", ["lambda", "events", "logs", "cloudwatch", "scheduler", "application-autoscaling"]
)
def test_no_request_is_a_fault_of_the_emulator(context: Context, service: str) -> None:
    generator = Generator(20_261_130)
    names = sorted(name for owner, name in operations if owner == service and name not in LEFT_OUT)
    done = 0
    for number in range(REQUESTS):
        name = names[number % len(names)]
        shape = service_model(service).operation_model(name).input_shape
        assert shape is not None
        request = generator.value(shape)
        if not isinstance(request, dict):
            continue
        try:
            response = dispatch.call(context, service, name, request)
        except ApiError as problem:
            assert problem.status < 500, (name, request)
        except Exception as problem:
            raise AssertionError(f"{name} {request}") from problem
        else:
            json.dumps(response, allow_nan=False)
            done += 1
    assert done > REQUESTS / 50  # not all are refused
    assert Path(context.state, "emulator.db").exists()
    assert {each.name for each in context.state.parent.iterdir()} == {context.state.name}
