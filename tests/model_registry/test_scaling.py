"""What Application Auto Scaling is told about an endpoint."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import boto3
import pytest
from types_boto3_sagemaker import SageMakerClient

from model_registry import endpoint as endpoints
from model_registry import scaling
from model_registry.endpoint import Endpoint
from model_registry.errors import ScalingError
from model_registry.lambda_handler import handler
from model_registry.scaling import Scaling
from tests.model_registry.conftest import Server
from tests.model_registry.served import Register, serving

WANTED = Scaling(1, 4, 300.0)
RESOURCE = "endpoint/tally/variant/AllTraffic"
WHERE: dict[str, Any] = {
    "ServiceNamespace": "sagemaker",
    "ResourceId": RESOURCE,
    "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
}


@pytest.fixture
def autoscaling(session: boto3.Session) -> Any:
    return session.client("application-autoscaling")


@pytest.fixture
def calls(autoscaling: Any) -> list[str]:
    """The names of the operations that change something, as they are called."""
    changes: list[str] = []

    def note(model: Any, **_: Any) -> None:
        if not model.name.startswith("Describe"):
            changes.append(model.name)

    autoscaling.meta.events.register("before-call.application-autoscaling", note)
    return changes


@pytest.fixture
def endpoint(client: SageMakerClient, register: Register) -> Endpoint:
    facts = {"endpoint_name": "tally", "instance_type": "ml.m5.large"}
    handler({"model_package_arn": register("Approved"), **facts}, None)
    found = endpoints.read(client, "tally")
    assert found
    return replace(found, variant="AllTraffic")  # moto does not tell the variants in service


@pytest.fixture(autouse=True)
def role(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("EXECUTION_ROLE", "arn:aws:iam::123456789012:role/tally-execution")
    yield


def test_bounds_and_policy_are_those_of_the_setting(autoscaling: Any, endpoint: Endpoint) -> None:
    assert scaling.apply(autoscaling, endpoint, WANTED) == scaling.REGISTERED
    (target,) = autoscaling.describe_scalable_targets(ServiceNamespace="sagemaker")[
        "ScalableTargets"
    ]
    assert (target["ResourceId"], target["MinCapacity"], target["MaxCapacity"]) == (RESOURCE, 1, 4)
    (policy,) = autoscaling.describe_scaling_policies(ServiceNamespace="sagemaker")[
        "ScalingPolicies"
    ]
    tracking = policy["TargetTrackingScalingPolicyConfiguration"]
    assert tracking["TargetValue"] == 300
    assert tracking["PredefinedMetricSpecification"] == {
        "PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"
    }


def test_what_is_scaled_so_already_is_left_alone(
    autoscaling: Any, endpoint: Endpoint, calls: list[str]
) -> None:
    scaling.apply(autoscaling, endpoint, WANTED)
    calls.clear()
    assert scaling.apply(autoscaling, endpoint, WANTED) == scaling.UNCHANGED
    assert calls == []


@pytest.mark.parametrize("changed", [Scaling(2, 4, 300.0), Scaling(1, 4, 60.0)], ids=str)
def test_a_changed_setting_changes_bounds_and_policy(
    autoscaling: Any, endpoint: Endpoint, changed: Scaling
) -> None:
    scaling.apply(autoscaling, endpoint, WANTED)
    assert scaling.apply(autoscaling, endpoint, changed) == scaling.REGISTERED
    assert scaling.read(autoscaling, endpoint) == changed


def test_a_setting_taken_away_deregisters_the_endpoint(
    autoscaling: Any, endpoint: Endpoint, calls: list[str]
) -> None:
    scaling.apply(autoscaling, endpoint, WANTED)
    assert scaling.apply(autoscaling, endpoint, Scaling()) == scaling.DEREGISTERED
    assert scaling.read(autoscaling, endpoint) == Scaling()
    calls.clear()
    assert scaling.apply(autoscaling, endpoint, Scaling()) == scaling.NONE
    assert calls == []


def test_a_scaling_that_somebody_else_made_stays(
    autoscaling: Any, endpoint: Endpoint, calls: list[str]
) -> None:
    autoscaling.register_scalable_target(**WHERE, MinCapacity=2, MaxCapacity=8)
    calls.clear()
    assert scaling.apply(autoscaling, endpoint, Scaling()) == scaling.NONE
    assert calls == []
    assert str(scaling.read(autoscaling, endpoint)) == "2 to 8 instances"


def test_an_endpoint_that_cannot_be_scaled_is_named_with_the_reason(
    emulator: Server, emulated: SageMakerClient
) -> None:
    client: Any = emulator.session.client("application-autoscaling", endpoint_url=emulator.url)
    serving(emulated, "lost")
    found = endpoints.read(emulated, "lost")
    assert found
    with pytest.raises(ScalingError, match=r"(?s)Endpoint lost is not scaled.*pipeline.py setup"):
        scaling.apply(client, replace(found, variant="Another"), WANTED)


def test_the_scaling_is_read_from_the_functions_environment() -> None:
    text = '{"min": 2, "max": 6, "invocations_per_instance": 120.0}'
    assert Scaling.from_environment({"SCALING": text}) == Scaling(2, 6, 120.0)
    assert Scaling.from_environment({}) == Scaling()


def test_it_is_shown_in_words() -> None:
    assert str(WANTED) == "1 to 4 instances, for 300 requests a minute each"
    assert str(Scaling()) == "none"
