"""What is set of an endpoint beside its variants: data capture and scaling."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request

from sagemaker_emulator.console.pages import call

_SCALING = "application-autoscaling"
_SHOWN_ACTIVITIES = 5


@dataclass(frozen=True)
class Scaled:
    """A variant that is a scalable target.

    Attributes:
        variant: Its name.
        least: The fewest instances.
        most: The most instances.
        target: Invocations of an instance in a minute that its policy tracks; None without one.
    """

    variant: str
    least: int
    most: int
    target: float | None


@dataclass(frozen=True)
class Options:
    """What is set of an endpoint.

    Attributes:
        capture: DescribeEndpoint's DataCaptureConfig; empty without one.
        modes: What is captured: Input, Output or InputAndOutput.
        captured: The URI below which the files of this endpoint are.
        scaled: The variants that are scaled.
        activities: What was scaled lately, the latest first, as DescribeScalingActivities has it.
    """

    capture: Mapping[str, Any]
    modes: list[str]
    captured: str
    scaled: list[Scaled]
    activities: list[Mapping[str, Any]]


def options_of(request: Request, endpoint: Mapping[str, Any], config: Mapping[str, Any]) -> Options:
    """What is set of an endpoint.

    Args:
        request: The browser's.
        endpoint: DescribeEndpoint's response.
        config: DescribeEndpointConfig's; empty where the configuration was deleted.
    """
    name = endpoint["EndpointName"]
    capture = endpoint.get("DataCaptureConfig", {})
    modes = config.get("DataCaptureConfig", {}).get("CaptureOptions", [])
    captured = f"{capture['DestinationS3Uri'].rstrip('/')}/{name}/" if capture else ""
    scaled, activities = [], []
    for variant in endpoint.get("ProductionVariants", []):
        resource = f"endpoint/{name}/variant/{variant['VariantName']}"
        where = {"ServiceNamespace": "sagemaker", "service": _SCALING}
        targets = call(request, "DescribeScalableTargets", ResourceIds=[resource], **where)
        for target in targets["ScalableTargets"]:
            scaled.append(_scaled(request, variant["VariantName"], target))
            done = call(
                request,
                "DescribeScalingActivities",
                ResourceId=resource,
                MaxResults=_SHOWN_ACTIVITIES,
                **where,
            )
            activities += done["ScalingActivities"]
    activities.sort(key=lambda each: each["StartTime"], reverse=True)
    return Options(
        capture,
        [each["CaptureMode"] for each in modes],
        captured,
        scaled,
        activities[:_SHOWN_ACTIVITIES],
    )


def _scaled(request: Request, variant: str, target: Mapping[str, Any]) -> Scaled:
    policies = call(
        request,
        "DescribeScalingPolicies",
        _SCALING,
        ServiceNamespace="sagemaker",
        ResourceId=target["ResourceId"],
    )["ScalingPolicies"]
    tracked = [p["TargetTrackingScalingPolicyConfiguration"]["TargetValue"] for p in policies]
    bounds = target["MinCapacity"], target["MaxCapacity"]
    return Scaled(variant, *bounds, tracked[0] if tracked else None)
