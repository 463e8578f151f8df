from __future__ import annotations

from typing import Any

import pytest
from pipeline_bench import Bench
from pipeline_steps import condition, fail, get, output_uri, processing

from sagemaker_emulator.sagemaker.pipelines.run import step_run
from sagemaker_emulator.sagemaker.pipelines.run.records import STEP
from sagemaker_emulator.storage.store import Store


def equal(left: Any, right: Any) -> list[dict[str, Any]]:
    return [{"Type": "Equals", "LeftValue": left, "RightValue": right}]


def test_steps_run_in_the_order_in_which_they_wait(bench: Bench) -> None:
    bench.create(
        processing("C", DependsOn=["B"]), processing("B", DependsOn=["A"]), processing("A")
    )
    arn, status = bench.run()
    assert status == "Succeeded"
    assert list(bench.steps(arn)) == ["A", "B", "C"]
    assert {step["StepStatus"] for step in bench.steps(arn).values()} == {"Succeeded"}


def test_records_of_all_steps_are_read_once(bench: Bench, monkeypatch: Any) -> None:
    read: list[str] = []

    def list_kind(store: Store, kind: str, prefix: str = "") -> list[dict[str, Any]]:
        read.append(kind)
        return list_all(store, kind, prefix)

    list_all = Store.list
    monkeypatch.setattr(Store, "list", list_kind)
    names = [f"S{number}" for number in range(8)]
    steps = [processing(name, {"BEFORE": output_uri("First")}) for name in names]
    bench.create(processing("First"), *steps)
    arn = bench.start()
    while bench.status(arn) == "Executing":
        bench.context.store.wait(0.1)
    assert read.count(STEP) == 1


def test_step_waits_for_its_own_document_and_for_a_stop(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(step_run, "_LONGEST_WAIT", 3600)
    bench.create(processing("A"), processing("B", {"HOLD": "1"}, DependsOn=["A"]))
    arn = bench.start()
    bench.until(arn, "B", "Executing")
    bench.stop(arn)
    assert bench.finish(arn) == "Stopped"


def test_only_the_branch_taken_runs_with_what_depends_on_it(bench: Bench) -> None:
    bench.create(
        condition("Check", equal(1, 1), [processing("Yes")], [processing("No")]),
        processing("AfterYes", DependsOn=["Yes"]),
        processing("AfterNo", DependsOn=["No"]),
    )
    arn, status = bench.run()
    assert status == "Succeeded"
    assert set(bench.steps(arn)) == {"Check", "Yes", "AfterYes"}


def test_nested_branch_is_taken_and_its_outcome_can_be_referred_to(bench: Bench) -> None:
    inner = condition("Inner", equal("a", "b"), [fail("Never")], [processing("Leaf")])
    bench.create(
        condition("Outer", equal(1, 1), [inner], [fail("Neither")]),
        condition("After", equal(get("Steps.Inner.Outcome"), "False"), [processing("Last")]),
    )
    arn, status = bench.run()
    assert status == "Succeeded"
    assert set(bench.steps(arn)) == {"Outer", "Inner", "Leaf", "After", "Last"}


def test_failed_step_lets_others_finish_and_keeps_dependent_steps_from_starting(
    bench: Bench,
) -> None:
    bench.create(
        processing("A"),
        processing("B", {"FAIL": "AlgorithmError"}, DependsOn=["A"]),
        processing("C", DependsOn=["B"]),
        processing("D", {"SECONDS": "0.1"}, DependsOn=["A"]),
    )
    arn, status = bench.run()
    assert status == "Failed"
    statuses = {name: step["StepStatus"] for name, step in bench.steps(arn).items()}
    assert statuses == {"A": "Succeeded", "B": "Failed", "D": "Succeeded"}
    described = bench.call("DescribePipelineExecution", PipelineExecutionArn=arn)
    assert described["FailureReason"] == "Step failure: One or multiple steps failed."


def test_parallel_steps_keep_to_the_limit_of_the_pipeline(bench: Bench) -> None:
    bench.create(
        *(processing(name, {"SECONDS": "0.05"}) for name in "ABCDE"),
        ParallelismConfiguration={"MaxParallelExecutionSteps": 2},
    )
    assert bench.run()[1] == "Succeeded"
    assert bench.jobs.most_running == 2


def test_limit_of_the_execution_replaces_that_of_the_pipeline(bench: Bench) -> None:
    bench.create(
        *(processing(name, {"SECONDS": "0.05"}) for name in "ABCDE"),
        ParallelismConfiguration={"MaxParallelExecutionSteps": 2},
    )
    bench.run(ParallelismConfiguration={"MaxParallelExecutionSteps": 5})
    assert bench.jobs.most_running > 2


def test_display_name_and_description_of_a_step_are_listed(bench: Bench) -> None:
    bench.create(processing("A", DisplayName="First", Description="The first step"))
    arn, _ = bench.run()
    step = bench.steps(arn)["A"]
    assert (step["StepDisplayName"], step["StepDescription"]) == ("First", "The first step")
