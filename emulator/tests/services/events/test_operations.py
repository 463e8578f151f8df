"""EventBridge's rules, their targets, and custom events, through boto3."""

import json
import uuid
from typing import Any

import pytest
from approval_rule import approve, rule_for, wait_for_events
from botocore.exceptions import ClientError
from emulator_process import Emulator
from waiting import wait_until


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


@pytest.mark.parametrize(
    "entry, code, message",
    [
        (
            {"DetailType": "T", "Detail": "{}"},
            "InvalidArgument",
            "Parameter Source is not valid. Reason: Source is a required argument.",
        ),
        (
            {"Source": "mine", "Detail": "{}"},
            "InvalidArgument",
            "Parameter DetailType is not valid. Reason: DetailType is a required argument.",
        ),
        (
            {"Source": "mine", "DetailType": "T"},
            "InvalidArgument",
            "Parameter Detail is not valid. Reason: Detail is a required argument.",
        ),
        *(
            (
                {"Source": "mine", "DetailType": "T", "Detail": detail},
                "MalformedDetail",
                "Detail is malformed.",
            )
            for detail in ("no json", "[]", '{"a": NaN}', '{"a":' * 50_000, '{"a": 1e400}')
        ),
        (
            {"Source": "aws.s3", "DetailType": "T", "Detail": "{}"},
            "NotAuthorizedForSourceException",
            "Not authorized for the source.",
        ),
        (
            {"Source": "mine", "DetailType": "T", "Detail": "{}", "Time": -1},
            "InvalidArgument",
            "Parameter Time is not valid.",
        ),
    ],
    ids=[*("source", "type", "detail", "text", "list", "nan", "deep", "infinite", "aws", "time")],
)
def test_each_custom_event_has_a_result(events: Any, entry: Any, code: str, message: str) -> None:
    good = {"Source": "mine", "DetailType": "T", "Detail": "{}", "Time": 1_700_000_000}
    done = events.put_events(Entries=[entry, good])
    assert done["FailedEntryCount"] == 1
    assert done["Entries"][0] == {"ErrorCode": code, "ErrorMessage": message}
    assert "EventId" in done["Entries"][1]


def test_custom_events_are_limited(events: Any) -> None:
    large = {"Source": "mine", "DetailType": "T", "Detail": '{"a": "' + "x" * 150_000 + '"}'}
    events.put_events(Entries=[large])
    with pytest.raises(ClientError, match="Total size of the entries in the request is over"):
        events.put_events(Entries=[large, large])


@pytest.mark.parametrize("event", ["x", "{}", "[" * 100_000, '{"id": "1", "account": "2"}'])
def test_event_that_is_none_cannot_be_tested(events: Any, event: str) -> None:
    with pytest.raises(ClientError, match=r"ValidationException.*Parameter Event is not valid"):
        events.test_event_pattern(EventPattern='{"id": ["1"]}', Event=event)


def test_event_can_be_tested(events: Any) -> None:
    members = ("id", "account", "source", "time", "region", "detail-type")
    event = json.dumps(dict.fromkeys(members, "x") | {"detail": [{"a": 1}, {"a": 2}]})
    for value, expected in ((2, True), (3, False)):
        pattern = json.dumps({"detail": {"a": [value]}})
        assert events.test_event_pattern(EventPattern=pattern, Event=event)["Result"] is expected


def test_tags_of_a_rule_are_kept(events: Any, name: str) -> None:
    rule = {"Name": name, "EventPattern": '{"source": ["mine"]}', "ScheduleExpression": ""}
    arn = events.put_rule(**rule, Tags=[{"Key": "a", "Value": "1"}])["RuleArn"]
    events.put_rule(**rule, Tags=[{"Key": "b", "Value": "2"}])  # ignored, as on AWS
    assert events.list_tags_for_resource(ResourceARN=arn)["Tags"] == [{"Key": "a", "Value": "1"}]
    events.tag_resource(ResourceARN=arn, Tags=[{"Key": "c", "Value": "3"}])
    events.untag_resource(ResourceARN=arn, TagKeys=["a"])
    assert events.list_tags_for_resource(ResourceARN=arn)["Tags"] == [{"Key": "c", "Value": "3"}]
    with pytest.raises(events.exceptions.ResourceNotFoundException):
        events.list_tags_for_resource(ResourceARN=f"{arn}x")
    events.delete_rule(Name=name)


FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:f"


@pytest.mark.parametrize(
    "target, message",
    [
        ({"Arn": "nonsense"}, "Parameter nonsense is not valid. Reason: Provided Arn is not in"),
        ({"DeadLetterConfig": {"Arn": "dead"}}, "Parameter dead is not valid"),
        ({"DeadLetterConfig": {"Arn": FUNCTION}}, "a dead letter needs an SQS queue"),
        ({"Input": "{}", "InputPath": "$"}, "Only one of Input, InputPath, or InputTransformer"),
        ({"InputPath": "$.a[*]"}, r"Invalid JSONPath '\$\.a\[\*\]'"),
        ({"InputTransformer": {"InputTemplate": "<no>"}}, "contains invalid placeholder no"),
        ({"Input": "[" * 5_000}, "JSON syntax error in input for target 0"),
        ({"SqsParameters": {"MessageGroupId": "g"}}, "SqsParameters is not for the target"),
        # Backtracking through this pattern would take years.
        ({"HttpParameters": {"HeaderParameters": {"a": "a" + " " * 60 + "é"}}}, "pattern"),
        ({"HttpParameters": {"HeaderParameters": {"a": "b"}}}, r"with Targets\.HttpParameters"),
    ],
    ids=["arn", "queue", "no-queue", "two", "path", "placeholder", "deep", "sqs", "header", "http"],
)
def test_target_that_cannot_be_honoured_is_refused(
    events: Any, rule: Any, target: Any, message: str
) -> None:
    name = rule({"source": ["mine"]}, {"Arn": FUNCTION})
    with pytest.raises(ClientError, match=f"ValidationException.*{message}"):
        events.put_targets(Rule=name, Targets=[{"Id": "0", "Arn": FUNCTION, **target}])
    assert events.list_targets_by_rule(Rule=name)["Targets"] == [{"Id": "0", "Arn": FUNCTION}]


def test_rule_has_at_most_five_targets(events: Any, rule: Any) -> None:
    name = rule({"source": ["mine"]}, *[{"Arn": FUNCTION}] * 5)
    with pytest.raises(events.exceptions.LimitExceededException):
        events.put_targets(Rule=name, Targets=[{"Id": "sixth", "Arn": FUNCTION}])
    events.put_targets(Rule=name, Targets=[{"Id": "4", "Arn": FUNCTION, "Input": "1"}])


def test_target_that_is_not_there_cannot_be_removed(events: Any, rule: Any) -> None:
    name = rule({"source": ["mine"]}, {"Arn": FUNCTION})
    done = events.remove_targets(Rule=name, Ids=["none", "0"])
    assert done["FailedEntryCount"] == 1
    assert done["FailedEntries"][0]["ErrorCode"] == "ResourceNotFoundException"
    assert events.list_targets_by_rule(Rule=name)["Targets"] == []


def test_event_that_is_not_delivered_is_a_dead_letter(
    emulator: Emulator, events: Any, rule: Any, function: str, name: str
) -> None:
    sqs = emulator.client("sqs")
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    queue = {"Arn": f"arn:aws:sqs:us-east-1:123456789012:{name}"}
    arn = f"arn:aws:lambda:us-east-1:123456789012:function:{function}"
    policy = {"MaximumRetryAttempts": 2, "MaximumEventAgeInSeconds": 60}
    targets = [
        {"Arn": arn, "DeadLetterConfig": queue, "RetryPolicy": policy},  # permits nobody
        {"Arn": f"{arn}-none", "DeadLetterConfig": queue},
    ]
    made = rule({"source": [name]}, *targets)
    listed = events.list_targets_by_rule(Rule=made)["Targets"]
    assert listed == [{"Id": str(n), **target} for n, target in enumerate(targets)]
    event = {"Source": name, "DetailType": "T", "Detail": '{"a": 1}'}
    (sent,) = events.put_events(Entries=[event])["Entries"]
    letters: list[Any] = []

    def has_letters() -> bool:
        answer = sqs.receive_message(QueueUrl=url, MessageAttributeNames=["All"])
        letters.extend(answer.get("Messages", []))
        return len(letters) == 2

    wait_until(has_letters, 60)
    for letter in letters:
        assert json.loads(letter["Body"])["id"] == sent["EventId"]
        attributes = {k: v["StringValue"] for k, v in letter["MessageAttributes"].items()}
        assert attributes.pop("ERROR_MESSAGE")
        is_there = attributes["TARGET_ARN"] == arn
        assert attributes == {
            "RULE_ARN": f"arn:aws:events:us-east-1:123456789012:rule/{made}",
            "TARGET_ARN": arn if is_there else f"{arn}-none",
            "ERROR_CODE": "NO_PERMISSIONS" if is_there else "NO_RESOURCE",
            "RETRY_ATTEMPTS": "0",
        }


def test_input_that_is_not_json_is_refused(pipeline: Any, rule: Any) -> None:
    with pytest.raises(ClientError, match="JSON syntax error in input for target 0"):
        rule({"source": ["stock.other"]}, {"Arn": pipeline, "Input": "{nothing"})
