"""The operations on schedules and their groups, over HTTP."""

import datetime
import uuid
from typing import Any

import pytest
from botocore.exceptions import ClientError
from emulator_process import Emulator

ROLE = "arn:aws:iam::123456789012:role/scheduler"
QUEUE = "arn:aws:sqs:us-east-1:123456789012:q"


@pytest.fixture
def scheduler(emulator: Emulator) -> Any:
    return emulator.client("scheduler")


@pytest.fixture
def group(scheduler: Any) -> str:
    name = f"group-{uuid.uuid4().hex[:8]}"
    scheduler.create_schedule_group(Name=name, Tags=[{"Key": "stage", "Value": "dev"}])
    return name


def request(group: str, name: str = "s", target: Any = None, **more: Any) -> Any:
    """A schedule that does not fire while the test runs."""
    return {
        "Name": name,
        "GroupName": group,
        "ScheduleExpression": "cron(0 10 1 1 ? 2100)",
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "Target": {"Arn": QUEUE, "RoleArn": ROLE, **(target or {})},
        **more,
    }


def test_a_start_that_is_long_past_is_refused(scheduler: Any, group: str) -> None:
    now = datetime.datetime.now(datetime.UTC)
    with pytest.raises(ClientError, match="cannot be earlier than 5 minutes ago"):
        scheduler.create_schedule(**request(group, StartDate=now - datetime.timedelta(minutes=6)))
    scheduler.create_schedule(**request(group, StartDate=now - datetime.timedelta(minutes=4)))


def test_a_schedule_is_shown_as_it_was_made(scheduler: Any, group: str) -> None:
    start = datetime.datetime(2090, 1, 1, tzinfo=datetime.UTC)
    made = scheduler.create_schedule(
        **request(
            group,
            StartDate=start,
            ScheduleExpressionTimezone="Europe/Berlin",
            FlexibleTimeWindow={"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 5},
            Description="d",
        )
    )
    arn = f"arn:aws:scheduler:us-east-1:123456789012:schedule/{group}/s"
    assert made["ScheduleArn"] == arn
    shown = scheduler.get_schedule(Name="s", GroupName=group)
    assert (shown["Arn"], shown["State"], shown["StartDate"]) == (arn, "ENABLED", start)
    assert shown["ScheduleExpressionTimezone"] == "Europe/Berlin"
    assert shown["ActionAfterCompletion"] == "NONE"
    assert shown["Target"]["RetryPolicy"] == {
        "MaximumEventAgeInSeconds": 86_400,
        "MaximumRetryAttempts": 185,
    }


def test_an_update_replaces_all_settings(scheduler: Any, group: str) -> None:
    scheduler.create_schedule(**request(group, Description="d", State="DISABLED"))
    created = scheduler.get_schedule(Name="s", GroupName=group)["CreationDate"]
    scheduler.update_schedule(**request(group, ScheduleExpression="cron(0 11 1 1 ? 2100)"))
    shown = scheduler.get_schedule(Name="s", GroupName=group)
    assert "Description" not in shown
    assert shown["State"] == "ENABLED"
    assert shown["ScheduleExpression"] == "cron(0 11 1 1 ? 2100)"
    assert shown["CreationDate"] == created


def test_the_same_token_makes_one_schedule(scheduler: Any, group: str) -> None:
    first = scheduler.create_schedule(**request(group, ClientToken="t"))
    assert (
        scheduler.create_schedule(**request(group, ClientToken="t"))["ScheduleArn"]
        == (first["ScheduleArn"])
    )
    with pytest.raises(ClientError, match=r"ConflictException.*already exists"):
        scheduler.create_schedule(**request(group))


def test_schedules_are_listed_by_group_prefix_and_state(scheduler: Any, group: str) -> None:
    for name in ("b-1", "a-2", "a-1"):
        state = "DISABLED" if name == "a-2" else "ENABLED"
        scheduler.create_schedule(**request(group, name, State=state))
    pages = scheduler.get_paginator("list_schedules").paginate(
        GroupName=group, PaginationConfig={"PageSize": 2}
    )
    assert [each["Name"] for page in pages for each in page["Schedules"]] == ["a-1", "a-2", "b-1"]
    found = scheduler.list_schedules(GroupName=group, NamePrefix="a", State="ENABLED")
    (shown,) = found["Schedules"]
    assert (shown["Name"], shown["Target"]) == ("a-1", {"Arn": QUEUE})


def test_a_group_is_tagged_and_deleted_with_its_schedules(scheduler: Any, group: str) -> None:
    arn = scheduler.get_schedule_group(Name=group)["Arn"]
    scheduler.tag_resource(ResourceArn=arn, Tags=[{"Key": "owner", "Value": "me"}])
    scheduler.untag_resource(ResourceArn=arn, TagKeys=["stage"])
    assert scheduler.list_tags_for_resource(ResourceArn=arn)["Tags"] == [
        {"Key": "owner", "Value": "me"}
    ]
    names = [each["Name"] for each in scheduler.list_schedule_groups()["ScheduleGroups"]]
    assert {group, "default"} <= set(names)
    scheduler.create_schedule(**request(group))
    scheduler.delete_schedule_group(Name=group)
    with pytest.raises(ClientError, match="does not exist"):
        scheduler.get_schedule(Name="s", GroupName=group)
    with pytest.raises(ClientError, match="default schedule group cannot"):
        scheduler.delete_schedule_group(Name="default")


@pytest.mark.parametrize(
    "more, reason",
    [
        ({"ScheduleExpression": "rate(1 minutes)"}, "Invalid Schedule Expression"),
        ({"ScheduleExpressionTimezone": "Mars/Phobos"}, "ScheduleExpressionTimezone"),
        ({"FlexibleTimeWindow": {"Mode": "FLEXIBLE"}}, "MaximumWindowInMinutes"),
        ({"EndDate": datetime.datetime(2020, 1, 1)}, "EndDate"),
        ({"target": {"Arn": "arn:aws:kinesis:us-east-1:123456789012:stream/s"}}, "are called here"),
        ({"target": {"Arn": "arn:aws:scheduler:::aws-sdk:ec2:startInstances"}}, "ec2"),
        ({"target": {"Arn": "arn:aws:scheduler:::aws-sdk:sqs:listQueues"}}, "listQueues"),
        ({"target": {"Arn": "arn:aws:scheduler:::aws-sdk:sqs:sendMessage", "Input": "x"}}, "JSON"),
        ({"target": {"EventBridgeParameters": {"DetailType": "d", "Source": "s"}}}, "not for the"),
        ({"target": {"KinesisParameters": {"PartitionKey": "p"}}}, "KinesisParameters"),
    ],
)
def test_what_a_schedule_cannot_have(
    scheduler: Any, group: str, more: dict[str, Any], reason: str
) -> None:
    with pytest.raises(ClientError, match=rf"ValidationException.*{reason}"):
        scheduler.create_schedule(**request(group, **more))
