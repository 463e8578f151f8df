"""Schedules that fire: when, for whom, once, and what is kept of it."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from emulator_process import Emulator
from function_archive import function_request
from local_context import local_context
from processes import runs
from queue_messages import Queue, queue_of, receive, received
from waiting import wait_until

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.errors import ApiError
from sagemaker_emulator.services import aws_calls, deliveries
from sagemaker_emulator.services.schedules.scheduler import Scheduler, log_group

ROLE = "arn:aws:iam::123456789012:role/scheduler"
ARN = "arn:aws:scheduler:us-east-1:123456789012:schedule/default/s"
HOUR, DAY = 3600.0, 86_400.0
PAST = "at(2026-01-01T00:00:00)"


@pytest.fixture
def context(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Context]:
    monkeypatch.setattr(deliveries, "FIRST_WAIT", 0.01)
    made = local_context(tmp_path / "state")
    yield made
    made.deliveries.stop()
    made.functions.stop()
    made.containers.close()


def create(context: Context, target: Any, expression: str = PAST, **more: Any) -> None:
    request = {
        "Name": "s",
        "ScheduleExpression": expression,
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "Target": {"RoleArn": ROLE, **target},
        **more,
    }
    aws_calls.call(context, "scheduler", "CreateSchedule", **request)


def fire(context: Context, now: float | None = None) -> float | None:
    """Fire what is due at a time, as the clock would."""
    (source,) = [each for each in context.clock.sources if _is_of_schedules(each)]
    return source(time.time() if now is None else now)


def _is_of_schedules(source: Any) -> bool:
    return isinstance(source.__self__, Scheduler)


def due(context: Context) -> float:
    return float(context.store.list("schedule")[0]["Due"])


def history(context: Context) -> list[dict[str, Any]]:
    return [json.loads(line) for line in context.logs.read(log_group("default"), "s/")]


def target_of(queue: Queue, **more: Any) -> dict[str, Any]:
    return {"Arn": queue.arn, **more}


def test_a_one_time_schedule_fires_once(context: Context) -> None:
    queue = queue_of(context)
    create(context, target_of(queue, Input="now"))
    assert fire(context) is None
    assert fire(context) is None
    assert received(context, queue)["Body"] == "now"
    wait_until(lambda: history(context), 30)
    (record,) = history(context)
    assert (record["status"], record["scheduled_time"]) == ("SUCCESS", "2026-01-01T00:00:00Z")
    assert receive(context, queue) == []


def test_a_rate_fires_at_its_start_and_then_by_its_interval(context: Context) -> None:
    queue = queue_of(context)
    create(context, target_of(queue, Input="x"), "rate(1 hour)")
    start = due(context)
    assert start <= time.time()
    assert fire(context, start) == start + HOUR
    assert fire(context, start + HOUR - 1) == start + HOUR
    assert fire(context, start + HOUR) == start + 2 * HOUR
    wait_until(lambda: len(history(context)) == 2, 30)


def test_a_rate_that_started_a_moment_ago_fires_at_once(context: Context) -> None:
    """The SDK's `put_triggers` sends the second in which it is called as StartDate."""
    start = int(time.time()) - 2
    create(context, target_of(queue_of(context)), "rate(1 hour)", StartDate=start)
    assert due(context) == start
    assert fire(context, time.time()) == start + HOUR


def test_times_that_were_missed_are_one_call_for_the_last(context: Context) -> None:
    queue = queue_of(context)
    create(context, target_of(queue, Input="<aws.scheduler.scheduled-time>"), "rate(1 hour)")
    start = due(context)
    assert fire(context, start + 5.5 * HOUR) == start + 6 * HOUR
    last = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(start + 5 * HOUR))
    assert received(context, queue)["Body"] == last
    missed = [each for each in history(context) if each["status"] == "MISSED"]
    begin = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(start))
    expected = f"its times from {begin} until before {last} passed without a server"
    assert missed[0]["error_message"] == expected


def test_a_missed_time_that_is_too_old_is_not_fired(context: Context) -> None:
    queue = queue_of(context)
    policy = {"MaximumEventAgeInSeconds": 60}
    create(context, target_of(queue, RetryPolicy=policy), "rate(1 day)")
    start = due(context)
    assert fire(context, start + 1.5 * DAY) == start + 2 * DAY
    assert context.store.list("delivery") == []
    assert [each["status"] for each in history(context)] == ["MISSED"]


def test_a_flexible_window_delays_a_time_within_it(context: Context) -> None:
    queue = queue_of(context)
    window = {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 15}
    create(context, target_of(queue), "rate(1 day)", FlexibleTimeWindow=window)
    schedule = context.store.list("schedule")[0]
    assert schedule["Next"] <= schedule["Due"] <= schedule["Next"] + 15 * 60


def test_start_and_end_bound_a_schedule(context: Context) -> None:
    queue, start = queue_of(context), round(time.time()) + DAY
    end = start + 1.5 * HOUR
    create(context, target_of(queue), "rate(1 hour)", StartDate=start, EndDate=end)
    assert fire(context, start - 1) == start
    assert fire(context, start) == start + HOUR
    assert fire(context, start + HOUR) is None


def test_a_schedule_is_deleted_after_its_last_time_where_asked(context: Context) -> None:
    create(context, target_of(queue_of(context)), ActionAfterCompletion="DELETE")
    fire(context)
    with pytest.raises(ApiError, match="Schedule s does not exist"):
        aws_calls.call(context, "scheduler", "GetSchedule", Name="s")


def test_a_disabled_schedule_does_not_fire(context: Context) -> None:
    create(context, target_of(queue_of(context)), State="DISABLED")
    assert fire(context) is None
    assert context.store.list("delivery") == []


def test_what_cannot_be_called_is_a_dead_letter(context: Context) -> None:
    queue, dead = queue_of(context), queue_of(context)
    letters = {"DeadLetterConfig": {"Arn": dead.arn}}
    create(context, {"Arn": f"{queue.arn}-none", "Input": "lost", **letters})
    fire(context)
    letter = received(context, dead)
    assert letter["Body"] == "lost"
    reasons = {name: each["StringValue"] for name, each in letter["MessageAttributes"].items()}
    assert "NonExistentQueue" in reasons["ERROR_CODE"]
    assert reasons["SCHEDULE_ARN"] == ARN
    assert reasons["TARGET_ARN"] == f"{queue.arn}-none"
    assert reasons["SCHEDULED_TIME"] == "2026-01-01T00:00:00Z"
    assert reasons["RETRY_ATTEMPTS"] == "0"
    assert "EXHAUSTED_RETRY_CONDITION" not in reasons  # it is refused for good
    wait_until(lambda: history(context), 30)
    (record,) = history(context)
    assert (record["status"], record["dead_letter_queue"]) == ("FAILED", dead.arn)


def test_a_fault_is_tried_again_as_often_as_the_policy_has_it(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries: list[str] = []

    def fail(*_: Any, **more: Any) -> None:
        tries.append("")
        raise ApiError("InternalFailure", "as asked", 500)

    monkeypatch.setattr(context, "call", fail)
    dead = queue_of(context)
    pipeline = "arn:aws:sagemaker:us-east-1:123456789012:pipeline/p"
    policy = {"MaximumRetryAttempts": 2}
    letters = {"DeadLetterConfig": {"Arn": dead.arn}}
    create(context, {"Arn": pipeline, "RetryPolicy": policy, **letters})
    fire(context)
    reasons = received(context, dead)["MessageAttributes"]
    assert len(tries) == 3
    assert reasons["EXHAUSTED_RETRY_CONDITION"]["StringValue"] == "MaximumRetryAttempts"
    assert reasons["RETRY_ATTEMPTS"]["StringValue"] == "2"


def test_a_pipeline_is_started_with_its_parameters(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, dict[str, Any]]] = []

    def start(operation: str, **request: Any) -> dict[str, str]:
        asked.append((operation, request))
        return {"PipelineExecutionArn": "arn"}

    monkeypatch.setattr(context, "call", start)
    values = [{"Name": "Word", "Value": "x"}]
    pipeline = "arn:aws:sagemaker:us-east-1:123456789012:pipeline/p"
    parameters = {"SageMakerPipelineParameters": {"PipelineParameterList": values}}
    create(context, {"Arn": pipeline, **parameters})
    fire(context)
    wait_until(lambda: asked, 30)
    operation, request = asked[0]
    assert operation == "StartPipelineExecution"
    assert (request["PipelineName"], request["PipelineParameters"]) == (pipeline, values)
    wait_until(lambda: history(context), 30)
    assert history(context)[0]["response"] == '{"PipelineExecutionArn": "arn"}'


def test_a_function_gets_awss_event_without_permitting_it(context: Context, tmp_path: Path) -> None:
    file = tmp_path / "event"
    source = f"import json\ndef handler(event, context): json.dump(event, open({str(file)!r}, 'w'))"
    made = aws_calls.call(context, "lambda", "CreateFunction", **function_request("f", source))
    create(context, {"Arn": made["FunctionArn"]})
    fire(context)
    wait_until(lambda: file.exists() and file.stat().st_size > 0, 60)
    wait_until(lambda: context.store.list("invocation") == [], 60)
    event = json.loads(file.read_text())
    assert (event["source"], event["detail-type"]) == ("aws.scheduler", "Scheduled Event")
    assert event["resources"] == [ARN]


def test_a_universal_target_calls_an_operation(context: Context) -> None:
    queue = queue_of(context)
    arn = "arn:aws:scheduler:::aws-sdk:sqs:sendMessage"
    text = json.dumps({"QueueUrl": queue.url, "MessageBody": "try <aws.scheduler.attempt-number>"})
    create(context, {"Arn": arn, "Input": text})
    fire(context)
    assert received(context, queue)["Body"] == "try 1"


def test_an_event_is_put_on_the_bus(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[Any, ...]] = []

    def emit(*event: Any, bus: str) -> str:
        seen.append((*event, bus))
        return "id"

    monkeypatch.setattr(context.events, "emit", emit)
    bus = "arn:aws:events:us-east-1:123456789012:event-bus/default"
    about = {"EventBridgeParameters": {"DetailType": "watch", "Source": "stock"}}
    create(context, {"Arn": bus, "Input": '{"n": 1}', **about})
    fire(context)
    wait_until(lambda: seen, 30)
    assert seen == [("watch", {"n": 1}, [ARN], "stock", "default")]


def test_a_schedule_fires_in_the_server_and_not_again_after_a_restart(
    own_emulator: Callable[..., Emulator],
) -> None:
    emulator = own_emulator()
    assert emulator.up().returncode == 0
    scheduler, sqs = emulator.client("scheduler"), emulator.client("sqs")
    url = sqs.create_queue(QueueName="q")["QueueUrl"]
    queue = "arn:aws:sqs:us-east-1:123456789012:q"
    scheduler.create_schedule(
        Name="daily",
        ScheduleExpression="rate(1 day)",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={"Arn": queue, "RoleArn": ROLE, "Input": "once"},
    )

    def bodies(seconds: int) -> list[str]:
        found = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=seconds)
        return [each["Body"] for each in found.get("Messages", [])]

    assert bodies(20) == ["once"]
    pid = emulator.about["pid"]
    emulator.kill()
    wait_until(lambda: not runs(pid), 30)
    assert emulator.up().returncode == 0
    scheduler.create_schedule(
        Name="another",
        ScheduleExpression=PAST,
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={"Arn": queue, "RoleArn": ROLE, "Input": "another"},
    )
    assert bodies(20) == ["another"]
    assert [each["Name"] for each in scheduler.list_schedules()["Schedules"]] == [
        "another",
        "daily",
    ]
