"""Instances of a variant as processes, and their number changed while they serve."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from emulator_process import Emulator
from endpoint_client import Hosting, variant_of
from waiting import wait_until


class Scaled:
    def __init__(self, emulator: Emulator, hosting: Hosting, name: str) -> None:
        self.name, self.hosting, self.sagemaker = name, hosting, hosting.sagemaker
        self._runtime = emulator.client("sagemaker-runtime")

    def pids(self) -> set[int]:
        """The processes that answered one of thirty invocations."""
        return {
            json.loads(
                self._runtime.invoke_endpoint(EndpointName=self.name, Body=b"x")["Body"].read()
            )["pid"]
            for _ in range(30)
        }

    def variant(self) -> Any:
        return self.hosting.settled(self.name)["ProductionVariants"][0]

    def want(self, *wishes: dict[str, Any]) -> None:
        self.sagemaker.update_endpoint_weights_and_capacities(
            EndpointName=self.name, DesiredWeightsAndCapacities=list(wishes)
        )


@pytest.fixture
def scaled(emulator: Emulator, name: str, until: Callable[..., Any]) -> Iterator[Scaled]:
    hosting = Hosting(emulator, until)
    hosting.model(name)
    hosting.sagemaker.create_endpoint_config(
        EndpointConfigName=name, ProductionVariants=[variant_of("v", name, InitialInstanceCount=2)]
    )
    made = hosting.endpoint(name)
    assert made["EndpointStatus"] == "InService", made
    scaled = Scaled(emulator, hosting, name)
    yield scaled
    scaled.variant()
    hosting.sagemaker.delete_endpoint(EndpointName=name)


def counts(variant: Any) -> tuple[int, int]:
    return variant["CurrentInstanceCount"], variant["DesiredInstanceCount"]


def test_instances_are_processes_that_share_the_invocations(scaled: Scaled) -> None:
    assert counts(scaled.variant()) == (2, 2)
    assert len(scaled.pids()) == 2


def test_instances_are_started_and_ended(scaled: Scaled) -> None:
    scaled.want({"VariantName": "v", "DesiredInstanceCount": 3})
    assert counts(scaled.variant()) == (3, 3)
    more = scaled.pids()
    assert len(more) == 3
    scaled.want({"VariantName": "v", "DesiredInstanceCount": 1})
    assert counts(scaled.variant()) == (1, 1)
    left = scaled.pids()
    assert len(left) == 1
    assert left < more


def test_number_is_kept_by_an_update_that_retains_the_properties(scaled: Scaled) -> None:
    scaled.want({"VariantName": "v", "DesiredInstanceCount": 3})
    scaled.variant()
    scaled.sagemaker.update_endpoint(
        EndpointName=scaled.name, EndpointConfigName=scaled.name, RetainAllVariantProperties=True
    )
    assert counts(scaled.variant()) == (3, 3)
    assert len(scaled.pids()) == 3


def test_invocations_are_measured_for_each_instance(scaled: Scaled, emulator: Emulator) -> None:
    scaled.pids()
    cloudwatch = emulator.client("cloudwatch")
    points = cloudwatch.get_metric_statistics(
        Namespace="AWS/SageMaker",
        MetricName="InvocationsPerInstance",
        Dimensions=[
            {"Name": "EndpointName", "Value": scaled.name},
            {"Name": "VariantName", "Value": "v"},
        ],
        StartTime="2020-01-01T00:00:00Z",
        EndTime="2100-01-01T00:00:00Z",
        Period=60 * 60 * 24 * 365,
        Statistics=["Sum"],
    )["Datapoints"]
    assert sum(point["Sum"] for point in points) == 15.0


@pytest.mark.parametrize(
    ("wishes", "message"),
    [
        (
            [
                {"VariantName": "v", "DesiredWeight": 1.0},
                {"VariantName": "v", "DesiredWeight": 2.0},
            ],
            'The variant name "v" was non-unique within the request.',
        ),
        (
            [{"VariantName": "x", "DesiredWeight": 1.0}],
            'The variant name.s. "x" is/are not present within endpoint configuration',
        ),
        (
            [{"VariantName": "v", "DesiredInstanceCount": 0}],
            "must be at least 1",
        ),
        (
            [{"VariantName": "v", "DesiredInstanceCount": 21}],
            "ResourceLimitExceeded.*limit for an endpoint is 20 instances",
        ),
    ],
)
def test_wishes_that_cannot_be_fulfilled_are_refused(
    scaled: Scaled, wishes: list[dict[str, Any]], message: str
) -> None:
    with pytest.raises(ClientError, match=message):
        scaled.want(*wishes)
    assert counts(scaled.variant()) == (2, 2)


def test_number_is_restored_after_a_kill(
    own_emulator: Callable[..., Emulator], until: Callable[..., Any]
) -> None:
    emulator = own_emulator()
    assert emulator.up().returncode == 0
    emulator.client("s3").create_bucket(Bucket="bucket")
    hosting = Hosting(emulator, until)
    hosting.model("e")
    hosting.config("e", v="e")
    hosting.endpoint("e")
    Scaled(emulator, hosting, "e").want({"VariantName": "v", "DesiredInstanceCount": 2})
    emulator.kill()
    assert emulator.up().returncode == 0
    again = Scaled(emulator, Hosting(emulator, until), "e")
    wait_until(lambda: len(again.pids()) == 2, 60)
    assert counts(again.variant()) == (2, 2)


def test_routing_that_is_not_done_here_is_refused(scaled: Scaled) -> None:
    routing = {"RoutingStrategy": "KV_AWARE"}
    with pytest.raises(ClientError, match="does not route by KV_AWARE; set RoutingStrategy to"):
        scaled.sagemaker.create_endpoint_config(
            EndpointConfigName=f"{scaled.name}-2",
            ProductionVariants=[variant_of("v", scaled.name, RoutingConfig=routing)],
        )
