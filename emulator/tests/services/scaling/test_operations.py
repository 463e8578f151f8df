"""Application Auto Scaling as a client uses it."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from emulator_process import Emulator
from endpoint_client import Hosting, variant_of
from waiting import wait_until

DIMENSION = "sagemaker:variant:DesiredInstanceCount"
METRIC = {"PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"}
CONFIG = {"TargetValue": 70.0, "PredefinedMetricSpecification": METRIC}


class Scaling:
    def __init__(self, emulator: Emulator, hosting: Hosting, name: str) -> None:
        self.client = emulator.client("application-autoscaling")
        self.sagemaker, self.hosting, self.name = hosting.sagemaker, hosting, name
        self.resource = f"endpoint/{name}/variant/v"
        self.where = {
            "ServiceNamespace": "sagemaker",
            "ResourceId": self.resource,
            "ScalableDimension": DIMENSION,
        }

    def register(self, **bounds: Any) -> Any:
        return self.client.register_scalable_target(**self.where, **bounds)

    def put(self, name: str = "p", **changes: Any) -> Any:
        request = {
            "PolicyType": "TargetTrackingScaling",
            "TargetTrackingScalingPolicyConfiguration": CONFIG,
            **changes,
        }
        return self.client.put_scaling_policy(**self.where, PolicyName=name, **request)

    def target(self) -> Any:
        listed = self.client.describe_scalable_targets(
            ServiceNamespace="sagemaker", ResourceIds=[self.resource]
        )["ScalableTargets"]
        return listed[0] if listed else None

    def policies(self) -> Any:
        return self.client.describe_scaling_policies(
            ServiceNamespace="sagemaker", ResourceId=self.resource
        )["ScalingPolicies"]

    def count(self) -> int:
        (variant,) = self.sagemaker.describe_endpoint(EndpointName=self.name)["ProductionVariants"]
        count: int = variant["CurrentInstanceCount"]
        return count

    def config(self, name: str, **changes: Any) -> None:
        variant = variant_of("v", self.name, **({"InstanceType": "ml.m5.large"} | changes))
        self.sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])


@pytest.fixture
def scaling(emulator: Emulator, name: str, until: Callable[..., Any]) -> Iterator[Scaling]:
    scaling = Scaling(emulator, Hosting(emulator, until), name)
    scaling.hosting.model(name)
    scaling.config(name)
    made = scaling.hosting.endpoint(name)
    assert made["EndpointStatus"] == "InService", made
    yield scaling
    scaling.hosting.settled(name)
    scaling.sagemaker.delete_endpoint(EndpointName=name)


def test_target_and_policy_are_described(scaling: Scaling) -> None:
    arn = scaling.register(MinCapacity=1, MaxCapacity=3)["ScalableTargetARN"]
    target = scaling.target()
    assert (target["MinCapacity"], target["MaxCapacity"]) == (1, 3)
    assert target["ScalableTargetARN"] == arn
    assert target["SuspendedState"]["DynamicScalingInSuspended"] is False
    made = scaling.put()
    (policy,) = scaling.policies()
    assert policy["PolicyARN"] == made["PolicyARN"]
    assert policy["TargetTrackingScalingPolicyConfiguration"] == CONFIG


def test_registration_changes_only_what_it_names(scaling: Scaling) -> None:
    first, again = scaling.register(MinCapacity=1, MaxCapacity=3), scaling.register(MaxCapacity=2)
    assert first["ScalableTargetARN"] == again["ScalableTargetARN"]
    assert (scaling.target()["MinCapacity"], scaling.target()["MaxCapacity"]) == (1, 2)


def test_instances_are_started_up_to_the_minimum(scaling: Scaling) -> None:
    scaling.register(MinCapacity=2, MaxCapacity=3)
    wait_until(lambda: scaling.count() == 2, 60)
    activities = scaling.client.describe_scaling_activities(
        ServiceNamespace="sagemaker", ResourceId=scaling.resource
    )["ScalingActivities"]
    assert [each["Cause"] for each in activities] == ["minimum capacity was set to 2"]


def test_policy_is_changed_and_deleted(scaling: Scaling) -> None:
    scaling.register(MinCapacity=1, MaxCapacity=3)
    first = scaling.put()
    config = {**CONFIG, "TargetValue": 20.0, "ScaleInCooldown": 60}
    changed = scaling.put(TargetTrackingScalingPolicyConfiguration=config)
    assert changed["PolicyARN"] == first["PolicyARN"]
    (policy,) = scaling.policies()
    assert policy["TargetTrackingScalingPolicyConfiguration"] == config
    scaling.client.delete_scaling_policy(**scaling.where, PolicyName="p")
    assert scaling.policies() == []
    with pytest.raises(ClientError, match=r"ObjectNotFoundException.*No scaling policy found"):
        scaling.client.delete_scaling_policy(**scaling.where, PolicyName="p")


def test_what_was_not_registered_has_no_policies(scaling: Scaling) -> None:
    with pytest.raises(
        ClientError, match=r"ObjectNotFoundException.*No scalable target registered"
    ):
        scaling.put()
    with pytest.raises(ClientError, match="ObjectNotFoundException"):
        scaling.client.deregister_scalable_target(**scaling.where)


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({"MinCapacity": 1}, "MaxCapacity is required"),
        ({"MinCapacity": 3, "MaxCapacity": 2}, "cannot be less than minimum"),
        ({"MinCapacity": 0, "MaxCapacity": 2}, "only asynchronous endpoints and inference"),
        (
            {"MinCapacity": 1, "MaxCapacity": 2, "ResourceId": "endpoint/nowhere/variant/v"},
            "Could not find endpoint",
        ),
        (
            {"MinCapacity": 1, "MaxCapacity": 2, "ResourceId": "service/a/b"},
            "Unsupported resource ID",
        ),
        (
            {"MinCapacity": 1, "MaxCapacity": 2, "ServiceNamespace": "ecs"},
            "ServiceNamespace ecs: the emulator scales sagemaker only",
        ),
        (
            {
                **{"MinCapacity": 1, "MaxCapacity": 2},
                "ScalableDimension": "sagemaker:variant:DesiredProvisionedConcurrency",
            },
            "ScalableDimension .*: the emulator scales",
        ),
    ],
)
def test_targets_that_cannot_be_scaled_are_refused(
    scaling: Scaling, request_: dict[str, Any], message: str
) -> None:
    with pytest.raises(ClientError, match=f"ValidationException.*{message}"):
        scaling.client.register_scalable_target(**(scaling.where | request_))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"PolicyType": "StepScaling"}, "PolicyType StepScaling: the emulator does"),
        (
            {"TargetTrackingScalingPolicyConfiguration": {"TargetValue": 1.0}},
            "tracks the PredefinedMetricType SageMakerVariantInvocationsPerInstance only",
        ),
        (
            {"TargetTrackingScalingPolicyConfiguration": {**CONFIG, "TargetValue": 0.0}},
            "must be greater than 0",
        ),
        ({"PolicyName": "q"}, "Only one TargetTrackingScaling policy"),
    ],
)
def test_policies_that_cannot_be_followed_are_refused(
    scaling: Scaling, changes: dict[str, Any], message: str
) -> None:
    scaling.register(MinCapacity=1, MaxCapacity=2)
    scaling.put()
    with pytest.raises(ClientError, match=f"ValidationException.*{message}"):
        scaling.put(changes.pop("PolicyName", "p"), **changes)


def test_burstable_instances_are_not_scaled(scaling: Scaling) -> None:
    burstable = f"{scaling.name}-t2"
    scaling.config(burstable, InstanceType="ml.t2.medium")
    scaling.sagemaker.update_endpoint(EndpointName=scaling.name, EndpointConfigName=burstable)
    scaling.hosting.settled(scaling.name)
    with pytest.raises(ClientError, match="does not scale burstable instances"):
        scaling.register(MinCapacity=1, MaxCapacity=2)


def test_scaled_variant_keeps_its_type_until_it_is_deregistered(scaling: Scaling) -> None:
    scaling.register(MinCapacity=1, MaxCapacity=2)
    other = f"{scaling.name}-2"
    scaling.config(other, InstanceType="ml.m5.xlarge")
    update = {"EndpointName": scaling.name, "EndpointConfigName": other}
    with pytest.raises(ClientError, match="must be deregistered as scalable targets"):
        scaling.sagemaker.update_endpoint(**update)
    scaling.client.deregister_scalable_target(**scaling.where)
    scaling.sagemaker.update_endpoint(**update)
    assert scaling.hosting.settled(scaling.name)["EndpointConfigName"] == other


def test_lists_have_pages(scaling: Scaling) -> None:
    scaling.register(MinCapacity=2, MaxCapacity=2)
    scaling.hosting.settled(scaling.name)
    scaling.register(MinCapacity=1, MaxCapacity=1)
    found = []
    pages = scaling.client.get_paginator("describe_scaling_activities").paginate(
        ServiceNamespace="sagemaker",
        ResourceId=scaling.resource,
        PaginationConfig={"PageSize": 1},
    )
    for page in pages:
        found += [each["Cause"] for each in page["ScalingActivities"]]
    assert found == ["maximum capacity was set to 1", "minimum capacity was set to 2"]
    with pytest.raises(ClientError, match="InvalidNextTokenException"):
        scaling.client.describe_scalable_targets(ServiceNamespace="sagemaker", NextToken="x")


def test_tags_are_listed_changed_and_found(scaling: Scaling, emulator: Emulator) -> None:
    arn = scaling.register(MinCapacity=1, MaxCapacity=2, Tags={"a": "1", "b": "2"})[
        "ScalableTargetARN"
    ]
    with pytest.raises(ClientError, match="is registered already; use TagResource"):
        scaling.register(Tags={"a": "2"})
    scaling.client.tag_resource(ResourceARN=arn, Tags={"b": "3", "c": "4"})
    scaling.client.untag_resource(ResourceARN=arn, TagKeys=["a"])
    listed = scaling.client.list_tags_for_resource(ResourceARN=arn)["Tags"]
    assert listed == {"b": "3", "c": "4"}
    found = emulator.client("resourcegroupstaggingapi").get_resources(
        TagFilters=[{"Key": "c", "Values": ["4"]}]
    )["ResourceTagMappingList"]
    assert arn in [each["ResourceARN"] for each in found]
    scaling.client.deregister_scalable_target(**scaling.where)
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        scaling.client.list_tags_for_resource(ResourceARN=arn)
