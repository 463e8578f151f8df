"""Custom event buses, through boto3: their rules, events, policies, and events between buses."""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from emulator_process import Emulator

ACCOUNT = "arn:aws:events:us-east-1:123456789012"
PATTERN = json.dumps({"source": ["my.app"]})


@pytest.fixture
def events(emulator: Emulator) -> Any:
    return emulator.client("events")


@pytest.fixture
def bus(events: Any, name: str) -> str:
    events.create_event_bus(Name=name)
    return name


@pytest.fixture
def queue(emulator: Emulator, name: str) -> Iterator[tuple[str, str]]:
    """The address and ARN of a queue."""
    sqs = emulator.client("sqs")
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    yield url, f"arn:aws:sqs:us-east-1:123456789012:{name}"
    sqs.delete_queue(QueueUrl=url)


def send(events: Any, bus: str, detail: dict[str, Any]) -> Any:
    entry = {"Source": "my.app", "DetailType": "t", "Detail": json.dumps(detail)}
    (sent,) = events.put_events(Entries=[{**entry, "EventBusName": bus}])["Entries"]
    return sent


def received(emulator: Emulator, url: str) -> Any:
    found = emulator.client("sqs").receive_message(QueueUrl=url, WaitTimeSeconds=10)
    return [json.loads(each["Body"]) for each in found.get("Messages", [])]


def target(events: Any, bus: str, rule: str, arn: str) -> None:
    events.put_rule(Name=rule, EventBusName=bus, EventPattern=PATTERN)
    done = events.put_targets(Rule=rule, EventBusName=bus, Targets=[{"Id": "t", "Arn": arn}])
    assert done["FailedEntryCount"] == 0


def test_only_the_rules_of_its_bus_get_an_event(
    emulator: Emulator, events: Any, bus: str, queue: tuple[str, str]
) -> None:
    url, arn = queue
    target(events, bus, "rule", arn)
    rule = events.describe_rule(Name="rule", EventBusName=bus)
    assert (rule["Arn"], rule["EventBusName"]) == (f"{ACCOUNT}:rule/{bus}/rule", bus)
    assert rule["CreatedBy"] == "123456789012"
    assert send(events, "default", {"on": "default"})["EventId"]
    sent = send(events, f"{ACCOUNT}:event-bus/{bus}", {"on": bus})
    (event,) = received(emulator, url)
    assert (event["id"], event["detail"]) == (sent["EventId"], {"on": bus})
    log = f"/aws/vendedlogs/events/event-bus/{bus}"
    lines = emulator.client("logs").filter_log_events(logGroupName=log)["events"]
    assert any(event["id"] in line["message"] for line in lines)


def test_event_goes_on_to_another_bus_and_no_further(
    emulator: Emulator, events: Any, bus: str, queue: tuple[str, str]
) -> None:
    url, arn = queue
    for other in ("two", "three"):
        events.create_event_bus(Name=f"{bus}-{other}")
    target(events, bus, "on", f"{ACCOUNT}:event-bus/{bus}-two")
    target(events, f"{bus}-two", "take", arn)
    target(events, f"{bus}-two", "on", f"{ACCOUNT}:event-bus/{bus}-three")
    target(events, f"{bus}-three", "take", arn)
    sent = send(events, bus, {})
    (event,) = received(emulator, url)
    assert event["id"] == sent["EventId"]
    time.sleep(0.2)
    assert received_now(emulator, url) == []


def received_now(emulator: Emulator, url: str) -> Any:
    return emulator.client("sqs").receive_message(QueueUrl=url).get("Messages", [])


def test_rules_of_buses_are_apart(events: Any, bus: str) -> None:
    events.put_rule(Name=bus, EventPattern=PATTERN)
    events.put_rule(Name=bus, EventBusName=bus, EventPattern=PATTERN, State="DISABLED")
    for where, state in ((bus, "DISABLED"), ("default", "ENABLED")):
        (rule,) = events.list_rules(EventBusName=where, NamePrefix=bus)["Rules"]
        assert (rule["EventBusName"], rule["State"]) == (where, state)
    events.enable_rule(Name=bus, EventBusName=bus)
    events.tag_resource(
        ResourceARN=f"{ACCOUNT}:rule/{bus}/{bus}", Tags=[{"Key": "a", "Value": "b"}]
    )
    assert events.list_tags_for_resource(ResourceARN=f"{ACCOUNT}:rule/{bus}")["Tags"] == []
    events.delete_rule(Name=bus)
    assert events.describe_rule(Name=bus, EventBusName=bus)["State"] == "ENABLED"
    with pytest.raises(ClientError, match=f"does not exist on EventBus {bus}"):
        events.describe_rule(Name="none", EventBusName=bus)


def test_buses_are_listed_described_changed_and_deleted(events: Any, bus: str) -> None:
    other = f"{bus}-other"
    made = events.create_event_bus(Name=other, Description="d", Tags=[{"Key": "a", "Value": "b"}])
    assert made["EventBusArn"] == f"{ACCOUNT}:event-bus/{other}"
    default = events.describe_event_bus()
    assert default["Name"] == "default"
    assert events.describe_event_bus()["CreationTime"] == default["CreationTime"]
    assert events.describe_event_bus(Name=made["EventBusArn"])["Description"] == "d"
    tags = events.list_tags_for_resource(ResourceARN=made["EventBusArn"])["Tags"]
    assert tags == [{"Key": "a", "Value": "b"}]
    assert events.update_event_bus(Name=other, Description="e")["Description"] == "e"
    first = events.list_event_buses(NamePrefix=bus, Limit=1)
    second = events.list_event_buses(NamePrefix=bus, NextToken=first["NextToken"])
    names = [each["Name"] for each in (*first["EventBuses"], *second["EventBuses"])]
    assert names == [bus, other]
    assert "default" in [each["Name"] for each in events.list_event_buses()["EventBuses"]]
    events.put_rule(Name="r", EventBusName=other, EventPattern=PATTERN)
    with pytest.raises(ClientError, match="has rules: r"):
        events.delete_event_bus(Name=other)
    events.delete_rule(Name="r", EventBusName=other)
    for _ in range(2):
        events.delete_event_bus(Name=other)
    with pytest.raises(ClientError, match=f"Event bus {other} does not exist."):
        events.describe_event_bus(Name=other)


def test_policy_of_a_bus(events: Any, bus: str) -> None:
    for sid, principal in (("one", "111111111111"), ("all", "*")):
        events.put_permission(
            EventBusName=bus, Action="events:PutEvents", StatementId=sid, Principal=principal
        )
    policy = json.loads(events.describe_event_bus(Name=bus)["Policy"])
    assert [each["Principal"] for each in policy["Statement"]] == [
        {"AWS": "arn:aws:iam::111111111111:root"},
        "*",
    ]
    events.remove_permission(EventBusName=bus, StatementId="one")
    with pytest.raises(ClientError, match="Statement with the provided id does not exist"):
        events.remove_permission(EventBusName=bus, StatementId="one")
    events.put_permission(EventBusName=bus, Policy=json.dumps(policy))
    assert json.loads(events.describe_event_bus(Name=bus)["Policy"]) == policy
    events.remove_permission(EventBusName=bus, RemoveAllPermissions=True)
    assert "Policy" not in events.describe_event_bus(Name=bus)
    with pytest.raises(ClientError, match="EventBus does not have a policy"):
        events.remove_permission(EventBusName=bus, StatementId="one")


@pytest.mark.parametrize(
    "operation, request_, message",
    [
        ("create_event_bus", {"Name": "default"}, "ResourceAlreadyExists.*default already exists"),
        ("create_event_bus", {"Name": "a/b"}, "must not contain '/'"),
        (
            "create_event_bus",
            {"Name": "x", "EventSourceName": "aws.partner/x/y"},
            "with EventSourceName",
        ),
        ("delete_event_bus", {"Name": "default"}, "Cannot delete event bus default"),
        ("put_rule", {"Name": "r", "EventBusName": "none", "EventPattern": PATTERN}, "none does"),
        (
            "put_permission",
            {"Action": "events:PutRule", "Principal": "*", "StatementId": "s"},
            "'action' is not supported",
        ),
        ("put_permission", {"Policy": "{"}, "invalid Json"),
    ],
)
def test_what_is_wrong_is_refused(
    events: Any, operation: str, request_: dict[str, Any], message: str
) -> None:
    with pytest.raises(ClientError, match=message):
        getattr(events, operation)(**request_)


def test_schedules_are_for_the_default_bus(events: Any, bus: str) -> None:
    with pytest.raises(ClientError, match="supported only on the default event bus"):
        events.put_rule(Name="r", EventBusName=bus, ScheduleExpression="rate(1 day)")
    assert send(events, "none", {})["ErrorCode"] == "ResourceNotFoundException"
