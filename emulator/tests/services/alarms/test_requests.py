"""Alarms as clients see them: by botocore's protocol, by the query protocol, and by SNS."""

import json
from typing import Any
from urllib.parse import urlencode
from xml.etree import ElementTree

import pytest
from botocore.exceptions import ClientError
from emulator_process import Emulator
from waiting import wait_until

NAMESPACE = {"c": "http://monitoring.amazonaws.com/doc/2010-08-01/"}


@pytest.fixture
def cloudwatch(emulator: Emulator) -> Any:
    return emulator.client("cloudwatch")


def put(cloudwatch: Any, name: str, **members: Any) -> None:
    alarm = {
        "AlarmName": name,
        "Namespace": "Mine",
        "MetricName": name,
        "Statistic": "Maximum",
        "Period": 10,
        "EvaluationPeriods": 1,
        "Threshold": 3,
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        **members,
    }
    cloudwatch.put_metric_alarm(**alarm)


def described(cloudwatch: Any, name: str) -> Any:
    (alarm,) = cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"]
    return alarm


def query(emulator: Emulator, action: str, members: dict[str, str], status: int = 200) -> Any:
    """The XML of a request in the query protocol, which the AWS CLI speaks."""
    body = urlencode({"Action": action, "Version": "2010-08-01", **members}).encode()
    headers = {"content-type": "application/x-www-form-urlencoded; charset=utf-8"}
    got, _, answer = emulator.send(body=body, headers=headers, service="monitoring")
    assert got == status, answer
    return ElementTree.fromstring(answer)


def test_metric_that_a_client_puts_sets_the_alarm_off(cloudwatch: Any, name: str) -> None:
    put(cloudwatch, name)
    cloudwatch.put_metric_data(
        Namespace="Mine", MetricData=[{"MetricName": name, "Values": [1.0, 3.0]}]
    )
    wait_until(lambda: described(cloudwatch, name)["StateValue"] == "ALARM", 60)
    alarm = described(cloudwatch, name)
    assert alarm["StateReason"].startswith("Threshold Crossed: 1 datapoint [3.0 (")
    assert json.loads(alarm["StateReasonData"])["recentDatapoints"] == [3.0]


def test_alarm_tells_the_subscribers_of_its_topic(
    emulator: Emulator, cloudwatch: Any, name: str
) -> None:
    sns, sqs = emulator.client("sns"), emulator.client("sqs")
    topic = sns.create_topic(Name=name)["TopicArn"]
    queue = sqs.create_queue(QueueName=name)["QueueUrl"]
    sns.subscribe(
        TopicArn=topic, Protocol="sqs", Endpoint=f"arn:aws:sqs:us-east-1:123456789012:{name}"
    )
    put(cloudwatch, name, AlarmActions=[topic])
    cloudwatch.set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="a test")
    received = sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=20)["Messages"]
    message = json.loads(json.loads(received[0]["Body"])["Message"])
    assert (message["AlarmName"], message["NewStateReason"]) == (name, "a test")
    summary = f"Successfully executed action {topic}"
    wait_until(
        lambda: (
            summary
            in [
                item["HistorySummary"]
                for item in cloudwatch.describe_alarm_history(
                    AlarmName=name, HistoryItemType="Action"
                )["AlarmHistoryItems"]
            ]
        ),
        30,
    )


def test_query_protocol_makes_and_describes_the_same_alarm(
    emulator: Emulator, cloudwatch: Any, name: str
) -> None:
    query(
        emulator,
        "PutMetricAlarm",
        {
            "AlarmName": name,
            "Namespace": "Mine",
            "MetricName": name,
            "Dimensions.member.1.Name": "Where",
            "Dimensions.member.1.Value": "hüben",
            "Statistic": "Sum",
            "Period": "60",
            "EvaluationPeriods": "1",
            "Threshold": "0.5",
            "ComparisonOperator": "GreaterThanThreshold",
            "ActionsEnabled": "false",
        },
    )
    alarm = described(cloudwatch, name)
    assert alarm["Dimensions"] == [{"Name": "Where", "Value": "hüben"}]
    assert (alarm["Threshold"], alarm["ActionsEnabled"]) == (0.5, False)
    found = query(emulator, "DescribeAlarms", {"AlarmNames.member.1": name})
    (member,) = found.findall(".//c:MetricAlarms/c:member", NAMESPACE)
    shown = {each.tag.partition("}")[2]: each.text for each in member}
    assert (shown["AlarmName"], shown["StateValue"]) == (name, "INSUFFICIENT_DATA")
    assert str(shown["StateUpdatedTimestamp"]).startswith("20")


def test_query_protocol_gets_errors_in_its_own_form(emulator: Emulator) -> None:
    answer = query(emulator, "DeleteAlarms", {"AlarmNames.member.1": "no-alarm"}, 404)
    assert answer.findtext("Error/Code") == "ResourceNotFound"


def test_error_has_the_code_of_the_service(cloudwatch: Any) -> None:
    with pytest.raises(ClientError) as caught:
        cloudwatch.set_alarm_state(AlarmName="no", StateValue="OK", StateReason="a test")
    assert caught.value.response["Error"]["Code"] == "ResourceNotFound"
    with pytest.raises(ClientError) as caught:
        put(cloudwatch, "a", Period=45)
    assert caught.value.response["Error"]["Code"] == "ValidationError"


def test_composite_alarms_are_refused_by_name(cloudwatch: Any) -> None:
    with pytest.raises(ClientError, match="no composite ones"):
        cloudwatch.put_composite_alarm(AlarmName="c", AlarmRule="ALARM(errors)")


def test_paginator_lists_all_alarms(cloudwatch: Any, name: str) -> None:
    for number in range(3):
        put(cloudwatch, f"{name}-{number}")
    pages = cloudwatch.get_paginator("describe_alarms").paginate(
        AlarmNamePrefix=name, PaginationConfig={"PageSize": 2}
    )
    names = [[alarm["AlarmName"] for alarm in page["MetricAlarms"]] for page in pages]
    assert names == [[f"{name}-0", f"{name}-1"], [f"{name}-2"]]


def test_tagged_alarms_are_found_among_all_resources(
    emulator: Emulator, cloudwatch: Any, name: str
) -> None:
    put(cloudwatch, name, Tags=[{"Key": "of", "Value": name}])
    found = emulator.client("resourcegroupstaggingapi").get_resources(
        TagFilters=[{"Key": "of", "Values": [name]}]
    )["ResourceTagMappingList"]
    assert [each["ResourceARN"] for each in found] == [described(cloudwatch, name)["AlarmArn"]]
