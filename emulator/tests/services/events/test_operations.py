"""EventBridge's rules, their targets, and custom events, through boto3."""

import uuid
from typing import Any

import pytest
from approval_rule import approve, rule_for, wait_for_events
from botocore.exceptions import ClientError
from emulator_process import Emulator


def test_rules_are_listed_disabled_and_deleted(
    emulator: Emulator, functions: Any, function: str
) -> None:
    group = f"rules-{uuid.uuid4().hex[:8]}"
    rule_for(emulator, functions, function, group)
    events, name = emulator.client("events"), f"rule-{group}"
    assert [rule["Name"] for rule in events.list_rules(NamePrefix=name)["Rules"]] == [name]
    with pytest.raises(ClientError, match="has targets"):
        events.delete_rule(Name=name)
    events.disable_rule(Name=name)
    assert events.describe_rule(Name=name)["State"] == "DISABLED"
    assert wait_for_events(emulator, approve(emulator, group), 0.8) == []
    events.remove_targets(Rule=name, Ids=["1"])
    events.delete_rule(Name=name)
    with pytest.raises(events.exceptions.ResourceNotFoundException):
        events.describe_rule(Name=name)


def test_each_custom_event_has_a_result(emulator: Emulator) -> None:
    events = emulator.client("events")
    done = events.put_events(
        Entries=[
            {"Source": "mine", "DetailType": "T", "Detail": "{}"},
            {"Source": "mine", "DetailType": "T", "Detail": "no json"},
        ]
    )
    assert done["FailedEntryCount"] == 1
    assert "EventId" in done["Entries"][0]
    assert done["Entries"][1]["ErrorCode"] == "MalformedDetail"


def test_input_that_is_not_json_is_refused(pipeline: Any, rule: Any) -> None:
    with pytest.raises(ClientError, match="JSON syntax error in input for target 0"):
        rule({"source": ["stock.other"]}, {"Arn": pipeline, "Input": "{nothing"})
