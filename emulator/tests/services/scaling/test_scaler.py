"""Instance counts that follow the measured invocations, by a clock that only the test moves."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from local_context import local_context
from waiting import wait_until

from sagemaker_emulator.aws import dispatch
from sagemaker_emulator.aws.measurements import Measurement
from sagemaker_emulator.services.metrics import Metrics
from sagemaker_emulator.services.scaling.scaler import Scaler

WHERE = {
    "ServiceNamespace": "sagemaker",
    "ResourceId": "endpoint/e/variant/v",
    "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
}
SERVICE = "application-autoscaling"


class Deployment:
    """A variant whose instances are only counted."""

    def __init__(self) -> None:
        self.instances, self.fails = 1, False

    def count(self, _: str) -> int:
        return self.instances

    def weigh(self, _: Mapping[str, float]) -> None:
        pass

    def resize(self, _: Mapping[str, Any]) -> None:
        pass

    def scale(self, counts: Mapping[str, int]) -> None:
        if self.fails:
            raise RuntimeError("the model is broken")
        self.instances = counts["v"]

    def stop(self) -> None:
        pass

    drain = stop


class Bench:
    def __init__(self, folder: Path) -> None:
        self.now = 1_800_000_000.0
        self.context = local_context(folder)
        self.context.metrics = Metrics(lambda: self.now)
        self.context.scaling = Scaler(self.context, lambda: self.now)
        self.deployment = Deployment()
        endpoints: Any = self.context.endpoints
        endpoints._deployments["e"] = self.deployment
        variant = {"VariantName": "v", "ModelName": "m", "InitialInstanceCount": 1}
        summary = {
            **{"VariantName": "v", "CurrentWeight": 1.0, "DesiredWeight": 1.0},
            **{"CurrentInstanceCount": 1, "DesiredInstanceCount": 1},
        }
        document = {
            "EndpointName": "e",
            "EndpointArn": self.context.arn("endpoint", "e"),
            "EndpointConfigName": "c",
            "EndpointStatus": "InService",
            "CreationTime": 1,
            "LastModifiedTime": 1,
            "Config": {"EndpointConfigName": "c", "ProductionVariants": [variant]},
            "ProductionVariants": [summary],
        }
        self.context.store.put("endpoint", "e", document)

    def call(self, operation: str, **request: Any) -> dict[str, Any]:
        return dispatch.call(self.context, SERVICE, operation, request)

    def register(self, least: int, most: int, **changes: Any) -> None:
        self.call("RegisterScalableTarget", **WHERE, MinCapacity=least, MaxCapacity=most, **changes)
        self.settle()

    def track(self, target: float, **changes: Any) -> None:
        metric = {"PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"}
        config = {"TargetValue": target, "PredefinedMetricSpecification": metric, **changes}
        self.call(
            "PutScalingPolicy",
            **WHERE,
            PolicyName="p",
            PolicyType="TargetTrackingScaling",
            TargetTrackingScalingPolicyConfiguration=config,
        )

    def minutes(self, count: int, invocations: int) -> None:
        """Minutes with that many invocations each, and a look at the end of each."""
        for _ in range(count):
            for _ in range(invocations):
                share = Measurement("InvocationsPerInstance", 1 / self.deployment.instances)
                dimensions = {"EndpointName": "e", "VariantName": "v"}
                self.context.metrics.record("AWS/SageMaker", dimensions, [share])
            self.now += 60
            self.context.scaling.look()
            self.settle()

    def settle(self) -> None:
        """Wait until nothing is under way."""
        wait_until(lambda: self.described()["EndpointStatus"] == "InService")

    def described(self) -> dict[str, Any]:
        return self.context.call("DescribeEndpoint", EndpointName="e")

    def counts(self) -> tuple[int, int]:
        (variant,) = self.described()["ProductionVariants"]
        return self.deployment.instances, variant["CurrentInstanceCount"]

    def activities(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.call(
            "DescribeScalingActivities", ServiceNamespace="sagemaker"
        )["ScalingActivities"]
        return found


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path)
    yield bench
    bench.context.endpoints.stop()


def test_load_scales_out_and_its_end_scales_in(bench: Bench) -> None:
    bench.register(1, 4)
    bench.track(10)
    bench.minutes(4, 25)
    assert bench.counts() == (3, 3)
    bench.minutes(30, 5)
    assert bench.counts() == (1, 1)
    causes = [(each["Description"], each["StatusCode"]) for each in bench.activities()]
    assert causes == [
        ("Setting desired instance count to 1.", "Successful"),
        ("Setting desired instance count to 3.", "Successful"),
    ]


def test_bounds_hold(bench: Bench) -> None:
    bench.register(1, 2)
    bench.track(10)
    bench.minutes(4, 100)
    assert bench.counts() == (2, 2)


def test_variant_is_brought_within_the_bounds_when_it_is_registered(bench: Bench) -> None:
    bench.register(2, 4)
    assert bench.counts() == (2, 2)
    assert bench.activities()[0]["Cause"] == "minimum capacity was set to 2"
    bench.register(1, 1)
    assert bench.counts() == (1, 1)


@pytest.mark.parametrize(("way", "count"), [("Out", 1), ("In", 3)])
def test_suspended_scaling_does_nothing(bench: Bench, way: str, count: int) -> None:
    bench.register(1, 4, SuspendedState={f"DynamicScaling{way}Suspended": True})
    bench.track(10)
    bench.minutes(4, 25)
    assert bench.counts() == (count, count)


def test_variant_without_invocations_is_not_scaled_in(bench: Bench) -> None:
    bench.register(1, 4)
    bench.track(10)
    bench.minutes(4, 25)
    bench.minutes(40, 0)
    assert bench.counts() == (3, 3)


def test_instances_that_do_not_start_are_a_failed_activity(bench: Bench) -> None:
    bench.register(1, 4)
    bench.track(10)
    bench.deployment.fails = True
    bench.minutes(5, 25)
    assert bench.counts() == (1, 1)
    (activity,) = bench.activities()
    assert activity["StatusCode"] == "Failed"
    assert "the model is broken" in activity["StatusMessage"]


def test_deregistered_variant_is_not_scaled(bench: Bench) -> None:
    bench.register(1, 4)
    bench.track(10)
    bench.call("DeregisterScalableTarget", **WHERE)
    bench.minutes(4, 25)
    assert bench.counts() == (1, 1)
    listed = bench.call("DescribeScalingPolicies", ServiceNamespace="sagemaker")
    assert listed["ScalingPolicies"] == []


def test_target_without_an_endpoint_is_forgotten(bench: Bench) -> None:
    bench.register(1, 4)
    bench.context.store.delete("endpoint", "e")  # as between the check and the registration
    bench.context.scaling.look()
    listed = bench.call("DescribeScalableTargets", ServiceNamespace="sagemaker")
    assert listed["ScalableTargets"] == []


def test_deleted_endpoint_is_no_target(bench: Bench) -> None:
    bench.register(1, 4)
    bench.context.call("DeleteEndpoint", EndpointName="e")
    listed = bench.call("DescribeScalableTargets", ServiceNamespace="sagemaker")
    assert listed["ScalableTargets"] == []
