"""What rules set off: pipelines that start, rules that cannot be served, many at the same time."""

import json
import sqlite3
import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
from botocore.exceptions import ClientError
from function_archive import archive
from local_context import local_context
from pipeline_bench import PythonFunctions

from sagemaker_emulator.services.functions import invocation, operations
from sagemaker_emulator.services.logs.operations import filter_log_events

ROLE = "arn:aws:iam::123456789012:role/pipelines"
# A condition only: an execution ends as soon as it has begun.
DEFINITION = json.dumps(
    {
        "Version": "2020-12-01",
        "Parameters": [{"Name": "Word", "Type": "String", "DefaultValue": "none"}],
        "Steps": [
            {
                "Name": "Check",
                "Type": "Condition",
                "Arguments": {
                    "Conditions": [{"Type": "Equals", "LeftValue": "a", "RightValue": "a"}],
                    "IfSteps": [],
                    "ElseSteps": [],
                },
            }
        ],
    }
)


@pytest.fixture
def sagemaker(emulator):
    return emulator.client("sagemaker")


@pytest.fixture
def events(emulator):
    return emulator.client("events")


@pytest.fixture
def pipeline(sagemaker):
    name = f"pipeline-{uuid.uuid4().hex[:8]}"
    made = sagemaker.create_pipeline(
        PipelineName=name,
        PipelineDefinition=DEFINITION,
        RoleArn=ROLE,
        ClientRequestToken=uuid.uuid4().hex,
    )
    return made["PipelineArn"]


@pytest.fixture
def rule(events):
    """A function that makes a rule for a source of its own, or a pattern; all are removed."""
    made = []

    def make(pattern, *targets):
        name = f"rule-{uuid.uuid4().hex[:8]}"
        events.put_rule(Name=name, EventPattern=json.dumps(pattern))
        made.append(name)
        events.put_targets(Rule=name, Targets=[{"Id": str(n), **t} for n, t in enumerate(targets)])
        return name

    yield make
    for name in made:
        ids = [target["Id"] for target in events.list_targets_by_rule(Rule=name)["Targets"]]
        if ids:
            events.remove_targets(Rule=name, Ids=ids)
        events.delete_rule(Name=name)


def executions(sagemaker, pipeline):
    found = sagemaker.list_pipeline_executions(
        PipelineName=pipeline.rpartition("/")[2], MaxResults=100
    )
    return found["PipelineExecutionSummaries"]


def ended(sagemaker, arn, seconds=20):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = sagemaker.describe_pipeline_execution(PipelineExecutionArn=arn)
        if found["PipelineExecutionStatus"] not in ("Executing", "Stopping"):
            return found["PipelineExecutionStatus"]
        time.sleep(0.02)
    raise AssertionError(f"{arn} did not end")


def test_a_rule_starts_a_pipeline_with_its_parameters(sagemaker, events, pipeline, rule):
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


def test_a_model_package_is_told_of_when_anything_of_it_changes(sagemaker, pipeline, rule):
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


def test_an_invocation_that_fails_is_tried_three_times(tmp_path, monkeypatch):
    monkeypatch.setattr(invocation, "RETRY_AFTER", (0, 0))
    context = local_context(tmp_path)
    code = {"ZipFile": archive("def handler(event, context): 1 / 0")}
    function = {"FunctionName": "f", "Runtime": "python3.11", "Handler": "function.main.handler"}
    operations.create_function(context, {**function, "Role": ROLE, "Code": code})
    operations.invoke_function(context, {"FunctionName": "f", "InvocationType": "Event"})
    deadline = time.monotonic() + 20
    while not (lines := list(context.logs.read("/aws/lambda/f", "asynchronous"))):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert "given up after 3 tries" in lines[0]
    assert "ZeroDivisionError" in lines[0]
    found = filter_log_events(context, {"logGroupName": "/aws/lambda/f", "filterPattern": "REPORT"})
    assert len(found["events"]) == 3
    assert context.store.list("invocation") == []


def test_registering_and_starting_at_once_waits_for_nobody(sagemaker, pipeline, rule):
    """Registering holds the store and starts an execution by a rule; others start by themselves."""
    rule(
        {"source": ["aws.sagemaker"], "detail-type": ["SageMaker Model Package State Change"]},
        {"Arn": pipeline},
    )
    group = f"group-{uuid.uuid4().hex[:8]}"
    sagemaker.create_model_package_group(ModelPackageGroupName=group)

    def register(_):
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

    def begin(_):
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
def served(tmp_path):
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


def test_what_cannot_be_served_keeps_an_event_from_no_other(served, caplog):
    events, functions, sent = served

    def fail(_):
        raise RuntimeError("as asked")

    functions["bad"] = fail
    events.emit("T", {}, [], "mine")
    assert sent == ["good"]
    assert "rule a: its pattern cannot be compared" in caplog.text
    assert "JSONDecodeError" in caplog.text
    assert "RuntimeError: as asked" in caplog.text


def test_an_event_that_cannot_be_kept_undoes_what_it_tells_of(served):
    events, functions, sent = served

    def fail(_):
        raise sqlite3.OperationalError("database or disk is full")

    functions["bad"] = fail
    with pytest.raises(sqlite3.OperationalError):
        events.emit("T", {}, [], "mine")
    assert sent == []


def test_an_input_that_is_no_json_is_refused(pipeline, rule):
    with pytest.raises(ClientError, match="JSON syntax error in input for target 0"):
        rule({"source": ["stock.other"]}, {"Arn": pipeline, "Input": "{nothing"})


def test_permissions_given_at_once_are_all_kept(emulator):
    functions = emulator.client("lambda")
    name = f"function-{uuid.uuid4().hex[:8]}"
    functions.create_function(
        FunctionName=name,
        Runtime="python3.11",
        Role=ROLE,
        Handler="function.main.handler",
        Code={"ZipFile": archive()},
    )

    def permit(number):
        functions.add_permission(
            FunctionName=name,
            StatementId=f"s{number}",
            Action="lambda:InvokeFunction",
            Principal="events.amazonaws.com",
        )

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(permit, range(40)))
    policy = json.loads(functions.get_policy(FunctionName=name)["Policy"])
    assert {each["Sid"] for each in policy["Statement"]} == {f"s{n}" for n in range(40)}
