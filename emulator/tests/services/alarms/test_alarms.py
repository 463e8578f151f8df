"""Alarms of a server in the test's own process: evaluated when the test says so."""

import json
from pathlib import Path
from typing import Any

import pytest
from local_context import local_context

from sagemaker_emulator.aws import dispatch
from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.aws.measurements import Measurement
from sagemaker_emulator.errors import ApiError
from sagemaker_emulator.services.alarms.alarms import Alarms
from sagemaker_emulator.services.metrics import Metrics

NOW = 1_800_000_000.0
WHERE = {"EndpointName": "e", "VariantName": "v"}


@pytest.fixture
def context(tmp_path: Path) -> Context:
    made = local_context(tmp_path / "state")
    made.metrics = Metrics(lambda: NOW)
    return made


def call(context: Context, name: str, **request: Any) -> dict[str, Any]:
    return dispatch.call(context, "cloudwatch", name, request)


def put(context: Context, **members: Any) -> None:
    dimensions = [{"Name": name, "Value": value} for name, value in WHERE.items()]
    alarm = {
        "AlarmName": "errors",
        "Namespace": "AWS/SageMaker",
        "MetricName": "Invocation5XXErrors",
        "Dimensions": dimensions,
        "Statistic": "Sum",
        "Period": 10,
        "EvaluationPeriods": 1,
        "Threshold": 0,
        "ComparisonOperator": "GreaterThanThreshold",
        "TreatMissingData": "notBreaching",
        **members,
    }
    call(context, "PutMetricAlarm", **alarm)


def described(context: Context, name: str = "errors") -> dict[str, Any]:
    (alarm,) = call(context, "DescribeAlarms", AlarmNames=[name])["MetricAlarms"]
    assert isinstance(alarm, dict)
    return alarm


def measure(context: Context, *values: float, **where: str) -> None:
    measured = [Measurement("Invocation5XXErrors", value) for value in values]
    context.metrics.record("AWS/SageMaker", {**WHERE, **where}, measured)


def evaluate(context: Context, end: float) -> str:
    assert isinstance(context.alarms, Alarms)
    context.alarms.evaluate("errors", end)
    return str(described(context)["StateValue"])


def test_new_alarm_has_insufficient_data(context: Context) -> None:
    put(context)
    alarm = described(context)
    assert alarm["StateValue"] == "INSUFFICIENT_DATA"
    assert alarm["StateReason"] == "Unchecked: Initial alarm creation"
    assert alarm["AlarmArn"] == "arn:aws:cloudwatch:us-east-1:123456789012:alarm:errors"


def test_alarm_follows_its_metric(context: Context) -> None:
    put(context)
    measure(context, 0, 1)
    assert evaluate(context, NOW) == "OK"  # before it was measured
    assert evaluate(context, NOW + 10) == "ALARM"
    assert "was greater than the threshold (0.0)" in described(context)["StateReason"]
    assert evaluate(context, NOW + 60) == "OK"  # no data any more


def test_other_dimensions_are_another_metric(context: Context) -> None:
    put(context)
    measure(context, 1, EndpointName="other")
    assert evaluate(context, NOW + 10) == "OK"


@pytest.mark.parametrize(
    ("statistic", "value"),
    [("Sum", 9.0), ("Average", 3.0), ("Maximum", 5.0), ("Minimum", 1.0), ("SampleCount", 3.0)],
)
def test_statistic_is_of_all_values_of_a_period(
    context: Context, statistic: str, value: float
) -> None:
    put(context, Statistic=statistic, Threshold=value, ComparisonOperator="LessThanThreshold")
    measure(context, 1, 3, 5)
    assert evaluate(context, NOW + 10) == "OK"
    put(context, Statistic=statistic, Threshold=value + 0.1, ComparisonOperator="LessThanThreshold")
    assert evaluate(context, NOW + 10) == "ALARM"


def test_new_configuration_keeps_the_state(context: Context) -> None:
    put(context)
    call(context, "SetAlarmState", AlarmName="errors", StateValue="ALARM", StateReason="a test")
    put(context, Threshold=5)
    alarm = described(context)
    assert (alarm["StateValue"], alarm["Threshold"]) == ("ALARM", 5)


def test_alarm_that_was_in_alarm_meanwhile_is_remembered(context: Context) -> None:
    put(context)
    for state in ("ALARM", "OK"):
        call(context, "SetAlarmState", AlarmName="errors", StateValue=state, StateReason="a test")
    changed = described(context)["StateUpdatedTimestamp"]
    assert context.alarms.was_in_alarm("errors", changed - 60)
    assert not context.alarms.was_in_alarm("errors", changed + 60)


def test_history_has_every_change_latest_first(context: Context) -> None:
    put(context)
    call(context, "SetAlarmState", AlarmName="errors", StateValue="ALARM", StateReason="a test")
    call(context, "DeleteAlarms", AlarmNames=["errors"])
    items = call(context, "DescribeAlarmHistory", AlarmName="errors")["AlarmHistoryItems"]
    assert [item["HistorySummary"] for item in items] == [
        'Alarm "errors" deleted',
        "Alarm updated from INSUFFICIENT_DATA to ALARM",
        'Alarm "errors" created',
    ]


def test_change_of_state_is_an_event(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    events: list[tuple[Any, ...]] = []
    monkeypatch.setattr(context.events, "emit", lambda *a, **k: events.append((*a, k)))
    put(context)
    call(context, "SetAlarmState", AlarmName="errors", StateValue="ALARM", StateReason="a test")
    call(context, "SetAlarmState", AlarmName="errors", StateValue="ALARM", StateReason="again")
    ((detail_type, detail, resources, options),) = events
    assert (detail_type, options["source"]) == ("CloudWatch Alarm State Change", "aws.cloudwatch")
    assert resources == [described(context)["AlarmArn"]]
    assert detail["state"]["value"] == "ALARM"
    assert detail["previousState"]["value"] == "INSUFFICIENT_DATA"
    (metric,) = detail["configuration"]["metrics"]
    assert metric["metricStat"]["metric"]["dimensions"] == WHERE


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ({"Period": 45}, "Period must be 10, 20, 30 or a multiple of 60"),
        ({"Period": 60, "EvaluationPeriods": 1441}, "at most 86400 seconds"),
        ({"DatapointsToAlarm": 2}, "DatapointsToAlarm must be at most EvaluationPeriods"),
        ({"TreatMissingData": "well"}, "TreatMissingData must be one of breaching"),
        ({"ComparisonOperator": "GreaterThanUpperThreshold"}, "anomaly detection"),
        (
            {"AlarmActions": ["arn:aws:automate:us-east-1:ec2:stop"]},
            "SNS topics and Lambda functions only",
        ),
        ({"ExtendedStatistic": "p99"}, "does not run PutMetricAlarm with ExtendedStatistic"),
        ({"Metrics": [{"Id": "m1", "Expression": "1"}]}, "with Metrics"),
        ({"Statistic": None}, "Statistic must be set"),
    ],
)
def test_alarm_that_cannot_be_run_is_refused(
    context: Context, members: dict[str, Any], reason: str
) -> None:
    with pytest.raises(ApiError, match=reason) as caught:
        put(context, **members)
    assert caught.value.code == "ValidationError"


def test_nothing_is_deleted_where_one_alarm_is_unknown(context: Context) -> None:
    put(context)
    with pytest.raises(ApiError, match="Unknown alarm 'other'"):
        call(context, "DeleteAlarms", AlarmNames=["errors", "other"])
    assert described(context)


def test_alarms_are_listed_by_pages(context: Context) -> None:
    for name in ("b", "c", "a"):
        put(context, AlarmName=name)
    names: list[str] = []
    token: dict[str, Any] = {}
    while True:
        page = call(context, "DescribeAlarms", MaxRecords=2, **token)
        names += [alarm["AlarmName"] for alarm in page["MetricAlarms"]]
        if "NextToken" not in page:
            break
        token = {"NextToken": page["NextToken"]}
    assert names == ["a", "b", "c"]


def test_tags_belong_to_an_alarm(context: Context) -> None:
    put(context, Tags=[{"Key": "project", "Value": "mine"}])
    arn = described(context)["AlarmArn"]
    call(context, "TagResource", ResourceARN=arn, Tags=[{"Key": "stage", "Value": "dev"}])
    call(context, "UntagResource", ResourceARN=arn, TagKeys=["project"])
    assert call(context, "ListTagsForResource", ResourceARN=arn)["Tags"] == [
        {"Key": "stage", "Value": "dev"}
    ]


TOPIC = "arn:aws:sns:us-east-1:123456789012:news"
FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:hears"


@pytest.fixture
def sent(context: Context, monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """What was handed over for delivery: for whom, what, and how."""
    handed: list[tuple[Any, ...]] = []
    monkeypatch.setattr(context.deliveries, "send", lambda *what, **_: handed.append(what))
    return handed


def test_topic_hears_of_its_states_only(context: Context, sent: list[tuple[Any, ...]]) -> None:
    put(context, AlarmActions=[TOPIC])
    for state in ("OK", "ALARM"):
        call(context, "SetAlarmState", AlarmName="errors", StateValue=state, StateReason="a test")
    ((arn, body, options),) = sent
    assert (arn, options["Subject"]) == (TOPIC, 'ALARM: "errors" in US East (N. Virginia)')
    message = json.loads(body)
    assert (message["OldStateValue"], message["NewStateValue"]) == ("OK", "ALARM")
    assert message["Trigger"]["Dimensions"][0] == {"value": "e", "name": "EndpointName"}


def test_function_is_permitted_by_the_alarm(context: Context, sent: list[tuple[Any, ...]]) -> None:
    put(context, OKActions=[FUNCTION])
    call(context, "SetAlarmState", AlarmName="errors", StateValue="OK", StateReason="a test")
    ((arn, body, options),) = sent
    alarm = described(context)["AlarmArn"]
    assert (arn, json.loads(body)["alarmArn"]) == (FUNCTION, alarm)
    assert options["Permit"] == ("lambda.alarms.cloudwatch.amazonaws.com", alarm)


def test_disabled_actions_are_not_run(context: Context, sent: list[tuple[Any, ...]]) -> None:
    put(context, AlarmActions=[TOPIC])
    call(context, "DisableAlarmActions", AlarmNames=["errors"])
    call(context, "SetAlarmState", AlarmName="errors", StateValue="ALARM", StateReason="a test")
    assert (sent, described(context)["StateValue"]) == ([], "ALARM")
