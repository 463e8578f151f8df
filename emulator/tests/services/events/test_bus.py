"""The delivery of events: to pipelines, to functions, and of many at the same time."""

import json
import re
import sqlite3
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from approval_rule import approve, rule_for, wait_for_events
from emulator_process import Emulator
from function_archive import function_request
from local_context import local_context
from pipeline_bench import PythonFunctions

ROLE = "arn:aws:iam::123456789012:role/lambda"


def executions(sagemaker: Any, pipeline: Any) -> Any:
    found = sagemaker.list_pipeline_executions(
        PipelineName=pipeline.rpartition("/")[2], MaxResults=100
    )
    return found["PipelineExecutionSummaries"]


def ended(sagemaker: Any, arn: Any, seconds: float = 20) -> Any:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = sagemaker.describe_pipeline_execution(PipelineExecutionArn=arn)
        if found["PipelineExecutionStatus"] not in ("Executing", "Stopping"):
            return found["PipelineExecutionStatus"]
        time.sleep(0.02)
    raise AssertionError(f"{arn} did not end")


def test_a_rule_starts_a_pipeline_with_its_parameters(
    sagemaker: Any, events: Any, pipeline: Any, rule: Any
) -> None:
    values = {"PipelineParameterList": [{"Name": "Word", "Value": "from a rule"}]}
    rule({"source": ["stock.count"]}, {"Arn": pipeline, "SageMakerPipelineParameters": values})
    for _ in range(2):  # each event is an execution of its own
        events.put_events(Entries=[{"Source": "stock.count", "DetailType": "new", "Detail": "{}"}])
    started = executions(sagemaker, pipeline)
    assert len(started) == 2
    arn = started[0]["PipelineExecutionArn"]
    assert ended(sagemaker, arn) == "Succeeded"
    told = sagemaker.list_pipeline_parameters_for_execution(PipelineExecutionArn=arn)
    assert told["PipelineParameters"] == [{"Name": "Word", "Value": "from a rule"}]


def test_each_change_of_a_model_package_is_an_event(
    sagemaker: Any, pipeline: Any, rule: Any
) -> None:
    group = f"group-{uuid.uuid4().hex[:8]}"
    rule({"detail": {"ModelPackageGroupName": [group]}}, {"Arn": pipeline})
    sagemaker.create_model_package_group(ModelPackageGroupName=group)
    arn = sagemaker.create_model_package(ModelPackageGroupName=group)["ModelPackageArn"]
    counts = []
    for changes in (
        {"ModelApprovalStatus": "Approved"},
        {"CustomerMetadataProperties": {"seen": "yes"}},
        {"ModelApprovalStatus": "Approved"},
        {"ModelApprovalStatus": "Rejected"},
    ):
        sagemaker.update_model_package(ModelPackageArn=arn, **changes)
        counts.append(len(executions(sagemaker, pipeline)))
    assert counts == [2, 3, 3, 4]  # the first is of its creation


def test_registering_and_starting_at_once_do_not_deadlock(
    sagemaker: Any, pipeline: Any, rule: Any
) -> None:
    """Registering holds the store and starts an execution by a rule; others start by themselves."""
    rule(
        {"source": ["aws.sagemaker"], "detail-type": ["SageMaker Model Package State Change"]},
        {"Arn": pipeline},
    )
    group = f"group-{uuid.uuid4().hex[:8]}"
    sagemaker.create_model_package_group(ModelPackageGroupName=group)

    def register(_: Any) -> None:
        image = "123456789012.dkr.ecr.us-east-1.amazonaws.com/plain:latest"
        sagemaker.create_model_package(
            ModelPackageGroupName=group,
            ModelApprovalStatus="Rejected",
            InferenceSpecification={
                "Containers": [{"Image": image, "ModelDataUrl": "s3://models/model.tar.gz"}],
                "SupportedContentTypes": ["image/jpeg"],
                "SupportedResponseMIMETypes": ["application/json"],
            },
        )

    def begin(_: Any) -> None:
        sagemaker.start_pipeline_execution(
            PipelineName=pipeline.rpartition("/")[2], ClientRequestToken=uuid.uuid4().hex
        )

    with ThreadPoolExecutor(8) as pool:
        calls = [pool.submit(act, n) for n in range(20) for act in (register, begin)]
        for call in calls:
            call.result(timeout=60)
    found = executions(sagemaker, pipeline)
    assert len(found) == 40
    assert {ended(sagemaker, one["PipelineExecutionArn"]) for one in found} == {"Succeeded"}


@pytest.fixture
def served(tmp_path: Path) -> Any:
    """A context of rules that went past every check, its functions, and what they received."""
    context, sent = local_context(tmp_path), []
    context.functions = functions = PythonFunctions(good=lambda _: sent.append("good"))
    targets = [{"Arn": f"arn:aws:lambda:::function:{name}"} for name in ("bad", "good")]
    targets.insert(0, {**targets[1], "Input": "no json"})
    for name, choice in (("a", {"prefix": 5}), ("b", "mine")):
        pattern = json.dumps({"source": [choice]})
        rule = {"Name": name, "Arn": name, "State": "ENABLED", "EventPattern": pattern}
        context.store.put("rule", name, {**rule, "Targets": targets})
    return context.events, functions, sent


def test_failed_target_keeps_an_event_from_no_other(
    served: Any, caplog: pytest.LogCaptureFixture
) -> None:
    events, functions, sent = served

    def fail(_: Any) -> None:
        raise RuntimeError("as asked")

    functions["bad"] = fail
    events.emit("T", {}, [], "mine")
    assert sent == ["good"]
    assert "rule a: its pattern cannot be compared" in caplog.text
    assert "JSONDecodeError" in caplog.text
    assert "RuntimeError: as asked" in caplog.text


def test_event_that_cannot_be_kept_is_an_error_of_its_sender(served: Any) -> None:
    events, functions, sent = served

    def fail(_: Any) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    functions["bad"] = fail
    with pytest.raises(sqlite3.OperationalError):
        events.emit("T", {}, [], "mine")
    assert sent == []


def test_an_approval_calls_the_function_with_awss_event(
    emulator: Emulator, functions: Any, function: str
) -> None:
    group = f"approved-{uuid.uuid4().hex[:8]}"
    rule_for(emulator, functions, function, group)
    arn = approve(emulator, group)
    (event,) = wait_for_events(emulator, arn)
    assert event["source"] == "aws.sagemaker"
    assert event["detail-type"] == "SageMaker Model Package State Change"
    assert event["resources"] == [arn]
    detail = event["detail"]
    assert detail["ModelPackageGroupName"] == group
    assert detail["ModelPackageVersion"] == 1
    assert detail["ModelApprovalStatus"] == "Approved"
    assert detail["UpdatedModelPackageFields"] == ["ModelApprovalStatus"]
    assert detail["CreationTime"].endswith("Z")


def test_an_accepted_event_is_delivered_after_the_server_was_killed(
    own_emulator: Callable[..., Emulator],
) -> None:
    server = own_emulator()
    server.up()
    server.client("s3").create_bucket(Bucket="lambda-events")
    functions = server.client("lambda")
    # Fails until a file appears, so the server is killed with the delivery under way.
    source = """
import os, json, boto3
def handler(event, context):
    if not os.path.exists(os.environ["GATE"]):
        raise RuntimeError("not yet")
    boto3.client("s3").put_object(Bucket="lambda-events", Key=event["key"], Body=b"x")
"""
    functions.create_function(
        **function_request(
            "late",
            source,
            Timeout=10,
            Environment={"Variables": {"GATE": str(server.state / "gate")}},
        ),
    )
    answer = functions.invoke(
        FunctionName="late", InvocationType="Event", Payload=b'{"key": "delivered"}'
    )
    assert answer["StatusCode"] == 202
    time.sleep(0.3)
    server.kill()
    (server.state / "gate").touch()
    time.sleep(0.2)
    server.up()
    delivered = server.state / "s3" / "lambda-events" / "delivered"
    deadline = time.monotonic() + 10
    while not delivered.exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_function_is_called_for_the_rules_that_it_permits_only(
    emulator: Emulator, functions: Any, function: str
) -> None:
    group = f"forbidden-{uuid.uuid4().hex[:8]}"
    rule_for(emulator, functions, function, group, permit=False)
    sagemaker = emulator.client("sagemaker")

    def permit(name: str, principal: Any = "events.amazonaws.com") -> None:
        functions.add_permission(
            FunctionName=function,
            StatementId=uuid.uuid4().hex,
            Action="lambda:InvokeFunction",
            Principal=principal,
            SourceArn=f"arn:aws:events:us-east-1:123456789012:rule/{name}",
        )

    arn = approve(emulator, group)  # nobody is permitted
    permit("another")
    permit(f"rule-{group}", "s3.amazonaws.com")
    sagemaker.update_model_package(ModelPackageArn=arn, ModelApprovalStatus="Rejected")
    permit("rule-forbidden-*")
    sagemaker.update_model_package(ModelPackageArn=arn, ModelApprovalStatus="Approved")
    assert len(wait_for_events(emulator, arn)) == 1
    said = f"does not permit events.amazonaws.com to invoke it for .*rule/rule-{group};"
    assert len(re.findall(said, (emulator.state / "log.txt").read_text())) == 2
