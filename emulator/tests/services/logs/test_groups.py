"""Log groups: what is noted of them, their tags, and names of any length."""

import uuid
from typing import Any

import pytest
from botocore.exceptions import ClientError
from emulator_process import Emulator


@pytest.fixture
def logs(emulator: Emulator) -> Any:
    return emulator.client("logs")


@pytest.fixture
def group() -> str:
    return f"/aws/test/{uuid.uuid4().hex}"


def test_key_class_and_tags_are_kept_and_shown(logs: Any, group: str) -> None:
    key = "arn:aws:kms:us-east-1:123456789012:key/1"
    logs.create_log_group(
        logGroupName=group, kmsKeyId=key, tags={"a": "1"}, logGroupClass="INFREQUENT_ACCESS"
    )
    (shown,) = logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]
    assert (shown["kmsKeyId"], shown["logGroupClass"]) == (key, "INFREQUENT_ACCESS")
    arn = {"resourceArn": shown["logGroupArn"]}
    logs.tag_resource(**arn, tags={"b": "2"})
    logs.untag_resource(**arn, tagKeys=["a"])
    assert logs.list_tags_for_resource(**arn)["tags"] == {"b": "2"}
    assert logs.list_tags_log_group(logGroupName=group)["tags"] == {"b": "2"}
    logs.tag_log_group(logGroupName=group, tags={"c": "3"})
    logs.untag_log_group(logGroupName=group, tags=["b"])
    assert logs.list_tags_log_group(logGroupName=group)["tags"] == {"c": "3"}
    with pytest.raises(logs.exceptions.ResourceNotFoundException):
        logs.list_tags_for_resource(resourceArn=arn["resourceArn"] + "x")
    with pytest.raises(logs.exceptions.ResourceAlreadyExistsException):
        logs.create_log_group(logGroupName=group)
    with pytest.raises(ClientError, match="with deletionProtectionEnabled"):
        logs.create_log_group(logGroupName=f"{group}2", deletionProtectionEnabled=True)


def test_creation_time_stays(logs: Any, group: str) -> None:
    logs.create_log_group(logGroupName=group)
    times = set()
    for stream in ("a", "b"):
        logs.create_log_stream(logGroupName=group, logStreamName=stream)
        (shown,) = logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]
        times.add(shown["creationTime"])
    assert len(times) == 1


def test_groups_may_be_named(logs: Any, group: str) -> None:
    names = [f"{group}/{n}" for n in range(3)]
    for name in names:
        logs.create_log_group(logGroupName=name)
    arn = f"arn:aws:logs:us-east-1:123456789012:log-group:{names[2]}"
    found = logs.describe_log_groups(logGroupIdentifiers=[names[0], arn])["logGroups"]
    assert [each["logGroupName"] for each in found] == [names[0], names[2]]
    with pytest.raises(logs.exceptions.InvalidParameterException, match="cannot be combined"):
        logs.describe_log_groups(logGroupIdentifiers=[names[0]], logGroupNamePrefix=group)


@pytest.mark.parametrize("letter", ["x", "/"])
def test_names_have_up_to_512_letters(logs: Any, group: str, letter: str) -> None:
    long = group + letter * (512 - len(group))
    stream = uuid.uuid4().hex + "é" * 480
    logs.create_log_group(logGroupName=long)
    logs.create_log_group(logGroupName=long[:-1])
    logs.create_log_stream(logGroupName=long, logStreamName=stream)
    found = logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]
    assert [each["logGroupName"] for each in found] == [long[:-1], long]
    (shown,) = logs.describe_log_streams(logGroupName=long)["logStreams"]
    assert shown["logStreamName"] == stream
    logs.delete_log_group(logGroupName=long)
    found = logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]
    assert [each["logGroupName"] for each in found] == [long[:-1]]
    with pytest.raises(logs.exceptions.InvalidParameterException, match="logGroupName"):
        logs.create_log_group(logGroupName=long + "x")


@pytest.mark.parametrize("name", [".", ".."])
def test_name_is_no_path(emulator: Emulator, logs: Any, name: str) -> None:
    for call in (logs.delete_log_group, logs.describe_log_streams):
        with pytest.raises(logs.exceptions.ResourceNotFoundException):
            call(logGroupName=name)
    logs.create_log_group(logGroupName=name)
    logs.delete_log_group(logGroupName=name)
    assert (emulator.state / "emulator.db").exists()
