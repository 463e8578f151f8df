"""What Application Auto Scaling keeps: scalable targets, their policies, and what was done."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.errors import ApiError, invalid
from sagemaker_emulator.storage.store import Document, Store

TARGET, POLICY, ACTIVITY = "scalable-target", "scaling-policy", "scaling-activity"
SERVICE = "application-autoscaling"
NAMESPACE, DIMENSION = "sagemaker", "sagemaker:variant:DesiredInstanceCount"
METRIC = "SageMakerVariantInvocationsPerInstance"
_RESOURCE = re.compile(r"endpoint/([^/]+)/variant/([^/]+)")
# Of every target and policy; the last activities of a target, too.
KEPT_ACTIVITIES = 100


@dataclass(frozen=True)
class Variant:
    """A variant of an endpoint.

    Attributes:
        endpoint: the endpoint's name.
        name: the variant's.
    """

    endpoint: str
    name: str

    @classmethod
    def of(cls, resource: str) -> Variant:
        """The variant of a ResourceId.

        Raises:
            ApiError: it is none.
        """
        match = _RESOURCE.fullmatch(resource)
        if match is None:
            raise invalid(
                f"Unsupported resource ID: {resource!r}; it must look like "
                "endpoint/my-endpoint/variant/my-variant."
            )
        return cls(match[1], match[2])

    def described(self, context: Context) -> tuple[str, Document]:
        """The endpoint's status, and what DescribeEndpoint has of the variant.

        Raises:
            ApiError: there is no such endpoint or variant.
        """
        endpoint = context.call("DescribeEndpoint", EndpointName=self.endpoint)
        for variant in endpoint.get("ProductionVariants", []):
            if variant["VariantName"] == self.name:
                return endpoint["EndpointStatus"], variant
        raise invalid(f'Endpoint "{self.endpoint}" has no production variant "{self.name}".')

    def instance_type(self, context: Context) -> str:
        """The instance type; empty where its configuration was deleted: the endpoint goes on."""
        endpoint = context.call("DescribeEndpoint", EndpointName=self.endpoint)
        name = endpoint["EndpointConfigName"]
        try:
            config = context.call("DescribeEndpointConfig", EndpointConfigName=name)
        except ApiError:
            return ""
        types = {v["VariantName"]: v.get("InstanceType", "") for v in config["ProductionVariants"]}
        return str(types.get(self.name, ""))


def check_kind(request: Mapping[str, Any]) -> None:
    """Refuse what is not the instance count of an endpoint's variant.

    Raises:
        ApiError: it names the namespace or the dimension.
    """
    for member, known in (("ServiceNamespace", NAMESPACE), ("ScalableDimension", DIMENSION)):
        if (value := request.get(member, known)) != known:
            raise invalid(f"{member} {value}: the emulator scales {known} only.")


def target_of(context: Context, request: Mapping[str, Any]) -> Document:
    """The scalable target of a request.

    Raises:
        ApiError: there is none.
    """
    document = context.store.get(TARGET, request["ResourceId"])
    if document is None:
        raise not_found("scalable target registered", request)
    return document


def not_found(what: str, request: Mapping[str, Any]) -> ApiError:
    """That there is no such thing of a scalable target."""
    return ApiError(
        "ObjectNotFoundException",
        f"No {what} for service namespace: {request['ServiceNamespace']}, resource ID: "
        f"{request['ResourceId']}, scalable dimension: {request['ScalableDimension']}",
    )


def policy_key(resource: str, name: str) -> str:
    """The name in the store of a target's policy."""
    return f"{resource}\n{name}"


def policies_of(store: Store, resource: str) -> list[Document]:
    """The policies of a target, in the order of their creation."""
    return store.list(POLICY, policy_key(resource, ""))


def activities_of(store: Store, resource: str) -> list[Document]:
    """What was done to a target, the first first."""
    return store.list(ACTIVITY, f"{resource}\n")


def add_activity(store: Store, resource: str, time: float, count: int, cause: str) -> str:
    """Write down that a variant is to have another number of instances; the activity's key.

    Args:
        store: what holds it.
        resource: the target's.
        time: in seconds since the epoch.
        count: how many instances.
        cause: why.
    """
    identity = str(uuid.uuid4())
    document = {
        "ActivityId": identity,
        "ServiceNamespace": NAMESPACE,
        "ResourceId": resource,
        "ScalableDimension": DIMENSION,
        "Description": f"Setting desired instance count to {count}.",
        "Cause": cause,
        "StartTime": time,
        "StatusCode": "InProgress",
        "Count": count,
    }
    key = f"{resource}\n{identity}"
    with store.transaction():
        store.put(ACTIVITY, key, document)
        for old in activities_of(store, resource)[:-KEPT_ACTIVITIES]:
            store.delete(ACTIVITY, f"{resource}\n{old['ActivityId']}")
    return key


def forget(store: Store, resources: Iterable[str]) -> None:
    """Delete targets with their policies and activities."""
    with store.transaction():
        for resource in resources:
            store.delete(TARGET, resource)
            for policy in policies_of(store, resource):
                store.delete(POLICY, policy_key(resource, policy["PolicyName"]))
            for activity in activities_of(store, resource):
                store.delete(ACTIVITY, f"{resource}\n{activity['ActivityId']}")
