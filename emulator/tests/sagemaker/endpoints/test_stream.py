"""InvokeEndpointWithResponseStream, as botocore reads it."""

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError, EventStreamError
from emulator_process import Emulator
from endpoint_client import Hosting
from waiting import wait_until

IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/streaming:latest"


class Streaming:
    """An endpoint whose model answers word by word."""

    def __init__(self, emulator: Emulator, until: Callable[..., Any], name: str) -> None:
        self.hosting, self.name = Hosting(emulator, until), name
        self.runtime = emulator.client("sagemaker-runtime")
        self.hosting.model(name, image=IMAGE)
        self.hosting.config(name, v=name)
        assert self.hosting.endpoint(name)["EndpointStatus"] == "InService"

    def invoke(self, body: str, **more: Any) -> Any:
        return self.runtime.invoke_endpoint_with_response_stream(
            EndpointName=self.name, Body=body, ContentType="text/plain", **more
        )

    def seen(self) -> Any:
        answer = self.runtime.invoke_endpoint(EndpointName=self.name, Body="seen")
        return json.load(answer["Body"])


@pytest.fixture(scope="module")
def streaming(emulator: Emulator) -> Iterator[Streaming]:
    def wait(describe: Callable[[], dict[str, Any]], key: str) -> Any:
        found: list[dict[str, Any]] = []

        def look() -> bool:
            found[:] = [describe()]
            return found[0][key] != "Creating"

        wait_until(look, 30)
        return found[0]

    made = Streaming(emulator, wait, "streams-words")
    yield made
    made.hosting.sagemaker.delete_endpoint(EndpointName=made.name)


def test_parts_come_as_the_container_sends_them(streaming: Streaming) -> None:
    response = streaming.invoke("one two three")
    assert response["ContentType"] == "text/plain; charset=utf-8"
    assert (response["InvokedProductionVariant"], response["CustomAttributes"]) == ("v", "trace=1")
    parts, times = [], []
    for event in response["Body"]:
        parts.append(event["PayloadPart"]["Bytes"])
        times.append(time.monotonic())
    assert parts == [b"one", b"two", b"three"]
    assert times[-1] - times[0] > 0.2  # not all at once


def test_error_of_the_container_is_a_model_error(streaming: Streaming) -> None:
    with pytest.raises(ClientError, match=r'client error \(400\) from primary with message "no"'):
        streaming.invoke("refuse")
    with pytest.raises(ClientError, match=r"Variant w of endpoint .* cannot be invoked"):
        streaming.invoke("one", TargetVariant="w")
    with pytest.raises(ClientError, match=r"does not run .*ResponseStream with SessionId"):
        streaming.invoke("one", SessionId="mine")


def test_answer_that_ends_early_is_told_in_the_stream(streaming: Streaming) -> None:
    events = iter(streaming.invoke("one break")["Body"])
    assert next(events)["PayloadPart"]["Bytes"] == b"one"
    with pytest.raises(EventStreamError, match=r"\(ModelStreamError\).*ended its response early"):
        next(events)


def test_client_that_goes_away_ends_the_answer(streaming: Streaming) -> None:
    before = streaming.seen()["broken"]
    body = streaming.invoke("word " * 100)["Body"]
    next(iter(body))
    body.close()
    wait_until(lambda: streaming.seen()["broken"] > before, 10)
