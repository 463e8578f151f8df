from __future__ import annotations

import threading
import time
from typing import Any

import pytest
from pipeline_bench import TOKEN, Bench

from sagemaker_emulator.sagemaker.pipelines.run import callback_step
from sagemaker_emulator.sagemaker.pipelines.run.step_run import StepRun

QUEUE = "https://sqs.us-east-1.amazonaws.com/123456789012/q"


def test_message_that_a_kill_prevented_is_sent_once_after_the_restart(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[str] = []
    killed = threading.Event()

    def send(run: StepRun, queue: str, token: str, status: str, arguments: Any) -> None:
        if not killed.is_set():
            killed.set()
            run.closing.wait(10)
            raise RuntimeError("the server was killed here")
        sent.append(token)

    monkeypatch.setattr(callback_step, "_send", send)
    bench.create({"Name": "Ask", "Type": "Callback", "SqsQueueUrl": QUEUE, "Arguments": {}})
    arn = bench.start()
    bench.until(arn, "Ask", "Executing")
    assert killed.wait(10)
    bench.restart()
    deadline = time.monotonic() + 10
    while not sent:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    bench.restart()  # a message that was sent is not sent again
    bench.call("SendPipelineExecutionStepSuccess", CallbackToken=sent[0], ClientRequestToken=TOKEN)
    assert bench.finish(arn) == "Succeeded"
    assert len(sent) == 1
