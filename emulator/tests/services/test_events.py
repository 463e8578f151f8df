"""Lambda functions and the EventBridge rules that call them, through boto3."""

import base64
import json
import re
import time
import uuid

import pytest
from botocore.exceptions import ClientError
from function_archive import archive

from sagemaker_emulator.errors import ApiError
from sagemaker_emulator.services.events import patterns

ROLE = "arn:aws:iam::123456789012:role/lambda"


@pytest.fixture
def functions(emulator):
    return emulator.client("lambda")


@pytest.fixture
def function(functions):
    name = f"function-{uuid.uuid4().hex[:8]}"
    functions.create_function(
        FunctionName=name,
        Runtime="python3.11",
        Role=ROLE,
        Handler="function.main.handler",
        Code={"ZipFile": archive()},
        Timeout=10,
        Environment={"Variables": {"WHO": "me"}},
    )
    return name


def invoke(functions, name, payload, **more):
    answer = functions.invoke(FunctionName=name, Payload=json.dumps(payload), **more)
    return answer, json.loads(answer["Payload"].read() or b"null")


def test_a_function_runs_and_logs(emulator, functions, function):
    answer, payload = invoke(functions, function, {"a": 1}, LogType="Tail")
    assert answer["StatusCode"] == 200
    assert "FunctionError" not in answer
    assert payload == {"got": {"a": 1}, "left": True}
    assert f"called me {function}" in base64.b64decode(answer["LogResult"]).decode()
    found = emulator.client("logs").filter_log_events(
        logGroupName=f"/aws/lambda/{function}", filterPattern="REPORT"
    )
    assert len(found["events"]) == 1


@pytest.mark.parametrize(
    "event, kind, message",
    [
        ({"fail": True}, "ValueError", "as asked"),
        ({"exit": True}, "Runtime.ExitError", "exited with status: 3"),
        ({"sleep": 5}, None, "timed out after 1.00 seconds"),
    ],
    ids=["raises", "exits", "too-long"],
)
def test_failing_function_responds_as_on_aws(functions, function, event, kind, message):
    if "sleep" in event:
        functions.update_function_configuration(FunctionName=function, Timeout=1)
    answer, payload = invoke(functions, function, event)
    assert answer["FunctionError"] == "Unhandled"
    assert payload.get("errorType") == kind
    assert message in payload["errorMessage"]


def test_a_function_that_ends_before_it_has_read_its_event_is_a_failed_one(functions, function):
    functions.update_function_configuration(
        FunctionName=function, Environment={"Variables": {"PYTHONHOME": "/nowhere"}}
    )
    for size in (10, 70_000, 1_000_000):  # a pipe holds 65,536 bytes
        answer, payload = invoke(functions, function, {"long": "x" * size})
        assert answer["FunctionError"] == "Unhandled"
        assert payload["errorType"] == "Runtime.ExitError"


def test_code_and_configuration_are_updated(functions, function):
    before = functions.get_function(FunctionName=function)["Configuration"]
    functions.update_function_code(
        FunctionName=function, ZipFile=archive("def handler(event, context): return 'new'")
    )
    after = functions.get_function_configuration(FunctionName=function)
    assert after["CodeSha256"] != before["CodeSha256"]
    assert after["Environment"] == before["Environment"]
    assert invoke(functions, function, {})[1] == "new"


def test_unsupported_functions_are_refused(functions, function):
    with pytest.raises(ClientError, match="ResourceConflictException"):
        functions.create_function(
            FunctionName=function,
            Runtime="python3.11",
            Role=ROLE,
            Handler="a.b",
            Code={"ZipFile": archive()},
        )
    with pytest.raises(ClientError, match=r"InvalidParameterValueException.*nodejs22\.x"):
        functions.create_function(
            FunctionName="js",
            Runtime="nodejs22.x",
            Role=ROLE,
            Handler="a.b",
            Code={"ZipFile": b"x"},
        )
    with pytest.raises(functions.exceptions.ResourceNotFoundException):
        functions.invoke(FunctionName="nobody", Payload=b"{}")
    with pytest.raises(ClientError, match=r"UnknownOperationException.*PublishVersion"):
        functions.publish_version(FunctionName=function)


@pytest.mark.parametrize(
    "handler, kind",
    [
        ("function.nothing.handler", "Runtime.ImportModuleError"),
        ("function.main.nothing", "Runtime.HandlerNotFound"),
    ],
    ids=["module", "function"],
)
def test_missing_handler_is_reported(functions, function, handler, kind):
    functions.update_function_configuration(FunctionName=function, Handler=handler)
    assert invoke(functions, function, {})[1]["errorType"] == kind


def rule_for(emulator, functions, function, group, permit=True):
    events = emulator.client("events")
    arn = events.put_rule(
        Name=f"rule-{group}",
        EventPattern=json.dumps(
            {
                "source": ["aws.sagemaker"],
                "detail-type": ["SageMaker Model Package State Change"],
                "detail": {
                    "ModelPackageGroupName": [group],
                    "ModelApprovalStatus": ["Approved", "Rejected"],
                },
            }
        ),
    )["RuleArn"]
    target = functions.get_function(FunctionName=function)["Configuration"]["FunctionArn"]
    done = events.put_targets(Rule=f"rule-{group}", Targets=[{"Id": "1", "Arn": target}])
    assert done["FailedEntryCount"] == 0
    if permit:
        functions.add_permission(
            FunctionName=function,
            StatementId="events",
            Action="lambda:InvokeFunction",
            Principal="events.amazonaws.com",
            SourceArn=arn,
        )


def approve(emulator, group):
    (emulator.state / "s3" / "lambda-events").mkdir(exist_ok=True)
    sagemaker = emulator.client("sagemaker")
    sagemaker.create_model_package_group(ModelPackageGroupName=group)
    image = "123456789012.dkr.ecr.us-east-1.amazonaws.com/image:latest"
    arn = sagemaker.create_model_package(
        ModelPackageGroupName=group,
        InferenceSpecification={"Containers": [{"Image": image, "ModelDataUrl": "s3://b/m"}]},
    )["ModelPackageArn"]
    sagemaker.update_model_package(ModelPackageArn=arn, ModelApprovalStatus="Approved")
    return arn


def wait_for_events(emulator, arn, seconds=10.0):
    s3 = emulator.client("s3")
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        listed = s3.list_objects_v2(Bucket="lambda-events", Prefix=arn.replace(":", "-"))
        keys = [item["Key"] for item in listed.get("Contents", [])]
        if keys:
            return [
                json.loads(s3.get_object(Bucket="lambda-events", Key=key)["Body"].read())
                for key in keys
            ]
        time.sleep(0.05)
    return []


def test_an_approval_calls_the_function_with_awss_event(emulator, functions, function):
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


def test_an_accepted_event_is_delivered_after_the_server_was_killed(own_emulator):
    server = own_emulator()
    server.up()
    (server.state / "s3" / "lambda-events").mkdir()
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
        FunctionName="late",
        Runtime="python3.11",
        Role=ROLE,
        Handler="function.main.handler",
        Code={"ZipFile": archive(source)},
        Timeout=10,
        Environment={"Variables": {"GATE": str(server.state / "gate")}},
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


def test_a_function_is_called_for_the_rules_that_it_permits_only(emulator, functions, function):
    group = f"forbidden-{uuid.uuid4().hex[:8]}"
    rule_for(emulator, functions, function, group, permit=False)
    sagemaker = emulator.client("sagemaker")

    def permit(name, principal="events.amazonaws.com"):
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


def test_rules_are_listed_disabled_and_deleted(emulator, functions, function):
    group = f"rules-{uuid.uuid4().hex[:8]}"
    rule_for(emulator, functions, function, group)
    events, name = emulator.client("events"), f"rule-{group}"
    assert [rule["Name"] for rule in events.list_rules(NamePrefix=name)["Rules"]] == [name]
    with pytest.raises(ClientError, match="has targets"):
        events.delete_rule(Name=name)
    events.disable_rule(Name=name)
    assert events.describe_rule(Name=name)["State"] == "DISABLED"
    assert wait_for_events(emulator, approve(emulator, group), 0.8) == []
    events.remove_targets(Rule=name, Ids=["1"])
    events.delete_rule(Name=name)
    with pytest.raises(events.exceptions.ResourceNotFoundException):
        events.describe_rule(Name=name)


def test_each_custom_event_has_a_result(emulator):
    events = emulator.client("events")
    done = events.put_events(
        Entries=[
            {"Source": "mine", "DetailType": "T", "Detail": "{}"},
            {"Source": "mine", "DetailType": "T", "Detail": "no json"},
        ]
    )
    assert done["FailedEntryCount"] == 1
    assert "EventId" in done["Entries"][0]
    assert done["Entries"][1]["ErrorCode"] == "MalformedDetail"


@pytest.mark.parametrize(
    "pattern, wanted",
    [
        ({"a": ["x", "y"]}, True),
        ({"a": ["z"]}, False),
        ({"a": [{"prefix": "x"}], "n": [{"numeric": [">", 1, "<=", 3]}]}, True),
        ({"n": [{"numeric": [">", 3]}]}, False),
        ({"a": [{"anything-but": ["z"]}]}, True),
        ({"a": [{"anything-but": ["x"]}]}, False),
        ({"missing": [{"exists": False}]}, True),
        ({"a": [{"anything-but": {"prefix": ["z", "x"]}}]}, False),
        ({"a": [{"anything-but": {"wildcard": "z*"}}]}, True),
        ({"deep": {"list": ["two"]}}, True),
        ({"deep": {"list": ["three"]}}, False),
        ({"$or": [{"a": ["z"]}, {"n": [3]}]}, True),
        ({"a": [{"wildcard": "*"}]}, True),
        ({"a": [{"prefix": {"equals-ignore-case": "X"}}]}, True),
        ({"a": [{"suffix": {"equals-ignore-case": "Z"}}]}, False),
        ({"a": ["x"], "none": [None]}, True),
        ({"n": [3], "sure": [True]}, True),
        ({"n": [3.0]}, False),  # numbers are compared as they are written
        ({"sure": [1]}, False),
    ],
    ids=str,
)
def test_patterns(pattern, wanted):
    event = {"a": "x", "n": 3, "none": None, "sure": True, "deep": {"list": ["one", "two"]}}
    assert patterns.matches(patterns.parse(json.dumps(pattern)), event) is wanted


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"a": "x"}',
        '{"a": [["x"]]}',
        '{"a": [{}]}',
        '{"a": [{"like": "x"}]}',
        '{"a": [{"prefix": "x", "suffix": "y"}]}',
        '{"a": [{"prefix": 5}]}',
        '{"a": [{"prefix": {"wildcard": "x"}}]}',
        '{"a": [{"suffix": {"equals-ignore-case": 5}}]}',
        '{"a": [{"wildcard": ["x"]}]}',
        '{"a": [{"exists": "yes"}]}',
        '{"a": [{"numeric": 5}]}',
        '{"a": [{"numeric": []}]}',
        '{"a": [{"numeric": [">"]}]}',
        '{"a": [{"numeric": ["~", 5]}]}',
        '{"a": [{"numeric": [">", "5"]}]}',
        '{"a": [{"numeric": [["<"], 5]}]}',
        '{"a": [{"anything-but": []}]}',
        '{"a": [{"anything-but": ["x", 5]}]}',
        '{"a": [{"anything-but": {"numeric": [">", 5]}}]}',
        '{"$or": [5]}',
    ],
)
def test_wrong_patterns_are_refused(text):
    with pytest.raises(ApiError, match="InvalidEventPatternException"):
        patterns.parse(text)
