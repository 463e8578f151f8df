"""Targets that are handed an event in the background, retries of targets, and rules by schedule."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from local_context import local_context
from queue_messages import queue_of, received
from waiting import wait_until

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.errors import ApiError
from sagemaker_emulator.services import aws_calls, deliveries
from sagemaker_emulator.services.events.bus import EventBus
from sagemaker_emulator.services.events.event_log import GROUP

PIPELINE = "arn:aws:sagemaker:us-east-1:123456789012:pipeline/p"
EVENT = {"a": 1}


@pytest.fixture
def context(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Context]:
    monkeypatch.setattr(deliveries, "FIRST_WAIT", 0.01)
    made = local_context(tmp_path / "state")
    yield made
    made.deliveries.stop()
    made.functions.stop()
    made.containers.close()


def put_rule(context: Context, *targets: dict[str, Any], **rule: Any) -> dict[str, Any]:
    about = rule or {"EventPattern": '{"source": ["mine"]}'}
    aws_calls.call(context, "events", "PutRule", Name="r", **about)
    listed = [{"Id": str(number), **each} for number, each in enumerate(targets)]
    return aws_calls.call(context, "events", "PutTargets", Rule="r", Targets=listed)


def records(context: Context, step: str) -> list[dict[str, Any]]:
    """The records of a step in the rule's log."""
    lines = (json.loads(line) for line in context.logs.read(GROUP, "r/"))
    return [each for each in lines if each["message_type"] == step]


def emit(context: Context) -> str:
    return context.events.emit("T", EVENT, [], "mine")


def test_a_queue_gets_the_event(context: Context) -> None:
    queue = queue_of(context)
    put_rule(context, {"Arn": queue.arn})
    identity = emit(context)
    event = json.loads(received(context, queue)["Body"])
    assert (event["id"], event["detail"]) == (identity, EVENT)
    wait_until(lambda: records(context, "INVOCATION_SUCCESS"), 30)
    (success,) = records(context, "INVOCATION_SUCCESS")
    (match,) = records(context, "RULE_MATCH")
    assert match["details"]["invocation_ids"] == [success["invocation_id"]]
    assert "MessageId" in success["details"]["target_response_body"]


def test_a_queue_gets_what_a_template_makes(context: Context) -> None:
    queue = queue_of(context)
    transformer = {"InputPathsMap": {"n": "$.detail.a"}, "InputTemplate": "there are <n>"}
    put_rule(context, {"Arn": queue.arn, "InputTransformer": transformer})
    emit(context)
    assert received(context, queue)["Body"] == "there are 1"


def test_a_topic_tells_its_subscribers(context: Context) -> None:
    queue = queue_of(context)
    topic = aws_calls.call(context, "sns", "CreateTopic", Name="t")["TopicArn"]
    aws_calls.call(context, "sns", "Subscribe", TopicArn=topic, Protocol="sqs", Endpoint=queue.arn)
    put_rule(context, {"Arn": topic, "Input": '"told"'})
    emit(context)
    assert json.loads(received(context, queue)["Body"])["Message"] == '"told"'


def test_a_log_group_gets_the_event_as_a_line(context: Context) -> None:
    aws_calls.call(context, "logs", "CreateLogGroup", logGroupName="/events/all")
    put_rule(context, {"Arn": "arn:aws:logs:us-east-1:123456789012:log-group:/events/all"})
    identity = emit(context)
    wait_until(lambda: list(context.logs.read("/events/all", "")), 30)
    (line,) = context.logs.read("/events/all", "")
    assert json.loads(line)["id"] == identity


def test_a_target_of_another_kind_is_refused_by_name(context: Context) -> None:
    stream = "arn:aws:kinesis:us-east-1:123456789012:stream/s"
    done = put_rule(context, {"Arn": stream})
    assert done["FailedEntryCount"] == 1
    assert done["FailedEntries"][0]["ErrorCode"] == "UnsupportedTarget"
    assert stream in done["FailedEntries"][0]["ErrorMessage"]


def test_a_fifo_queue_needs_a_message_group(context: Context) -> None:
    with pytest.raises(ApiError, match="SqsParameters must be specified for target: 0"):
        put_rule(context, {"Arn": "arn:aws:sqs:us-east-1:123456789012:q.fifo"})


def test_a_rule_that_sends_to_its_own_bus_is_refused(context: Context) -> None:
    bus = "arn:aws:events:us-east-1:123456789012:event-bus/default"
    with pytest.raises(ApiError, match="its own event bus"):
        put_rule(context, {"Arn": bus})


class Failing:
    """SageMaker that fails some times, and then starts executions."""

    def __init__(self, times: int) -> None:
        self.left, self.calls = times, 0

    def __call__(self, operation: str, **request: Any) -> dict[str, str]:
        self.calls += 1
        if self.left:
            self.left -= 1
            raise ApiError("InternalFailure", "as asked", 500)
        return {"PipelineExecutionArn": f"{PIPELINE}/execution/1"}


def test_a_target_that_fails_for_a_while_is_tried_again(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing = Failing(2)
    monkeypatch.setattr(context, "call", failing)
    put_rule(context, {"Arn": PIPELINE})
    emit(context)
    wait_until(lambda: records(context, "INVOCATION_SUCCESS"), 30)
    assert failing.calls == 3
    (success,) = records(context, "INVOCATION_SUCCESS")
    assert success["details"]["total_attempts"] == 3


@pytest.mark.parametrize("retries", [0, 2])
def test_retries_end_as_the_policy_has_it(
    context: Context, monkeypatch: pytest.MonkeyPatch, retries: int
) -> None:
    failing = Failing(100)
    monkeypatch.setattr(context, "call", failing)
    dead = queue_of(context)
    policy = {"MaximumRetryAttempts": retries}
    letters = {"DeadLetterConfig": {"Arn": dead.arn}}
    put_rule(context, {"Arn": PIPELINE, "RetryPolicy": policy, **letters})
    identity = emit(context)
    letter = received(context, dead)
    assert failing.calls == retries + 1
    assert json.loads(letter["Body"])["id"] == identity
    reasons = {name: each["StringValue"] for name, each in letter["MessageAttributes"].items()}
    assert reasons["EXHAUSTED_RETRY_CONDITION"] == "MaximumRetryAttempts"
    assert reasons["RETRY_ATTEMPTS"] == str(retries)
    assert reasons["TARGET_ARN"] == PIPELINE
    wait_until(lambda: records(context, "INVOCATION_DLQ"), 30)


def test_an_event_that_is_too_old_is_not_tried_again(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliveries, "FIRST_WAIT", 61.0)
    monkeypatch.setattr(deliveries, "LONGEST_WAIT", 61.0)
    failing = Failing(100)
    monkeypatch.setattr(context, "call", failing)
    dead = queue_of(context)
    policy = {"MaximumEventAgeInSeconds": 60}
    letters = {"DeadLetterConfig": {"Arn": dead.arn}}
    put_rule(context, {"Arn": PIPELINE, "RetryPolicy": policy, **letters})
    emit(context)
    reasons = received(context, dead)["MessageAttributes"]
    assert reasons["EXHAUSTED_RETRY_CONDITION"]["StringValue"] == "MaximumEventAgeInSeconds"


def fire(context: Context, now: float) -> float | None:
    bus = context.events
    assert isinstance(bus, EventBus)
    return bus.fire(now)


def test_a_rule_by_schedule_sends_awss_event(context: Context) -> None:
    queue = queue_of(context)
    put_rule(context, {"Arn": queue.arn}, ScheduleExpression="rate(1 hour)")
    begin = time.time()
    following = fire(context, begin)
    assert following is not None
    assert begin < following <= begin + 3600  # the first comes after the first interval
    assert fire(context, following) == following + 3600
    event = json.loads(received(context, queue)["Body"])
    assert (event["source"], event["detail-type"]) == ("aws.events", "Scheduled Event")
    assert event["resources"] == ["arn:aws:events:us-east-1:123456789012:rule/r"]
    assert event["detail"] == {}
    assert len(records(context, "RULE_MATCH")) == 1


def test_times_that_a_rule_missed_are_one_event(context: Context) -> None:
    queue = queue_of(context)
    put_rule(context, {"Arn": queue.arn}, ScheduleExpression="cron(0 * * * ? *)")
    following = fire(context, time.time())
    assert following is not None
    assert fire(context, following + 5 * 3600 + 1) == following + 6 * 3600
    event = json.loads(received(context, queue)["Body"])
    last = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(following + 5 * 3600))
    assert event["time"] == last


def test_a_disabled_rule_has_no_times(context: Context) -> None:
    aws_calls.call(context, "events", "PutRule", Name="r", ScheduleExpression="rate(1 minute)")
    aws_calls.call(context, "events", "DisableRule", Name="r")
    assert fire(context, time.time() + 600) is None
    aws_calls.call(context, "events", "EnableRule", Name="r")
    following = fire(context, time.time())
    assert following is not None
    assert following > time.time()


@pytest.mark.parametrize("text", ["at(2030-01-01T00:00:00)", "rate(1 minutes)", "daily"])
def test_an_expression_that_rules_cannot_have(context: Context, text: str) -> None:
    with pytest.raises(ApiError, match="Parameter ScheduleExpression is not valid"):
        put_rule(context, ScheduleExpression=text)
