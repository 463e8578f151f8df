"""The queue of asynchronous invocations, over endpoints and an S3 that only remember."""

import base64
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from botocore.exceptions import EndpointConnectionError
from endpoint_client import variant_of
from local_context import local_context
from waiting import wait_until

from sagemaker_emulator.aws import s3_client
from sagemaker_emulator.sagemaker.endpoints import async_invocations
from sagemaker_emulator.sagemaker.endpoints.async_invocations import KIND, AsyncInvocations
from sagemaker_emulator.sagemaker.endpoints.invocation import Invocation
from sagemaker_emulator.sagemaker.endpoints.model_server import Answer


class Queue:
    """Asynchronous invocations of a model whose first response waits for `first`."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.context = local_context(folder)
        self.context.endpoints = SimpleNamespace(serving=lambda *_: self)
        self.asked: list[bytes] = []
        self.written: list[str] = []
        self.faults = 0  # how often S3 does not respond, from now on
        self.first = threading.Event()
        self.first.set()
        self.together = threading.Barrier(1)  # so many of the later requests are under way at once
        monkeypatch.setattr(async_invocations, "ask", self._ask)
        monkeypatch.setattr(async_invocations, "PAUSE_SECONDS", 0.05)
        monkeypatch.setattr(s3_client, "client", lambda _: self)
        self.invocations = AsyncInvocations(self.context)

    def choose(self) -> str:
        return "v"

    def target_problem(self, *_: object) -> str:
        return ""

    def _ask(self, _: object, __: object, ___: str, request: Invocation) -> Answer:
        self.asked.append(request.body)
        if len(self.asked) == 1:
            assert self.first.wait(10)
        else:
            self.together.wait(10)
        return Answer("primary", httpx.Response(200, content=b"answer"))

    def put_object(self, Key: str, **_: Any) -> None:
        if self.faults:
            self.faults -= 1
            raise EndpointConnectionError(endpoint_url="http://s3")
        self.written.append(Key)

    def serve(self, instances: int) -> None:
        """Have an endpoint of so many instances, each with one request at a time."""
        config = {
            "ProductionVariants": [variant_of("v", "m", InitialInstanceCount=instances)],
            "AsyncInferenceConfig": {"ClientConfig": {"MaxConcurrentInvocationsPerInstance": 1}},
        }
        self.context.store.put("endpoint", "e", {"Config": config})

    def queued(self, number: int) -> dict[str, Any]:
        return {
            "Id": f"e/{number}",
            "InferenceId": str(number),
            "EndpointName": "e",
            "Members": {},
            "Received": time.time(),
            "Expires": time.time() + 60,
            "Seconds": 10,
            "Body": base64.b64encode(str(number).encode()).decode(),
            "OutputLocation": f"s3://bucket/{number}",
            "Notifications": {},
        }

    def is_empty(self) -> bool:
        return not self.context.store.list(KIND)


@pytest.fixture
def queue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    made = Queue(tmp_path, monkeypatch)
    yield made
    made.invocations.stop()


def test_request_whose_response_cannot_be_written_now_is_tried_again(queue: Queue) -> None:
    queue.serve(1)
    queue.faults = 2
    queue.invocations.begin(queue.queued(1))
    wait_until(queue.is_empty, 10)
    assert queue.asked == [b"1"] * 3
    assert queue.written == ["1"]


def test_backlog_is_sent_to_instances_that_were_added(queue: Queue) -> None:
    queue.serve(1)
    queue.first.clear()
    queue.together = threading.Barrier(3)
    for number in range(7):
        queue.invocations.begin(queue.queued(number))
    wait_until(lambda: queue.asked == [b"0"], 10)
    queue.serve(3)
    queue.first.set()
    wait_until(queue.is_empty, 10)


def test_requests_of_an_endpoint_deleted_before_a_kill_are_dropped(queue: Queue) -> None:
    for number in range(3):
        queue.context.store.put(KIND, f"e/{number}", queue.queued(number))
    queue.invocations.start()
    wait_until(queue.is_empty, 10)
    assert not queue.asked and not queue.written


def test_requests_are_continued_in_their_order(queue: Queue) -> None:
    queue.serve(1)
    for number in range(12):
        queue.context.store.put(KIND, f"e/{number}", queue.queued(number))
    queue.invocations.start()
    wait_until(queue.is_empty, 10)
    assert queue.asked == [str(number).encode() for number in range(12)]


def test_requests_of_other_endpoints_are_kept(queue: Queue) -> None:
    for identity in ("e/1", "e-2/1", "f/1", "E/1"):
        queue.context.store.put(KIND, identity, queue.queued(1))
    queue.invocations.forget("e")
    assert [name for name, _ in queue.context.store.items(KIND)] == ["e-2/1", "f/1", "E/1"]
