"""What is handed over in the background: kept, tried again, and given up."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from local_context import local_context
from queue_messages import queue_of, receive, received
from waiting import wait_until

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.errors import ApiError
from sagemaker_emulator.services import deliveries, targets
from sagemaker_emulator.services.deliveries import Ended


@pytest.fixture
def context(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Context]:
    monkeypatch.setattr(deliveries, "FIRST_WAIT", 0.01)
    made = local_context(tmp_path / "state")
    yield made
    made.deliveries.stop()
    made.containers.close()


def test_what_a_server_left_is_delivered_by_the_next(context: Context) -> None:
    queue = queue_of(context)
    context.deliveries.stop()
    context.deliveries.send(queue.arn, "left", {})
    assert len(context.store.list("delivery")) == 1
    context.deliveries = deliveries.Deliveries(context)
    context.deliveries.start()
    assert received(context, queue)["Body"] == "left"
    wait_until(lambda: context.store.list("delivery") == [], 30)


def test_what_is_under_way_when_the_service_starts_is_delivered_once(context: Context) -> None:
    queue = queue_of(context)
    sent = [str(number) for number in range(10)]
    for body in sent:
        context.deliveries.send(queue.arn, body, {})
        context.deliveries.start()
    wait_until(lambda: context.store.list("delivery") == [], 30)
    found = receive(context, queue) + receive(context, queue)
    assert sorted(each["Body"] for each in found) == sent


def test_dead_letters_of_an_earlier_state_are_sent(context: Context) -> None:
    queue = queue_of(context)
    letter = {"Id": "1", "Queue": queue.arn, "Body": "early", "Attributes": {"ErrorCode": 200}}
    context.store.put("dead-letter", "1", letter)
    context.deliveries.start()
    found = received(context, queue)
    assert found["Body"] == "early"
    assert found["MessageAttributes"]["ErrorCode"]["DataType"] == "Number"
    assert context.store.list("dead-letter") == []


def test_what_is_undone_is_not_delivered(context: Context) -> None:
    queue = queue_of(context)
    with pytest.raises(RuntimeError), context.store.transaction():
        context.deliveries.send(queue.arn, "undone", {})
        raise RuntimeError("undo it")
    context.deliveries.send(queue.arn, "done", {})
    assert received(context, queue)["Body"] == "done"
    assert receive(context, queue) == []


def test_how_it_ended_is_reported_to_its_sender(context: Context) -> None:
    ends: list[Ended] = []
    context.deliveries.reports["me"] = ends.append
    queue = queue_of(context)
    context.deliveries.send(queue.arn, "x", {}, origin={"Kind": "me", "n": 1})
    context.deliveries.send(f"{queue.arn}-none", "x", {}, origin={"Kind": "me", "n": 2})
    wait_until(lambda: len(ends) == 2, 30)
    good, bad = sorted(ends, key=lambda each: str(each.delivery["Origin"]["n"]))
    assert (good.problem, good.attempts) == (None, 1)
    assert isinstance(bad.problem, ApiError)
    assert "NonExistentQueue" in bad.problem.code


def test_a_full_disk_keeps_a_delivery(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    """Handing it over fails first, as its target cannot keep it either."""
    monkeypatch.setattr(deliveries, "LONGEST_WAIT", 0.01)
    queue, send = queue_of(context), targets.send
    failures = [sqlite3.OperationalError("database or disk is full")] * 3

    def fail(*arguments: Any) -> str:
        if failures:
            raise failures.pop()
        return send(*arguments)

    monkeypatch.setattr(targets, "send", fail)
    context.deliveries.send(queue.arn, "kept", {}, most_retries=5)
    assert received(context, queue)["Body"] == "kept"
