"""Requests that change the same thing at the same time: nothing is lost or made twice."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, TypeVar

import pytest
from function_archive import function_request
from local_context import local_context
from pipeline_steps import ROLE, definition, fail

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.errors import ApiError
from sagemaker_emulator.sagemaker.pipelines import execution_operations
from sagemaker_emulator.sagemaker.pipelines import operations as pipelines
from sagemaker_emulator.services.events import rule_targets, rules
from sagemaker_emulator.services.functions import code
from sagemaker_emulator.services.functions import operations as functions

if TYPE_CHECKING:
    from types_boto3_events.type_defs import PutRuleRequestTypeDef, TargetUnionTypeDef

REQUESTS = 8
MOST_TARGETS = 5  # of a rule
TEXT = definition(fail("A"))
T = TypeVar("T")


@pytest.fixture
def context(tmp_path: Path) -> Iterator[Context]:
    made = local_context(tmp_path)
    yield made
    made.executions.stop()


def send_at_once(send: Callable[[int], T]) -> list[T | str]:
    """What each request returned, or the code of the ApiError that refused it."""

    def one(number: int) -> T | str:
        try:
            return send(number)
        except ApiError as error:
            return error.code

    with ThreadPoolExecutor(REQUESTS) as pool:
        return list(pool.map(one, range(REQUESTS)))


def wait_in(monkeypatch: pytest.MonkeyPatch, module: ModuleType, function: str) -> None:
    """Have all requests wait for each other in a function between their read and their write."""
    barrier, plain = threading.Barrier(REQUESTS), getattr(module, function)

    def waiting(*arguments: Any) -> Any:
        result = plain(*arguments)
        barrier.wait(10)
        return result

    monkeypatch.setattr(module, function, waiting)


def create(context: Context, number: int = 0) -> str:
    response = context.call(
        "CreatePipeline",
        PipelineName="p",
        PipelineDefinition=TEXT,
        ClientRequestToken=f"{number:032d}",
        RoleArn=ROLE,
    )
    return str(response["PipelineArn"])


def test_one_of_many_requests_creates_the_pipeline(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    wait_in(monkeypatch, pipelines, "check_definition")
    results = send_at_once(lambda number: create(context, number))
    assert sorted(results)[:-1] == ["ValidationException"] * (REQUESTS - 1)


def test_each_other_definition_of_a_pipeline_is_a_version(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    create(context)
    wait_in(monkeypatch, pipelines, "check_definition")

    def update(number: int) -> int:
        text = TEXT + (1 + number) * " "
        response = context.call("UpdatePipeline", PipelineName="p", PipelineDefinition=text)
        return int(response["PipelineVersionId"])

    assert sorted(map(int, send_at_once(update))) == list(range(2, REQUESTS + 2))


def test_one_token_starts_one_execution(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    create(context)
    wait_in(monkeypatch, execution_operations, "check_definition")
    request = {"PipelineName": "p", "ClientRequestToken": uuid.uuid4().hex}

    def start(number: int) -> str:
        return str(context.call("StartPipelineExecution", **request)["PipelineExecutionArn"])

    assert len(set(send_at_once(start))) == 1
    listed = context.call("ListPipelineExecutions", PipelineName="p")
    assert len(listed["PipelineExecutionSummaries"]) == 1


def create_function(context: Context, _number: int = 0) -> str:
    return str(functions.create_function(context, function_request("f"))["FunctionName"])


def test_one_of_many_requests_creates_the_function(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    wait_in(monkeypatch, code, "read_archive")
    results = send_at_once(lambda number: create_function(context, number))
    assert sorted(results) == ["ResourceConflictException"] * (REQUESTS - 1) + ["f"]


def test_update_of_a_rule_keeps_targets_added_at_the_same_time(context: Context) -> None:
    rule: PutRuleRequestTypeDef = {"Name": "r", "EventPattern": '{"source": ["mine"]}'}
    rules.put_rule(context, rule)
    arn = "arn:aws:lambda:us-east-1:123456789012:function:f"

    def update(number: int) -> None:
        for turn in range(20):
            rules.put_rule(context, rule)
            name = str(number % MOST_TARGETS)
            target: TargetUnionTypeDef = {"Id": name, "Arn": arn, "Input": str(turn)}
            rule_targets.put_targets(context, {"Rule": "r", "Targets": [target]})

    send_at_once(update)
    kept = context.store.get("rule", "r")
    assert kept is not None
    assert {target["Id"] for target in kept["Targets"]} == set(map(str, range(MOST_TARGETS)))
