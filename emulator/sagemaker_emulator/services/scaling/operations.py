"""Application Auto Scaling: its operations on scalable targets and scaling policies."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.aws.dispatch import Response, operation
from sagemaker_emulator.aws.members import paths
from sagemaker_emulator.aws.pages import cut, scope_of
from sagemaker_emulator.errors import ApiError, invalid
from sagemaker_emulator.services.scaling import records, tags
from sagemaker_emulator.services.scaling.records import METRIC, POLICY, SERVICE, TARGET, Variant
from sagemaker_emulator.storage.store import Document

_WHERE = "ServiceNamespace ResourceId ScalableDimension "
_PAGED = "ServiceNamespace ScalableDimension MaxResults NextToken "
_SUSPENDED = ("DynamicScalingInSuspended", "DynamicScalingOutSuspended")
_LARGEST_PAGE = 50
_TRACKING = "TargetTrackingScaling"
_CONFIGURATION = "TargetTrackingScalingPolicyConfiguration"


@operation(
    "RegisterScalableTarget",
    SERVICE,
    honours=paths(
        _WHERE
        + """MinCapacity MaxCapacity RoleARN Tags
        SuspendedState{DynamicScalingInSuspended DynamicScalingOutSuspended}"""
    ),
)
def register(context: Context, request: Mapping[str, Any]) -> Response:
    """Make a variant a scalable target, or change its bounds; it is brought within them."""
    records.check_kind(request)
    resource = request["ResourceId"]
    variant = Variant.of(resource)
    _check_scalable(context, variant)
    role = (
        f"arn:aws:iam::{context.account}:role/aws-service-role/"
        "sagemaker.application-autoscaling.amazonaws.com/"
        "AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint"
    )
    with context.store.transaction():
        document = context.store.get(TARGET, resource) or {
            "ServiceNamespace": request["ServiceNamespace"],
            "ResourceId": resource,
            "ScalableDimension": request["ScalableDimension"],
            "RoleARN": role,
            "CreationTime": context.scaling.now(),
            "SuspendedState": dict.fromkeys((*_SUSPENDED, "ScheduledScalingSuspended"), False),
            "Tags": {},
            "ScalableTargetARN": context.arn("scalable-target", uuid.uuid4().hex[:24], SERVICE),
        }
        for key in ("MinCapacity", "MaxCapacity", "RoleARN"):
            if key in request:
                document[key] = request[key]
            elif key not in document:
                raise invalid(f"{key} is required where a scalable target is new.")
        if request.get("Tags"):
            if context.store.get(TARGET, resource) is not None:
                raise invalid(f"Tags: {resource} is registered already; use TagResource.")
            tags.check(request["Tags"])
            document["Tags"] = request["Tags"]
        document["SuspendedState"] |= request.get("SuspendedState", {})
        _check_bounds(document["MinCapacity"], document["MaxCapacity"])
        context.store.put(TARGET, resource, document)
    context.scaling.look()
    return {"ScalableTargetARN": document["ScalableTargetARN"]}


def _check_bounds(least: int, most: int) -> None:
    if least < 1:
        raise invalid(
            f"MinCapacity is {least} and must be at least 1: only asynchronous endpoints and "
            "inference components scale to zero."
        )
    if most < least:
        raise invalid(f"Maximum capacity ({most}) cannot be less than minimum capacity ({least}).")


def _check_scalable(context: Context, variant: Variant) -> None:
    """Refuse variants that SageMaker does not scale.

    Raises:
        ApiError: there is no such variant, it is serverless, or of a burstable type.
    """
    _, described = variant.described(context)
    if "CurrentServerlessConfig" in described:
        raise invalid(
            f'Variant "{variant.name}" is serverless, so that it has no instances; the emulator '
            "does not scale its provisioned concurrency."
        )
    if (kind := variant.instance_type(context)).startswith("ml.t2."):
        raise invalid(
            f'Variant "{variant.name}" has the instance type {kind}: SageMaker does not scale '
            "burstable instances; choose another type, such as ml.m5.large."
        )


@operation(
    "DescribeScalableTargets",
    SERVICE,
    honours=paths(_PAGED + "ResourceIds"),
)
def describe_targets(context: Context, request: Mapping[str, Any]) -> Response:
    """The scalable targets, in the order of their registration."""
    records.check_kind(request)
    wanted = request.get("ResourceIds")
    found = [
        target
        for target in context.store.list(TARGET)
        if not wanted or target["ResourceId"] in wanted
    ]
    return _page("DescribeScalableTargets", request, "ScalableTargets", found)


@operation("DeregisterScalableTarget", SERVICE, honours=paths(_WHERE))
def deregister(context: Context, request: Mapping[str, Any]) -> Response:
    """Forget a scalable target with its policies; its instances stay."""
    records.check_kind(request)
    with context.store.transaction():
        target = records.target_of(context, request)
        records.forget(context.store, [target["ResourceId"]])
    return {}


@operation(
    "PutScalingPolicy",
    SERVICE,
    honours=paths(
        _WHERE
        + """PolicyName PolicyType
        TargetTrackingScalingPolicyConfiguration{
            TargetValue ScaleOutCooldown ScaleInCooldown DisableScaleIn
            PredefinedMetricSpecification{PredefinedMetricType}
        }"""
    ),
)
def put_policy(context: Context, request: Mapping[str, Any]) -> Response:
    """Make or change a target tracking policy."""
    records.check_kind(request)
    resource, name = request["ResourceId"], request["PolicyName"]
    with context.store.transaction():
        records.target_of(context, request)
        key = records.policy_key(resource, name)
        earlier = context.store.get(POLICY, key)
        kind = request.get("PolicyType", (earlier or {}).get("PolicyType"))
        if kind != _TRACKING:
            raise invalid(f"PolicyType {kind}: the emulator does {_TRACKING} only.")
        config = request.get("TargetTrackingScalingPolicyConfiguration")
        if config is None:
            raise invalid(f"{_CONFIGURATION} is missing.")
        _check_tracking(config)
        others = [p["PolicyName"] for p in records.policies_of(context.store, resource)]
        if set(others) - {name}:
            raise invalid(
                "Only one TargetTrackingScaling policy for a given metric specification is "
                f"allowed; {resource} has {others[0]}."
            )
        document: Document = earlier or {
            "PolicyARN": (
                f"arn:aws:autoscaling:{context.region}:{context.account}:scalingPolicy:"
                f"{uuid.uuid4()}:resource/sagemaker/{resource}:policyName/{name}"
            ),
            "PolicyName": name,
            "PolicyType": kind,
            "ServiceNamespace": request["ServiceNamespace"],
            "ResourceId": resource,
            "ScalableDimension": request["ScalableDimension"],
            "CreationTime": context.scaling.now(),
            "Alarms": [],
        }
        document[_CONFIGURATION] = config
        context.store.put(POLICY, key, document)
    return {"PolicyARN": document["PolicyARN"], "Alarms": []}


def _check_tracking(config: Mapping[str, Any]) -> None:
    """Check the configuration of a target tracking policy.

    Raises:
        ApiError: it tracks another metric than the invocations for each instance.
    """
    metric = config.get("PredefinedMetricSpecification", {}).get("PredefinedMetricType")
    if metric != METRIC:
        raise invalid(
            f"{_CONFIGURATION}: the emulator tracks the PredefinedMetricType {METRIC} only, not "
            f"{metric}."
        )
    if config["TargetValue"] <= 0:
        raise invalid(f"TargetValue is {config['TargetValue']} and must be greater than 0.")
    for key in ("ScaleOutCooldown", "ScaleInCooldown"):
        if config.get(key, 0) < 0:
            raise invalid(f"{key} is {config[key]} and must be 0 seconds or more.")


@operation(
    "DescribeScalingPolicies",
    SERVICE,
    honours=paths(_PAGED + "ResourceId PolicyNames"),
)
def describe_policies(context: Context, request: Mapping[str, Any]) -> Response:
    """The policies, in the order of their creation."""
    records.check_kind(request)
    names = request.get("PolicyNames")
    found = [
        policy
        for policy in context.store.list(POLICY)
        if request.get("ResourceId") in (None, policy["ResourceId"])
        and (not names or policy["PolicyName"] in names)
    ]
    return _page("DescribeScalingPolicies", request, "ScalingPolicies", found)


@operation("DeleteScalingPolicy", SERVICE, honours=paths(_WHERE + "PolicyName"))
def delete_policy(context: Context, request: Mapping[str, Any]) -> Response:
    """Forget a policy."""
    records.check_kind(request)
    name = request["PolicyName"]
    if not context.store.delete(POLICY, records.policy_key(request["ResourceId"], name)):
        raise records.not_found(f"scaling policy found with name {name}", request)
    return {}


@operation("DescribeScalingActivities", SERVICE, honours=paths(_PAGED + "ResourceId"))
def describe_activities(context: Context, request: Mapping[str, Any]) -> Response:
    """What was done, the latest first."""
    records.check_kind(request)
    found = [
        activity
        for activity in reversed(context.store.list(records.ACTIVITY))
        if request.get("ResourceId") in (None, activity["ResourceId"])
    ]
    return _page("DescribeScalingActivities", request, "ScalingActivities", found)


def _page(
    name: str, request: Mapping[str, Any], member: str, found: Sequence[Document]
) -> dict[str, Any]:
    """A page of what an operation lists.

    Raises:
        ApiError: its token is not one of this operation.
    """
    size = request.get("MaxResults", _LARGEST_PAGE)
    if not 1 <= size <= _LARGEST_PAGE:
        raise invalid(f"MaxResults is {size} and must be between 1 and {_LARGEST_PAGE}.")
    try:
        items, following = cut(found, request.get("NextToken"), size, scope=scope_of(name, request))
    except ApiError as problem:
        raise ApiError("InvalidNextTokenException", problem.message) from None
    return {member: items, "NextToken": following}
