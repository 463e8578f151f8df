"""The alarms, and who is told of them."""

from typing import Any

from pipelines.provisioning import alarms, by_settings, setup
from pipelines.provisioning import template as cloudformation
from pipelines.settings.model import Settings


def test_the_alarms_are_those_of_the_template(aws: Any, on_aws: Settings) -> None:
    for resource in alarms.RESOURCES:
        described = cloudformation.properties(resource, on_aws)
        assert by_settings.changed(resource, described, on_aws) == described
    setup.setup(aws.session, on_aws)
    client = aws.session.client("cloudwatch")
    made = client.describe_alarms(AlarmNames=list(on_aws.alarm_names))["MetricAlarms"]
    assert [one["AlarmName"] for one in made] == [
        "tally-errors",
        "tally-latency",
        "tally-self-test",
    ]


def test_the_alarms_have_the_limits_and_the_endpoint_of_the_settings(on_aws: Settings) -> None:
    rollout = on_aws.rollout.model_copy(update={"max_error_share": 0.1, "max_latency": 0.5})
    north = on_aws.model_copy(update={"rollout": rollout, "endpoint": "tally-north"})
    errors, latency = (
        by_settings.changed(alarm, cloudformation.properties(alarm, north), north)
        for alarm in ("ErrorsAlarm", "LatencyAlarm")
    )
    assert (errors["AlarmName"], errors["Threshold"]) == ("tally-north-errors", 0.1)
    assert latency["Threshold"] == 500_000
    assert {"Name": "EndpointName", "Value": "tally-north"} in errors["Dimensions"]


def test_the_address_of_the_settings_is_subscribed_once(aws: Any, on_aws: Settings) -> None:
    told = on_aws.model_copy(update={"notify": "stock@example.com"})
    states = [
        item.state
        for _ in range(2)
        for item in setup.setup(aws.session, told)
        if item.kind == "subscription"
    ]
    assert states == ["created", "exists"]
    subscriptions = aws.session.client("sns").list_subscriptions()["Subscriptions"]
    assert [one["Endpoint"] for one in subscriptions] == ["stock@example.com"]
