"""How long a group keeps its events."""

import os
import time
import uuid
from pathlib import Path
from typing import Any

import pytest
from emulator_process import Emulator

from sagemaker_emulator.services.logs.log_files import LogFiles

DAY = 86_400


@pytest.fixture
def logs(emulator: Emulator) -> Any:
    return emulator.client("logs")


@pytest.fixture
def group(logs: Any) -> str:
    name = f"/aws/test/{uuid.uuid4().hex}"
    logs.create_log_group(logGroupName=name)
    logs.create_log_stream(logGroupName=name, logStreamName="s")
    for age in (2 * DAY, 0):
        when = round((time.time() - age) * 1000)
        logs.put_log_events(
            logGroupName=name,
            logStreamName="s",
            logEvents=[{"timestamp": when, "message": f"{age // DAY} days old"}],
        )
    return name


def messages(logs: Any, group: str) -> tuple[list[str], list[str]]:
    got = logs.get_log_events(logGroupName=group, logStreamName="s", startFromHead=True)
    filtered = logs.filter_log_events(logGroupName=group)
    return (
        [each["message"] for each in got["events"]],
        [each["message"] for each in filtered["events"]],
    )


def test_expired_events_are_not_returned(logs: Any, group: str) -> None:
    logs.put_retention_policy(logGroupName=group, retentionInDays=1)
    assert messages(logs, group) == (["0 days old"], ["0 days old"])
    (shown,) = logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]
    assert shown["retentionInDays"] == 1


def test_without_a_retention_all_are_kept(logs: Any, group: str) -> None:
    logs.put_retention_policy(logGroupName=group, retentionInDays=1)
    logs.delete_retention_policy(logGroupName=group)
    assert messages(logs, group)[0] == ["2 days old", "0 days old"]
    (shown,) = logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]
    assert "retentionInDays" not in shown


def test_only_the_documented_numbers_of_days_are_taken(logs: Any, group: str) -> None:
    with pytest.raises(logs.exceptions.InvalidParameterException, match="1, 3, 5, 7, 14"):
        logs.put_retention_policy(logGroupName=group, retentionInDays=2)


def test_streams_of_expired_events_are_deleted_at_the_start(tmp_path: Path) -> None:
    files = LogFiles(tmp_path)
    files.write("group", "old", [(time.time() - 3 * DAY, "old")])
    files.append("group", "new", ["new"])
    (old,) = tmp_path.glob("group/old*.jsonl")
    os.utime(old, (time.time() - 3 * DAY,) * 2)
    files.change_group("group", lambda _: {"retentionInDays": 1})
    again = LogFiles(tmp_path)
    assert not old.exists()
    assert list(again.read("group", "")) == ["new"]
