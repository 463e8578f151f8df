"""The configuration of functions: honoured, kept and shown, or refused by name."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError
from emulator_process import Emulator
from waiting import wait_until

ROLE = "arn:aws:iam::123456789012:role/lambda"


def test_defaults_are_shown(functions: Any, function: str) -> None:
    shown = functions.get_function_configuration(FunctionName=function)
    assert shown["TracingConfig"] == {"Mode": "PassThrough"}
    assert shown["EphemeralStorage"] == {"Size": 512}
    assert shown["SnapStart"] == {"ApplyOn": "None", "OptimizationStatus": "Off"}
    assert shown["LoggingConfig"] == {"LogFormat": "Text", "LogGroup": f"/aws/lambda/{function}"}
    assert shown["Architectures"] == ["x86_64"]
    assert "DeadLetterConfig" not in shown


def test_what_is_set_is_shown(functions: Any, function: str) -> None:
    key = "arn:aws:kms:us-east-1:123456789012:key/1"
    given: dict[str, Any] = {
        "TracingConfig": {"Mode": "Active"},
        "EphemeralStorage": {"Size": 1024},
        "KMSKeyArn": key,
        "DeadLetterConfig": {"TargetArn": "arn:aws:sqs:us-east-1:123456789012:dead"},
    }
    functions.update_function_configuration(
        FunctionName=function,
        VpcConfig={"SubnetIds": ["subnet-1"], "SecurityGroupIds": ["sg-1"]},
        SnapStart={"ApplyOn": "PublishedVersions"},
        **given,
    )
    shown = functions.get_function_configuration(FunctionName=function)
    assert {member: shown[member] for member in given} == given
    assert shown["VpcConfig"]["SubnetIds"] == ["subnet-1"]
    assert shown["SnapStart"]["ApplyOn"] == "PublishedVersions"
    functions.update_function_configuration(
        FunctionName=function, DeadLetterConfig={"TargetArn": ""}
    )
    assert "DeadLetterConfig" not in functions.get_function_configuration(FunctionName=function)


@pytest.mark.parametrize(
    "members, message",
    [
        ({"Layers": ["arn:aws:lambda:us-east-1:123456789012:layer:l:1"]}, "does not exist"),
        ({"ImageConfig": {"Command": ["x"]}}, r"with ImageConfig\.Command"),
        ({"LoggingConfig": {"ApplicationLogLevel": "INFO"}}, "ApplicationLogLevel"),
        ({"LoggingConfig": {"LogFormat": "JSON"}}, r"LoggingConfig\.LogFormat"),
        ({"DeadLetterConfig": {"TargetArn": "arn:aws:s3:::bucket"}}, "SQS"),
        ({"Runtime": "nodejs22.x"}, r"nodejs22\.x"),
        ({"Environment": {"Variables": {"AWS_REGION": "x"}}}, "reserved keys.*AWS_REGION"),
        ({"Environment": {"Variables": {"LONG": "x" * 5000}}}, "exceeded the 4KB limit"),
        ({"Environment": {"Variables": {"TEXT": "\0"}}}, "cannot be passed to a process"),
        ({"Handler": "a.\0"}, "cannot be passed to a process"),
    ],
    ids=[
        "layers",
        "image",
        "level",
        "format",
        "bucket",
        "runtime",
        "reserved",
        "large",
        "nul",
        "handler",
    ],
)
def test_what_cannot_be_honoured_is_refused_by_name(
    functions: Any, function: str, members: Any, message: str
) -> None:
    before = functions.get_function_configuration(FunctionName=function)["RevisionId"]
    with pytest.raises(ClientError, match=f"InvalidParameterValueException.*{message}"):
        functions.update_function_configuration(FunctionName=function, **members)
    after = functions.get_function_configuration(FunctionName=function)["RevisionId"]
    assert after == before


def test_tags_are_kept(functions: Any, function: str) -> None:
    arn = functions.get_function_configuration(FunctionName=function)["FunctionArn"]
    functions.tag_resource(Resource=arn, Tags={"a": "1", "b": "2"})
    functions.untag_resource(Resource=arn, TagKeys=["a"])
    assert functions.list_tags(Resource=arn)["Tags"] == {"b": "2"}
    assert functions.get_function(FunctionName=function)["Tags"] == {"b": "2"}
    with pytest.raises(functions.exceptions.ResourceNotFoundException):
        functions.list_tags(Resource=f"{arn}-none")
    with pytest.raises(functions.exceptions.InvalidParameterValueException):
        functions.list_tags(Resource=f"{arn}:1")


def test_timeout_is_limited(functions: Any, function: str) -> None:
    with pytest.raises(ClientError, match=r"ValidationException.*'timeout'.*equal to 900"):
        functions.update_function_configuration(FunctionName=function, Timeout=901)


def test_log_group_may_be_another(emulator: Emulator, functions: Any, function: str) -> None:
    group = f"/mine/{function}"
    functions.update_function_configuration(
        FunctionName=function, LoggingConfig={"LogGroup": group}
    )
    functions.invoke(FunctionName=function)
    assert "called me" in emulator.log(group)


def test_invocation_that_is_given_up_is_a_dead_letter(
    emulator: Emulator, functions: Any, function: str
) -> None:
    sqs = emulator.client("sqs")
    url = sqs.create_queue(QueueName=f"dead-{function}")["QueueUrl"]
    arn = f"arn:aws:sqs:us-east-1:123456789012:dead-{function}"
    functions.update_function_configuration(
        FunctionName=function, DeadLetterConfig={"TargetArn": arn}
    )
    functions.invoke(FunctionName=function, InvocationType="Event", Payload=b'{"fail": true}')
    received: list[Any] = []

    def has_letter() -> bool:
        answer = sqs.receive_message(QueueUrl=url, MessageAttributeNames=["All"])
        received.extend(answer.get("Messages", []))
        return bool(received)

    wait_until(has_letter, 60)
    assert json.loads(received[0]["Body"]) == {"fail": True}
    attributes = received[0]["MessageAttributes"]
    assert attributes["ErrorCode"]["StringValue"] == "200"
    assert "as asked" in attributes["ErrorMessage"]["StringValue"]
    assert "RequestID" in attributes
