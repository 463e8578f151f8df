"""Versions, aliases, layers, buses and log filters of stacks: made, changed and deleted."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError
from emulator_process import BUCKET, Emulator
from function_archive import archive
from stack_waiting import ended

ROLE = "arn:aws:iam::123456789012:role/emulator"


def of(kind: str, depends: str = "", **properties: Any) -> dict[str, Any]:
    resource = {"Type": kind, "Properties": properties}
    return resource | ({"DependsOn": depends} if depends else {})


def resources(text: str) -> dict[str, Any]:
    """Resources of each kind; the text varies what changes."""
    number = len(text)
    return {
        "Layer": of(
            "AWS::Lambda::LayerVersion", Content={"S3Bucket": BUCKET, "S3Key": "layer.zip"}
        ),
        "Function": of(
            "AWS::Lambda::Function",
            Runtime="python3.12",
            Handler="index.handler",
            Role=ROLE,
            Code={"ZipFile": "def handler(event, context):\n    return 1\n"},
            Layers=[{"Ref": "Layer"}],
            ReservedConcurrentExecutions=number,
        ),
        "Version": of("AWS::Lambda::Version", FunctionName={"Ref": "Function"}),
        "Live": of(
            "AWS::Lambda::Alias",
            Name="live",
            Description=text,
            FunctionName={"Ref": "Function"},
            FunctionVersion={"Fn::GetAtt": ["Version", "Version"]},
        ),
        "Permission": of(
            "AWS::Lambda::Permission",
            FunctionName={"Ref": "Live"},
            Action="lambda:InvokeFunction",
            Principal="logs.amazonaws.com",
        ),
        "Bus": of("AWS::Events::EventBus", Name={"Ref": "AWS::StackName"}, Description=text),
        "Rule": of(
            "AWS::Events::Rule",
            EventBusName={"Ref": "Bus"},
            EventPattern={"source": [text]},
            Targets=[],
        ),
        "Log": of("AWS::Logs::LogGroup"),
        "Errors": of(
            "AWS::Logs::MetricFilter",
            LogGroupName={"Ref": "Log"},
            FilterPattern=text,
            MetricTransformations=[
                {
                    "MetricName": "errors",
                    "MetricNamespace": "stack",
                    "MetricValue": "$.ms",
                    "Dimensions": [{"Key": "Level", "Value": "$.level"}],
                }
            ],
        ),
        "Sent": of(
            "AWS::Logs::SubscriptionFilter",
            depends="Permission",
            LogGroupName={"Ref": "Log"},
            FilterPattern=text,
            DestinationArn={"Ref": "Live"},
        ),
    }


def test_kinds_are_made_changed_and_deleted(emulator: Emulator, stacks: Any, name: str) -> None:
    emulator.client("s3").put_object(Bucket=BUCKET, Key="layer.zip", Body=archive("VALUE = 1"))
    body = json.dumps({"Resources": resources("before")})
    made = stacks.create_stack(StackName=name, TemplateBody=body)
    ended(stacks, name, "CREATE_COMPLETE")
    found = stacks.describe_stack_resources(StackName=name)["StackResources"]
    ids = {each["LogicalResourceId"]: each["PhysicalResourceId"] for each in found}
    functions: Any = emulator.client("lambda")
    assert functions.invoke(FunctionName=ids["Live"])["Payload"].read() == b"1"
    body = json.dumps({"Resources": resources("changed")})
    stacks.update_stack(StackName=name, TemplateBody=body)
    ended(stacks, name, "UPDATE_COMPLETE")
    alias = functions.get_alias(FunctionName=ids["Function"], Name="live")
    assert (alias["FunctionVersion"], alias["Description"]) == ("1", "changed")
    reserved = functions.get_function_concurrency(FunctionName=ids["Function"])
    assert reserved["ReservedConcurrentExecutions"] == len("changed")
    assert emulator.client("events").describe_event_bus(Name=name)["Description"] == "changed"
    logs: Any = emulator.client("logs")
    (kept,) = logs.describe_metric_filters(logGroupName=ids["Log"])["metricFilters"]
    assert kept["filterPattern"] == "changed"
    assert kept["metricTransformations"][0]["dimensions"] == {"Level": "$.level"}
    (sent,) = logs.describe_subscription_filters(logGroupName=ids["Log"])["subscriptionFilters"]
    assert (sent["filterPattern"], sent["destinationArn"]) == ("changed", ids["Live"])
    stacks.delete_stack(StackName=name)
    ended(stacks, made["StackId"], "DELETE_COMPLETE")
    with pytest.raises(ClientError, match="does not exist"):
        emulator.client("events").describe_event_bus(Name=name)
    with pytest.raises(ClientError, match="does not exist"):
        functions.get_layer_version_by_arn(Arn=ids["Layer"])
