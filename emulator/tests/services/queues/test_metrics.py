"""CloudWatch's metrics of queues, and an alarm on one."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from emulator_process import Emulator
from local_context import local_context
from queue_messages import Queue, queue_of, receive, send
from waiting import wait_until

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.services import aws_calls
from sagemaker_emulator.services.queues.metrics import QueueMetrics


@pytest.fixture
def context(tmp_path: Path) -> Iterator[Context]:
    made = local_context(tmp_path / "state")
    yield made
    made.containers.close()


def measured(context: Context, queue: Queue, metric: str) -> list[float]:
    """The sums of what was measured of a queue, in the order of time."""
    where = {"QueueName": queue.arn.rpartition(":")[2]}
    return [each.total for each in context.metrics.sums("AWS/SQS", where, metric, None)]


def test_a_queue_is_measured(context: Context) -> None:
    queue = queue_of(context)
    send(context, queue, "taken")
    receive(context, queue, VisibilityTimeout=900)
    send(context, queue, "later", DelaySeconds=900)
    for body in ("waits", "too"):
        send(context, queue, body)
    QueueMetrics(context).measure(time.time() + 60)
    assert measured(context, queue, "ApproximateNumberOfMessagesVisible") == [2]
    assert measured(context, queue, "ApproximateNumberOfMessagesNotVisible") == [1]
    assert measured(context, queue, "ApproximateNumberOfMessagesDelayed") == [1]
    (age,) = measured(context, queue, "ApproximateAgeOfOldestMessage")
    assert 60 <= age < 600


def test_messages_are_counted(context: Context) -> None:
    dead = queue_of(context)
    policy = json.dumps({"deadLetterTargetArn": dead.arn, "maxReceiveCount": 1})
    queue = queue_of(context, VisibilityTimeout=0, RedrivePolicy=policy)
    send(context, queue, "x")
    receive(context, queue)
    receive(context, queue)  # moves it, which is neither sent nor deleted
    (message,) = receive(context, dead)
    handle = message["ReceiptHandle"]
    aws_calls.call(context, "sqs", "DeleteMessage", QueueUrl=dead.url, ReceiptHandle=handle)
    counts = {
        (name, metric): sum(measured(context, each, f"NumberOfMessages{metric}"))
        for name, each in (("queue", queue), ("dead", dead))
        for metric in ("Sent", "Received", "Deleted")
    }
    assert counts == {
        ("queue", "Sent"): 1,
        ("queue", "Received"): 1,
        ("queue", "Deleted"): 0,
        ("dead", "Sent"): 0,
        ("dead", "Received"): 1,
        ("dead", "Deleted"): 1,
    }


def test_what_is_kept_is_measured_before_anybody_asks(context: Context, tmp_path: Path) -> None:
    queue = queue_of(context)
    send(context, queue, "x")
    context = local_context(tmp_path / "state", context.store)
    QueueMetrics(context).measure(time.time())
    assert measured(context, queue, "ApproximateNumberOfMessagesVisible") == [1]


def test_a_queue_is_measured_every_ten_seconds(context: Context) -> None:
    metrics, now = QueueMetrics(context), time.time()
    assert metrics.measure(now) == now + 10
    assert metrics.measure(now + 9) == now + 10
    assert metrics.measure(now + 10) == now + 20


def test_an_alarm_tells_that_a_letter_waits(emulator: Emulator, name: str) -> None:
    sqs, cloudwatch = emulator.client("sqs"), emulator.client("cloudwatch")
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    cloudwatch.put_metric_alarm(
        AlarmName=name,
        Namespace="AWS/SQS",
        MetricName="ApproximateNumberOfMessagesVisible",
        Dimensions=[{"Name": "QueueName", "Value": name}],
        Statistic="Maximum",
        Period=10,
        EvaluationPeriods=1,
        ComparisonOperator="GreaterThanThreshold",
        Threshold=0,
        TreatMissingData="notBreaching",
    )

    def state() -> str:
        found = cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"]
        return str(found[0]["StateValue"])

    sqs.send_message(QueueUrl=url, MessageBody="lost")
    wait_until(lambda: state() == "ALARM", 120)
    cloudwatch.delete_alarms(AlarmNames=[name])
