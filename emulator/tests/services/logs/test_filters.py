"""Metric filters and subscription filters, through boto3."""

import json
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from emulator_process import Emulator
from function_archive import function_request
from local_context import local_context

from sagemaker_emulator.errors import ApiError
from sagemaker_emulator.services.functions import operations, policy
from sagemaker_emulator.services.logs import filter_operations

SOURCE = """
import base64, gzip, json, boto3
def handler(event, context):
    data = gzip.decompress(base64.b64decode(event["awslogs"]["data"]))
    boto3.client("s3").put_object(Bucket="bucket", Key=context.function_name, Body=data)
"""


@pytest.fixture
def logs(emulator: Emulator) -> Any:
    return emulator.client("logs")


@pytest.fixture
def group(logs: Any, name: str) -> str:
    logs.create_log_group(logGroupName=name)
    logs.create_log_stream(logGroupName=name, logStreamName="s")
    return name


def put(logs: Any, group: str, *messages: str) -> None:
    now = int(time.time() * 1000)
    events = [{"timestamp": now, "message": text} for text in messages]
    logs.put_log_events(logGroupName=group, logStreamName="s", logEvents=events)


def transformation(name: str, **more: Any) -> Any:
    return {"metricName": "m", "metricNamespace": name, "metricValue": "1", **more}


def metric(emulator: Emulator, namespace: str, **more: Any) -> Any:
    now = datetime.now(UTC)
    (point,) = emulator.client("cloudwatch").get_metric_statistics(
        Namespace=namespace,
        MetricName="m",
        StartTime=now - timedelta(minutes=10),
        EndTime=now + timedelta(minutes=10),
        Period=3600,
        Statistics=["Sum", "SampleCount", "Maximum"],
        **more,
    )["Datapoints"]
    return point


def test_metric_filter_counts_and_measures(emulator: Emulator, logs: Any, group: str) -> None:
    logs.put_metric_filter(
        logGroupName=group,
        filterName="count",
        filterPattern="ERROR",
        metricTransformations=[transformation(group, defaultValue=0)],
    )
    logs.put_metric_filter(
        logGroupName=group,
        filterName="time",
        filterPattern="{ $.ms > 0 }",
        metricTransformations=[
            transformation(
                f"{group}/ms",
                metricValue="$.ms",
                dimensions={"Level": "$.level"},
                unit="Milliseconds",
            )
        ],
    )
    put(logs, group, "an ERROR", "all well", "ERROR again")
    put(logs, group, "all well")
    assert metric(emulator, group) | {"Sum": 2, "SampleCount": 3} == metric(emulator, group)
    logs.put_metric_filter(
        logGroupName=group,
        filterName="time",
        filterPattern="{ $.ms > 0 && $.level = * }",
        metricTransformations=[
            transformation(f"{group}/ms", metricValue="$.ms", dimensions={"Level": "$.level"})
        ],
    )
    put(logs, group, *(json.dumps({"level": "A", "ms": ms}) for ms in (20, 30)))
    point = metric(emulator, f"{group}/ms", Dimensions=[{"Name": "Level", "Value": "A"}])
    assert (point["Sum"], point["Maximum"]) == (50, 30)
    (found,) = logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]
    assert found["metricFilterCount"] == 2


def test_metric_filters_are_listed_and_deleted(logs: Any, group: str) -> None:
    for name in ("b", "a", "c"):
        logs.put_metric_filter(
            logGroupName=group,
            filterName=name,
            filterPattern="",
            metricTransformations=[transformation(f"{group}-{name}")],
        )
    pages = logs.get_paginator("describe_metric_filters").paginate(
        logGroupName=group, PaginationConfig={"PageSize": 2}
    )
    names = [each["filterName"] for page in pages for each in page["metricFilters"]]
    assert names == ["a", "b", "c"]
    (found,) = logs.describe_metric_filters(metricName="m", metricNamespace=f"{group}-b")[
        "metricFilters"
    ]
    assert (found["filterName"], found["logGroupName"]) == ("b", group)
    logs.delete_metric_filter(logGroupName=group, filterName="b")
    with pytest.raises(ClientError, match="The specified metric filter does not exist"):
        logs.delete_metric_filter(logGroupName=group, filterName="b")
    logs.delete_log_group(logGroupName=group)
    logs.create_log_group(logGroupName=group)
    assert logs.describe_metric_filters(logGroupName=group)["metricFilters"] == []


def test_subscription_sends_what_matches_to_a_function(
    emulator: Emulator, logs: Any, group: str
) -> None:
    functions: Any = emulator.client("lambda")
    arn = functions.create_function(**function_request(group, SOURCE))["FunctionArn"]
    about = {"logGroupName": group, "filterName": "f", "filterPattern": "ERROR"}
    with pytest.raises(ClientError, match="Could not execute the lambda function"):
        logs.put_subscription_filter(**about, destinationArn=arn)
    functions.add_permission(
        FunctionName=group,
        StatementId="logs",
        Action="lambda:InvokeFunction",
        Principal="logs.amazonaws.com",
        SourceArn=f"arn:aws:logs:us-east-1:123456789012:log-group:{group}:*",
    )
    logs.put_subscription_filter(**about, destinationArn=arn)
    put(logs, group, "all well", "an ERROR")
    s3: Any = emulator.client("s3")
    s3.get_waiter("object_exists").wait(
        Bucket="bucket", Key=group, WaiterConfig={"Delay": 1, "MaxAttempts": 30}
    )
    sent = json.loads(s3.get_object(Bucket="bucket", Key=group)["Body"].read())
    assert [each["message"] for each in sent["logEvents"]] == ["an ERROR"]
    assert (sent["logGroup"], sent["logStream"]) == (group, "s")
    assert sent["subscriptionFilters"] == ["f"]
    (found,) = logs.describe_subscription_filters(logGroupName=group)["subscriptionFilters"]
    assert (found["destinationArn"], found["distribution"]) == (arn, "ByLogStream")
    for name in ("g", "h"):
        if name == "h":
            with pytest.raises(ClientError, match=r"LimitExceeded.*Resource limit exceeded"):
                logs.put_subscription_filter(**{**about, "filterName": name}, destinationArn=arn)
        else:
            logs.put_subscription_filter(**{**about, "filterName": name}, destinationArn=arn)
    logs.delete_subscription_filter(logGroupName=group, filterName="g")
    with pytest.raises(ClientError, match="The specified subscription filter does not exist"):
        logs.delete_subscription_filter(logGroupName=group, filterName="g")


def test_function_is_not_sent_its_own_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    context = local_context(tmp_path)
    sent: list[object] = []
    monkeypatch.setattr(context.functions, "invoke_later", lambda *each: sent.append(each))
    made: Any = operations.create_function(context, function_request("f", SOURCE))
    arn, group = made["FunctionArn"], made["LoggingConfig"]["LogGroup"]
    permission: Any = {"FunctionName": "f", "StatementId": "s", "Principal": "logs.amazonaws.com"}
    policy.add_permission(context, permission | {"Action": "lambda:InvokeFunction"})
    request: Any = {"filterName": "f", "filterPattern": "", "destinationArn": arn}
    context.logs.append(group, "s", ["made"])
    context.logs.append("others", "s", ["made"])
    with pytest.raises(ApiError, match="reserved for the function logs of the destination"):
        filter_operations.put_subscription_filter(context, request | {"logGroupName": group})
    filter_operations.put_subscription_filter(context, request | {"logGroupName": "others"})
    context.logs.append("others", "s", ["sent"])
    assert len(sent) == 1
    # A group that becomes its own later.
    logging: Any = {"LogGroup": "others"}
    operations.update_configuration(context, {"FunctionName": "f", "LoggingConfig": logging})
    context.logs.append("others", "s", ["not sent"])
    assert len(sent) == 1


@pytest.mark.parametrize(
    "more, message",
    [
        ({"filterPattern": "{ $.a"}, "Invalid filter pattern"),
        ({"logGroupName": "none"}, "log group does not exist"),
        ({"metricTransformations": [transformation("n", metricValue="x")]}, "no number"),
        (
            {
                "metricTransformations": [
                    transformation("n", defaultValue=1, dimensions={"a": "$.a"})
                ]
            },
            "mutually exclusive",
        ),
        ({"applyOnTransformedLogs": True}, "with applyOnTransformedLogs"),
    ],
)
def test_wrong_metric_filter_is_refused(
    logs: Any, group: str, more: dict[str, Any], message: str
) -> None:
    request = {
        "logGroupName": group,
        "filterName": "f",
        "filterPattern": "",
        "metricTransformations": [transformation("n")],
    }
    with pytest.raises(ClientError, match=message):
        logs.put_metric_filter(**{**request, **more})


def test_subscription_to_anything_else_is_refused(logs: Any, group: str) -> None:
    with pytest.raises(ClientError, match="to Lambda functions only"):
        logs.put_subscription_filter(
            logGroupName=group,
            filterName="f",
            filterPattern="",
            destinationArn="arn:aws:kinesis:us-east-1:123456789012:stream/s",
        )
