"""Each kind of resource: created once, changed where it differs, found, and deleted."""

import json
from typing import Any

import pytest

from pipelines.provisioning.kinds import KINDS
from pipelines.provisioning.kinds.kind import Document, Resource, contains
from pipelines.settings.model import Settings

QUEUE_ARN = "arn:aws:sqs:us-east-1:123456789012:tally-lost"
TOPIC_ARN = "arn:aws:sns:us-east-1:123456789012:tally-news"
EVERYBODY: Document = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": QUEUE_ARN}
    ],
}
BUDGET: Document = {
    "Budget": {
        "BudgetName": "tally",
        "BudgetLimit": {"Amount": 50, "Unit": "USD"},
        "TimeUnit": "MONTHLY",
        "BudgetType": "COST",
    },
    "NotificationsWithSubscribers": [
        {
            "Notification": {
                "NotificationType": "ACTUAL",
                "ComparisonOperator": "GREATER_THAN",
                "Threshold": 80,
            },
            "Subscribers": [{"SubscriptionType": "EMAIL", "Address": "a@example.com"}],
        }
    ],
}
ALARM: Document = {
    "AlarmName": "tally-errors",
    "Namespace": "AWS/SageMaker",
    "MetricName": "Invocation5XXErrors",
    "Dimensions": [{"Name": "EndpointName", "Value": "tally"}],
    "Statistic": "Sum",
    "Period": 60,
    "EvaluationPeriods": 1,
    "Threshold": 1,
    "ComparisonOperator": "GreaterThanOrEqualToThreshold",
    "TreatMissingData": "notBreaching",
    "Tags": [{"Key": "project", "Value": "tally"}],
}
SCHEDULE: Document = {
    "Name": "tally-watch",
    "ScheduleExpression": "rate(1 day)",
    "FlexibleTimeWindow": {"Mode": "OFF"},
    "Target": {"Arn": QUEUE_ARN, "RoleArn": "arn:aws:iam::123456789012:role/r", "Input": "{}"},
}


def _reading(bucket: str) -> Document:
    arn = f"arn:aws:s3:::{bucket}/*"
    statement = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": arn}
    return {"Version": "2012-10-17", "Statement": [statement]}


CASES: list[tuple[str, str, Document, Document]] = [
    ("AWS::CloudWatch::Alarm", "tally-errors", ALARM, {"Threshold": 5}),
    ("AWS::Scheduler::Schedule", "tally-watch", SCHEDULE, {"ScheduleExpression": "rate(7 days)"}),
    (
        "AWS::SQS::Queue",
        "tally-lost",
        {"QueueName": "tally-lost", "MessageRetentionPeriod": 1209600},
        {"MessageRetentionPeriod": 86400},
    ),
    ("AWS::SNS::Topic", "tally-news", {"TopicName": "tally-news"}, {}),
    (
        "AWS::Logs::LogGroup",
        "/tally",
        {"LogGroupName": "/tally", "RetentionInDays": 90},
        {"RetentionInDays": 30},
    ),
    (
        "AWS::Budgets::Budget",
        "tally",
        BUDGET,
        {"Budget": {**BUDGET["Budget"], "BudgetLimit": {"Amount": 70, "Unit": "USD"}}},
    ),
    (
        "AWS::IAM::ManagedPolicy",
        "tally-scoring",
        {"ManagedPolicyName": "tally-scoring", "Description": "d", "PolicyDocument": _reading("a")},
        {"PolicyDocument": _reading("b")},
    ),
]


def _resource(type_: str, name: str, properties: Document) -> Resource:
    return Resource("X", type_, name, properties, retained=False)


@pytest.mark.parametrize(
    ("type_", "name", "properties", "change"), CASES, ids=lambda v: str(v)[:24]
)
def test_a_resource_is_created_changed_and_deleted(
    aws: Any, on_aws: Settings, type_: str, name: str, properties: Document, change: Document
) -> None:
    kind, session = KINDS[type_], aws.session
    resource = _resource(type_, name, properties)
    assert not kind.exists(session, resource)
    states = [kind.ensure(session, on_aws, resource).state for _ in range(2)]
    assert states == ["created", "exists"]
    if change:
        changed = _resource(type_, name, {**properties, **change})
        states = [kind.ensure(session, on_aws, changed).state for _ in range(2)]
        assert states == ["updated", "exists"]
    kind.delete(session, resource)
    assert not kind.exists(session, resource)


def test_what_belongs_to_a_queue_or_a_topic_is_put_once(aws: Any, on_aws: Settings) -> None:
    sqs = aws.session.client("sqs")
    sqs.create_queue(QueueName="tally-lost")
    aws.session.client("sns").create_topic(Name="tally-news")
    topic_policy = json.loads(json.dumps(EVERYBODY).replace("sqs:SendMessage", "sns:Publish"))
    for type_, properties in (
        ("AWS::SQS::QueuePolicy", {"Queues": ["tally-lost"], "PolicyDocument": EVERYBODY}),
        ("AWS::SNS::TopicPolicy", {"Topics": [TOPIC_ARN], "PolicyDocument": topic_policy}),
        (
            "AWS::SNS::Subscription",
            {"TopicArn": TOPIC_ARN, "Protocol": "sqs", "Endpoint": QUEUE_ARN},
        ),
    ):
        resource = _resource(type_, "x", properties)
        first = KINDS[type_].ensure(aws.session, on_aws, resource)
        assert first.state in ("created", "updated")  # moto's topics have a policy at once
        assert KINDS[type_].ensure(aws.session, on_aws, resource).state == "exists"


def test_a_rules_targets_are_compared_with_their_dead_letters(aws: Any, on_aws: Settings) -> None:
    target: Document = {"Id": "a", "Arn": QUEUE_ARN}
    rule: Document = {
        "Name": "tally-rule",
        "State": "ENABLED",
        "EventPattern": {"source": ["aws.sagemaker"]},
        "Targets": [target],
    }
    kind = KINDS["AWS::Events::Rule"]
    kind.ensure(aws.session, on_aws, _resource("AWS::Events::Rule", "tally-rule", rule))
    rule["Targets"] = [{**target, "DeadLetterConfig": {"Arn": QUEUE_ARN}}]
    changed = _resource("AWS::Events::Rule", "tally-rule", rule)
    assert kind.ensure(aws.session, on_aws, changed).state == "updated"
    assert kind.ensure(aws.session, on_aws, changed).state == "exists"
    kind.delete(aws.session, changed)
    assert not kind.exists(aws.session, changed)


@pytest.mark.parametrize(
    ("current", "wanted", "holds"),
    [
        ({"a": 1, "b": 2}, {"a": 1}, True),
        ({"a": 1}, {"a": 2}, False),
        ({"a": [1, 2]}, {"a": [2, 1]}, True),
        ({"a": [1, 2]}, {"a": [1]}, False),
        (None, {"a": 1}, False),
    ],
)
def test_what_a_service_returns_may_hold_more(current: Any, wanted: Any, holds: bool) -> None:
    assert contains(current, wanted) is holds
