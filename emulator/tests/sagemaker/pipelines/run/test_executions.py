from __future__ import annotations

import threading

import pytest
from pipeline_bench import Bench
from pipeline_steps import processing

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.sagemaker.pipelines.run import executions
from sagemaker_emulator.sagemaker.pipelines.run.execution_thread import ExecutionThread


def test_execution_continues_after_a_restart(bench: Bench) -> None:
    bench.create(
        processing("A"),
        processing("B", {"HOLD": "1"}, DependsOn=["A"]),
        processing("C", DependsOn=["B"]),
    )
    arn = bench.start()
    bench.until(arn, "B", "Executing")
    bench.restart()
    bench.jobs.released.set()
    assert bench.finish(arn) == "Succeeded"
    assert len(bench.jobs.created) == 3


def test_execution_whose_definition_cannot_be_read_fails_and_the_server_starts(
    bench: Bench,
) -> None:
    bench.create(processing("A", {"HOLD": "1"}))
    arn = bench.start()
    bench.until(arn, "A", "Executing")
    bench.stop_services()
    for kept in bench.context.store.list("pipeline-definition"):
        bench.context.store.update(
            "pipeline-definition", kept["Name"], PipelineDefinition='{"Version": NaN}'
        )
    bench.start_services()
    described = bench.call("DescribePipelineExecution", PipelineExecutionArn=arn)
    assert described["PipelineExecutionStatus"] == "Failed"
    assert "NaN is no number of JSON" in described["FailureReason"]


def test_stop_while_an_execution_starts_is_not_missed(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    class StoppedThread(ExecutionThread):
        def __init__(self, context: Context, arn: str, closing: threading.Event) -> None:
            super().__init__(context, arn, closing)
            bench.stop(arn)

    monkeypatch.setattr(executions, "ExecutionThread", StoppedThread)
    bench.create(processing("A", {"HOLD": "1"}))
    assert bench.run()[1] == "Stopped"
