from __future__ import annotations

import json
from typing import Any

import pytest
from pipeline_bench import Bench
from pipeline_steps import condition, fail, get, join, json_get, processing

from sagemaker_emulator.sagemaker.pipelines.run.records import STEP

ACCURACY = json_get("Evaluate", "metrics.accuracy.value")
THRESHOLD = {"Name": "Threshold", "Type": "Float", "DefaultValue": 0.5}


@pytest.fixture
def pipeline(bench: Bench) -> None:
    accurate = {
        "Type": "GreaterThanOrEqualTo",
        "LeftValue": ACCURACY,
        "RightValue": get("Parameters.Threshold"),
    }
    message = join("accuracy", ACCURACY, "<", get("Parameters.Threshold"), on=" ")
    report = json.dumps({"metrics": {"accuracy": {"value": 0.7}}})
    bench.create(
        processing("Evaluate", {"WRITE": report}),
        condition("Check", [accurate], [processing("Deploy")], [fail("TooLow", message)]),
        parameters=[THRESHOLD],
    )


@pytest.mark.usefixtures("pipeline")
@pytest.mark.parametrize(
    ("threshold", "outcome", "step"), [("0.6", "True", "Deploy"), ("0.9", "False", "TooLow")]
)
def test_condition_compares_a_property_file_with_a_parameter(
    bench: Bench, threshold: str, outcome: str, step: str
) -> None:
    arn, _ = bench.run({"Threshold": threshold})
    steps = bench.steps(arn)
    assert steps["Check"]["Metadata"] == {"Condition": {"Outcome": outcome}}
    assert set(steps) == {"Evaluate", "Check", step}


@pytest.mark.usefixtures("pipeline")
def test_fail_step_ends_the_execution_with_its_evaluated_message(bench: Bench) -> None:
    arn, status = bench.run({"Threshold": "0.9"})
    step: dict[str, Any] = bench.steps(arn)["TooLow"]
    assert status == "Failed"
    assert step["FailureReason"] == "accuracy 0.7 < 0.9"
    assert step["Metadata"] == {"Fail": {"ErrorMessage": "accuracy 0.7 < 0.9"}}


def test_outcome_of_a_condition_is_a_boolean_in_expressions(bench: Bench) -> None:
    never = {"Type": "Equals", "LeftValue": 1, "RightValue": 2}
    outcome = get("Steps.Check.Outcome")
    is_false = {"Type": "Equals", "LeftValue": outcome, "RightValue": False}
    bench.create(
        condition("Check", [never]),
        condition("Again", [is_false], [fail("Stop", join("returns", outcome, on=": "))]),
    )
    arn, _ = bench.run()
    assert bench.steps(arn)["Stop"]["FailureReason"] == "returns: false"


def test_outcome_that_an_earlier_version_kept_is_read(bench: Bench) -> None:
    always = {"Type": "Equals", "LeftValue": 1, "RightValue": 1}
    message = join("returned", get("Steps.Check.Outcome"), on=" ")
    hold = processing("Wait", {"HOLD": "1"}, DependsOn=["Check"])
    stop = fail("Stop", message, DependsOn=["Wait"])
    bench.create(condition("Check", [always], no=[fail("Wrong")]), hold, stop)
    arn = bench.start()
    bench.until(arn, "Wait", "Executing")
    bench.stop_services()
    bench.context.store.update(STEP, f"{arn}/step/Check", Properties={"Outcome": "True"})
    bench.jobs.released.set()
    bench.start_services()
    assert bench.finish(arn) == "Failed"
    assert bench.steps(arn)["Stop"]["FailureReason"] == "returned true"


def test_message_of_a_fail_step_is_no_longer_than_the_api_allows(bench: Bench) -> None:
    bench.create(fail("Stop", join(*5 * ["x" * 1000], get("Execution.PipelineName"))))
    arn, _ = bench.run()
    assert len(bench.steps(arn)["Stop"]["Metadata"]["Fail"]["ErrorMessage"]) <= 3072


@pytest.mark.parametrize(
    ("report", "reason"),
    [
        ('{"metrics": {"accuracy": {"value": NaN}}}', "NaN is no number of JSON"),
        ('{"metrics": {"accuracy": {"value": Infinity}}}', "Infinity is no number of JSON"),
        ('{"metrics": {"accuracy": {"value": 1e400}}}', "1e400 is too large a number"),
        ('{"metrics": {"accuracy": {"value": "Infinity"}}}', "cannot compare 'Infinity' with 0.5"),
        ('{"metrics": {"accuracy": {"value": "1_0"}}}', "cannot compare '1_0' with 0.5"),
    ],
)
def test_report_that_is_no_json_or_has_no_number_decides_nothing(
    bench: Bench, report: str, reason: str
) -> None:
    accurate = {"Type": "GreaterThanOrEqualTo", "LeftValue": ACCURACY, "RightValue": 0.5}
    bench.create(processing("Evaluate", {"WRITE": report}), condition("Check", [accurate]))
    arn, status = bench.run()
    assert status == "Failed"
    assert reason in bench.steps(arn)["Check"]["FailureReason"]
