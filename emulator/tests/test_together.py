"""Many who change the same thing at the same time: nothing is lost and nothing is made twice."""

import json
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
from local_context import local_context
from pipeline_steps import ROLE, fail

from sagemaker_emulator.errors import ApiError
from sagemaker_emulator.sagemaker.pipelines import execution_operations
from sagemaker_emulator.sagemaker.pipelines import operations as pipelines
from sagemaker_emulator.services.events import operations as events
from sagemaker_emulator.services.functions import operations as functions

MANY = 8
TEXT = json.dumps({"Version": "2020-12-01", "Steps": [fail("A")]})


@pytest.fixture
def context(tmp_path):
    made = local_context(tmp_path)
    yield made
    made.executions.stop()


def together(act):
    """What each of many got, an ApiError's code where it was refused."""

    def one(number):
        try:
            return act(number)
        except ApiError as problem:
            return problem.code

    with ThreadPoolExecutor(MANY) as pool:
        return list(pool.map(one, range(MANY)))


def meet(monkeypatch, module, name):
    """Let all wait for each other in a function that they call between a read and a write."""
    barrier, plain = threading.Barrier(MANY), getattr(module, name)

    def waiting(*arguments):
        found = plain(*arguments)
        barrier.wait(10)
        return found

    monkeypatch.setattr(module, name, waiting)


def create(context, number=0):
    return context.call(
        "CreatePipeline",
        PipelineName="p",
        PipelineDefinition=TEXT,
        ClientRequestToken=f"{number:032d}",
        RoleArn=ROLE,
    )["PipelineArn"]


def test_one_of_many_makes_the_pipeline(context, monkeypatch):
    meet(monkeypatch, pipelines, "checked")
    got = together(lambda number: create(context, number))
    assert sorted(got)[:-1] == ["ValidationException"] * (MANY - 1)


def test_each_change_of_a_pipeline_is_a_version(context, monkeypatch):
    create(context)
    meet(monkeypatch, pipelines, "checked")
    got = together(
        lambda _: context.call("UpdatePipeline", PipelineName="p", PipelineDefinition=TEXT)
    )
    assert sorted(each["PipelineVersionId"] for each in got) == list(range(2, MANY + 2))


def test_a_token_starts_one_execution(context, monkeypatch):
    create(context)
    meet(monkeypatch, execution_operations, "checked")
    token = uuid.uuid4().hex
    got = together(
        lambda _: context.call("StartPipelineExecution", PipelineName="p", ClientRequestToken=token)
    )
    assert len({each["PipelineExecutionArn"] for each in got}) == 1
    listed = context.call("ListPipelineExecutions", PipelineName="p")
    assert len(listed["PipelineExecutionSummaries"]) == 1


def test_one_of_many_makes_the_function(context, monkeypatch):
    described = {"CodeSha256": "x", "CodeSize": 1, "Folder": "x"}
    monkeypatch.setattr(functions, "read_archive", lambda *_: b"")
    monkeypatch.setattr(functions, "unpack_code", lambda *_: dict(described))
    meet(monkeypatch, functions, "unpack_code")
    request = {"FunctionName": "f", "Runtime": "python3.11", "Handler": "a.b", "Code": {}}
    got = together(lambda _: functions.create_function(context, dict(request))["FunctionName"])
    assert sorted(got) == ["ResourceConflictException"] * (MANY - 1) + ["f"]


def test_a_rule_that_is_changed_keeps_the_targets_that_are_added(context):
    rule = {"Name": "r", "EventPattern": '{"source": ["mine"]}'}
    events.put_rule(context, rule)
    arn = "arn:aws:lambda:us-east-1:123456789012:function:f"

    def act(number):
        for turn in range(20):
            events.put_rule(context, rule)
            targets = [{"Id": f"{number}-{turn}", "Arn": arn}]
            events.put_targets(context, {"Rule": "r", "Targets": targets})

    together(act)
    assert len(context.store.get("rule", "r")["Targets"]) == MANY * 20
