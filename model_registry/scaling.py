"""How many instances an endpoint has: as many as its requests need, within bounds.

Application Auto Scaling knows an endpoint's variant as a scalable target. Its target tracking
policy keeps the invocations of an instance in a minute near a number.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from model_registry.errors import ScalingError

if TYPE_CHECKING:
    from model_registry.endpoint import Endpoint

SCALING: Final = "SCALING"  # the environment variable with a `Scaling` as JSON
POLICY: Final = "tally-invocations"  # by this name a scaling is known as ours
NONE, UNCHANGED = "none", "unchanged"
REGISTERED, DEREGISTERED = "registered", "deregistered"
_OF_VARIANTS: Final = {
    "ServiceNamespace": "sagemaker",
    "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
}


@dataclass(frozen=True)
class Scaling:
    """What scales an endpoint.

    Attributes:
        min: The fewest instances.
        max: The most; 0: nothing scales the endpoint.
        invocations_per_instance: Of one minute, that the policy keeps to; 0: another policy, or
            none, which is somebody else's.
    """

    min: int = 1
    max: int = 0
    invocations_per_instance: float = 0.0

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Scaling:
        """The scaling that `setup` has given to the function; none where it has not."""
        return cls(**json.loads(environment.get(SCALING) or "{}"))

    def __str__(self) -> str:
        if not self.max:
            return NONE
        bounds = f"{self.min} to {self.max} instances"
        target = self.invocations_per_instance
        return f"{bounds}, for {target:g} requests a minute each" if target else bounds


def read(client: Any, endpoint: Endpoint) -> Scaling:
    """What scales the endpoint's main variant now.

    Args:
        client: A boto3 client of `application-autoscaling`.
        endpoint: The endpoint.
    """
    resource = _resource(endpoint)
    targets = client.describe_scalable_targets(
        ServiceNamespace=_OF_VARIANTS["ServiceNamespace"], ResourceIds=[resource]
    )["ScalableTargets"]
    if not targets:
        return Scaling()
    policies = client.describe_scaling_policies(
        ServiceNamespace=_OF_VARIANTS["ServiceNamespace"],
        ResourceId=resource,
        PolicyNames=[POLICY],
    )["ScalingPolicies"]
    tracking = policies[0]["TargetTrackingScalingPolicyConfiguration"] if policies else {}
    (target,) = targets
    return Scaling(target["MinCapacity"], target["MaxCapacity"], tracking.get("TargetValue", 0.0))


def apply(client: Any, endpoint: Endpoint, wanted: Scaling) -> str:
    """Have an endpoint scaled as wanted; what is so already is not asked for again.

    Each scaling ends with an event of the endpoint, after which this is called again.

    Args:
        client: A boto3 client of `application-autoscaling`.
        endpoint: The endpoint, in service; a scalable target must be.
        wanted: How. With none, what this has registered is deregistered: the instances stay, and
            so does a scaling that somebody else has made.

    Returns:
        What was done.

    Raises:
        ScalingError: SageMaker does not scale this endpoint so.
    """
    from botocore.exceptions import ClientError  # slow to import; commands that read need it not

    present = read(client, endpoint)
    where = {**_OF_VARIANTS, "ResourceId": _resource(endpoint)}
    if not wanted.max:
        if not present.invocations_per_instance:
            return NONE
        client.deregister_scalable_target(**where)
        return DEREGISTERED
    if present == wanted:
        return UNCHANGED
    try:
        client.register_scalable_target(**where, MinCapacity=wanted.min, MaxCapacity=wanted.max)
        client.put_scaling_policy(
            **where,
            PolicyName=POLICY,
            PolicyType="TargetTrackingScaling",
            TargetTrackingScalingPolicyConfiguration={
                "TargetValue": float(wanted.invocations_per_instance),
                "PredefinedMetricSpecification": {
                    "PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"
                },
            },
        )
    except ClientError as error:
        details = error.response["Error"]
        if details.get("Code") != "ValidationException":
            raise
        raise ScalingError(
            f"Endpoint {endpoint.name} is not scaled ({wanted}): {details.get('Message', '')} "
            "Change the settings `scaling` and run `python pipeline.py setup`."
        ) from error
    return REGISTERED


def _resource(endpoint: Endpoint) -> str:
    return f"endpoint/{endpoint.name}/variant/{endpoint.variant}"
