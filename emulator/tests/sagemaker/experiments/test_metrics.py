"""Metrics of trial components, put and read over HTTP."""

import math
import uuid
from typing import Any

import pytest


@pytest.fixture
def component(emulator: Any) -> str:
    name = f"run-{uuid.uuid4().hex[:12]}"
    emulator.client("sagemaker").create_trial_component(TrialComponentName=name)
    return name


def put(emulator: Any, component: str, *values: float, name: str = "loss", first: int = 0) -> Any:
    data = [
        {"MetricName": name, "Timestamp": 60.0 * step, "Step": step, "Value": value}
        for step, value in enumerate(values, first)
    ]
    return emulator.client("sagemaker-metrics").batch_put_metrics(
        TrialComponentName=component, MetricData=data
    )


def test_a_component_has_a_summary_of_each_metric(emulator: Any, component: str) -> None:
    assert put(emulator, component, 3.0, 1.0, 2.0).get("Errors", []) == []
    put(emulator, component, 6.0, first=3)
    described = emulator.client("sagemaker").describe_trial_component(TrialComponentName=component)
    (metric,) = described["Metrics"]
    assert (metric["Min"], metric["Max"], metric["Last"], metric["Count"]) == (1.0, 6.0, 6.0, 4)
    assert metric["Avg"] == 3.0
    assert math.isclose(metric["StdDev"], math.sqrt(14 / 4))
    assert metric["SourceArn"] == described["TrialComponentArn"]


@pytest.mark.parametrize(
    ("stat", "period", "axis", "expected"),
    [
        ("Last", "IterationNumber", "IterationNumber", ([1, 2, 3], [1.0, 2.0, 6.0])),
        ("Count", "OneMinute", "Timestamp", ([60, 120, 180], [1.0, 1.0, 1.0])),
        ("Avg", "FiveMinute", "Timestamp", ([0], [3.0])),
    ],
)
def test_values_are_read_by_step_and_by_time(
    emulator: Any, component: str, stat: str, period: str, axis: str, expected: Any
) -> None:
    put(emulator, component, 5.0, 1.0, 2.0, 6.0)
    put(emulator, component, 9.0, name="other", first=1)
    arn = f"arn:aws:sagemaker:us-east-1:123456789012:experiment-trial-component/{component}"
    query = {
        "MetricName": "loss",
        "ResourceArn": arn,
        "MetricStat": stat,
        "Period": period,
        "XAxisType": axis,
        "Start": 1,
    }
    (result,) = emulator.client("sagemaker-metrics").batch_get_metrics(MetricQueries=[query])[
        "MetricQueryResults"
    ]
    assert result["Status"] == "Complete"
    assert (result["XAxisValues"], result["MetricValues"]) == expected


def test_what_cannot_be_read_or_put_is_an_error_of_its_own(emulator: Any, component: str) -> None:
    assert put(emulator, "nope", 1.0, 2.0)["Errors"] == [
        {"Code": "VALIDATION_ERROR", "MetricIndex": 0},
        {"Code": "VALIDATION_ERROR", "MetricIndex": 1},
    ]
    arn = f"arn:aws:sagemaker:us-east-1:123456789012:experiment-trial-component/{component}"
    query = {
        "MetricName": "loss",
        "ResourceArn": arn,
        "MetricStat": "Last",
        "Period": "OneHour",
        "XAxisType": "IterationNumber",
    }
    unknown = query | {"ResourceArn": f"{arn}-x", "Period": "IterationNumber"}
    results = emulator.client("sagemaker-metrics").batch_get_metrics(
        MetricQueries=[query, unknown]
    )["MetricQueryResults"]
    assert [each["Status"] for each in results] == ["ValidationError", "ValidationError"]
    assert "does not suit" in results[0]["Message"]
    assert "no trial component" in results[1]["Message"]
