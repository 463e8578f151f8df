"""CloudWatch's metrics of an endpoint's invocations, as a client reads them."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from emulator_process import Emulator
from endpoint_client import Hosting


@pytest.fixture
def endpoint(emulator: Emulator, name: str, until: Callable[..., Any]) -> Iterator[str]:
    hosting = Hosting(emulator, until)
    hosting.model(name)
    hosting.config(name, v=name)
    made = hosting.endpoint(name)
    assert made["EndpointStatus"] == "InService", made
    yield name
    hosting.sagemaker.delete_endpoint(EndpointName=name)


def statistics(emulator: Emulator, endpoint: str, metric: str, *names: str) -> dict[str, float]:
    """A metric's statistics over the last hour; sums over its minutes, except Maximum."""
    now = datetime.now(UTC)
    response = emulator.client("cloudwatch").get_metric_statistics(
        Namespace="AWS/SageMaker",
        MetricName=metric,
        Dimensions=[
            {"Name": "EndpointName", "Value": endpoint},
            {"Name": "VariantName", "Value": "v"},
        ],
        StartTime=now - timedelta(hours=1),
        EndTime=now + timedelta(minutes=1),
        Period=3600,
        Statistics=list(names),
    )
    points = response["Datapoints"]
    return {name: sum(point[name] for point in points) for name in names}


def invoke(emulator: Emulator, endpoint: str, body: bytes) -> None:
    emulator.client("sagemaker-runtime").invoke_endpoint(EndpointName=endpoint, Body=body)


def test_invocations_and_their_errors_are_counted(emulator: Emulator, endpoint: str) -> None:
    for _ in range(3):
        invoke(emulator, endpoint, b"hello")
    for body in (b"refuse", b"die"):  # 415, and no response
        with pytest.raises(ClientError):
            invoke(emulator, endpoint, body)
    with pytest.raises(ClientError):  # reaches no variant
        emulator.client("sagemaker-runtime").invoke_endpoint(
            EndpointName=endpoint, Body=b"", TargetVariant="other"
        )
    sums = {
        metric: statistics(emulator, endpoint, metric, "Sum")["Sum"]
        for metric in (
            "Invocations",
            "Invocation4XXErrors",
            "Invocation5XXErrors",
            "InvocationModelErrors",
        )
    }
    assert sums == {
        "Invocations": 5.0,
        "Invocation4XXErrors": 1.0,
        "Invocation5XXErrors": 0.0,
        "InvocationModelErrors": 2.0,
    }


def test_metrics_are_also_those_of_the_configuration(emulator: Emulator, endpoint: str) -> None:
    invoke(emulator, endpoint, b"hello")
    names = {"VariantName": "v", "EndpointConfigName": endpoint, "EndpointName": endpoint}
    now = datetime.now(UTC)
    asked: dict[str, Any] = {
        "Namespace": "AWS/SageMaker",
        "MetricName": "Invocations",
        "Dimensions": [{"Name": name, "Value": value} for name, value in names.items()],
    }
    hour: dict[str, Any] = {
        "StartTime": now - timedelta(hours=1),
        "EndTime": now + timedelta(minutes=1),
    }
    cloudwatch = emulator.client("cloudwatch")
    points = cloudwatch.get_metric_statistics(**asked, **hour, Period=3600, Statistics=["Sum"])[
        "Datapoints"
    ]
    assert [point["Sum"] for point in points] == [1.0]
    query = {"Id": "q", "MetricStat": {"Metric": asked, "Period": 60, "Stat": "Sum"}}
    (result,) = cloudwatch.get_metric_data(MetricDataQueries=[query], **hour)["MetricDataResults"]
    assert result["Values"] == [1.0]


def test_latency_is_the_containers_time_in_microseconds(emulator: Emulator, endpoint: str) -> None:
    invoke(emulator, endpoint, b"sleep")  # half a second
    model = statistics(emulator, endpoint, "ModelLatency", "SampleCount", "Maximum", "Average")
    assert model["SampleCount"] == 1
    assert 500_000 <= model["Maximum"] < 5_000_000
    assert model["Average"] == pytest.approx(model["Maximum"])
    overhead = statistics(emulator, endpoint, "OverheadLatency", "Maximum")
    assert 0 < overhead["Maximum"] < model["Maximum"]


def test_percentiles_are_refused_by_name(emulator: Emulator, endpoint: str) -> None:
    invoke(emulator, endpoint, b"hello")
    now = datetime.now(UTC)
    with pytest.raises(ClientError, match="no other statistics than SampleCount, Average"):
        emulator.client("cloudwatch").get_metric_statistics(
            Namespace="AWS/SageMaker",
            MetricName="ModelLatency",
            StartTime=now - timedelta(hours=1),
            EndTime=now + timedelta(minutes=1),
            Period=60,
            ExtendedStatistics=["p99"],
        )


def test_metrics_are_listed_and_read_together(emulator: Emulator, endpoint: str) -> None:
    invoke(emulator, endpoint, b"hello")
    cloudwatch = emulator.client("cloudwatch")
    dimensions = [
        {"Name": "EndpointName", "Value": endpoint},
        {"Name": "VariantName", "Value": "v"},
    ]
    listed = cloudwatch.list_metrics(Namespace="AWS/SageMaker", Dimensions=dimensions)["Metrics"]
    assert {metric["MetricName"] for metric in listed} == {
        *("Invocations", "Invocation4XXErrors", "Invocation5XXErrors", "InvocationModelErrors"),
        *("InvocationsPerInstance", "ModelLatency", "OverheadLatency"),
    }
    now = datetime.now(UTC)
    query: dict[str, Any] = {
        "Id": "asked",
        "MetricStat": {
            "Metric": {
                "Namespace": "AWS/SageMaker",
                "MetricName": "Invocations",
                "Dimensions": dimensions,
            },
            "Period": 60,
            "Stat": "Sum",
        },
    }
    hour = {"StartTime": now - timedelta(hours=1), "EndTime": now + timedelta(minutes=1)}
    (result,) = cloudwatch.get_metric_data(MetricDataQueries=[query], **hour)["MetricDataResults"]
    assert result["Values"] == [1.0]
    query["MetricStat"]["Stat"] = "p99"
    with pytest.raises(ClientError, match="no other statistics than SampleCount, Average"):
        cloudwatch.get_metric_data(MetricDataQueries=[query], **hour)
