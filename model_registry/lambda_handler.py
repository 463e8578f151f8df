"""The handler of the promotion function, which the Deploy step and the approval event call.

The Deploy step names the endpoint; an approval event names only the version, which was registered
with `endpoint_name` and `instance_type` in its CustomerMetadataProperties. The environment variable
`EXECUTION_ROLE` is the role that the endpoint's model gets.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3

from model_registry.errors import EndpointBusyError, NotApprovedError, RegistryError
from model_registry.promotion import Placement, promote
from model_registry.replaced import describe_replaced
from model_registry.versions import ModelVersion, describe

LEFT = "left for approval"
NO_DECISION = "not a decision"  # something else of the version was changed
EVENT = "SageMaker Model Package State Change"
# Kept back of the function's own time limit, so that the reason is returned and not cut off.
MARGIN_SECONDS = 10.0


def handler(event: Mapping[str, Any], context: Any = None) -> dict[str, Any]:
    """Promote the version that the event names, if it is approved.

    Args:
        event: `{"model_package_arn", "endpoint_name", "instance_type"}` from the Deploy step, or
            EventBridge's "SageMaker Model Package State Change".
        context: Lambda's context, for the time that is left.

    Returns:
        Plain values: `statusCode`, `status`, what was done and, for a version that replaced
        another, what changed.

    Raises:
        EndpointBusyError: The endpoint was being changed until the function's time was over. Lambda
            retries an event that ends so; a pipeline step ends Failed with this reason.
        RegistryError: The event names no model package, or nothing names the endpoint.
    """
    if not _is_decision(event):
        return _log({"statusCode": 200, "status": NO_DECISION})
    arn = _package_arn(event)
    client = boto3.client("sagemaker")
    version = describe(client, arn)
    base = {"statusCode": 200, "model_package_arn": arn, "version": version.version}
    placement = Placement(
        endpoint_name=_value("endpoint_name", event, version),
        instance_type=_value("instance_type", event, version),
        role_arn=os.environ.get("EXECUTION_ROLE", ""),
    )
    left = context.get_remaining_time_in_millis() / 1000 if context else MARGIN_SECONDS
    try:
        promotion = promote(
            client,
            arn,
            placement,
            wait_seconds=max(0.0, left - MARGIN_SECONDS),
            decided_at=_approved_at(event, version),
        )
    except NotApprovedError:
        approval = describe(client, arn).approval  # it may be rejected while the endpoint is busy
        return _log({**base, "status": LEFT, "approval": approval})
    except EndpointBusyError as error:
        _log({"status": "endpoint busy", "reason": str(error)})
        raise
    replaced = describe_replaced(client, promotion, version)
    return _log({**base, **asdict(promotion), **replaced})


def _is_decision(event: Mapping[str, Any]) -> bool:
    """Whether the event may follow an approval; SageMaker sends one for any change of a version.

    It names what changed in `UpdatedModelPackageFields`; a new description or new metadata of an
    approved version must not bring it back into service.
    """
    changed = event.get("detail", {}).get("UpdatedModelPackageFields")
    return not changed or "ModelApprovalStatus" in changed


def _package_arn(event: Mapping[str, Any]) -> str:
    if event.get("detail-type") == EVENT:
        return str(event["detail"]["ModelPackageArn"])
    if arn := event.get("model_package_arn"):
        return str(arn)
    raise RegistryError(
        "The event names no model package: send `model_package_arn`, or EventBridge's "
        f"{EVENT!r}. The event has {', '.join(sorted(event)) or 'no keys'}."
    )


def _approved_at(event: Mapping[str, Any], version: ModelVersion) -> datetime | None:
    """When the version was approved; None: it is being decided now.

    An event has the time in seconds. The version has fractions of a second, too, by which approvals
    of one second have an order, unless something of it was changed later.
    """
    if event.get("detail-type") != EVENT or not event.get("time"):
        return None
    second = datetime.fromisoformat(event["time"])
    if second.tzinfo is None:
        second = second.replace(tzinfo=UTC)
    return min(version.modified, second + timedelta(milliseconds=999))


def _value(name: str, event: Mapping[str, Any], version: ModelVersion) -> str:
    value = event.get(name) or version.metadata.get(name)
    if not value:
        raise RegistryError(
            f"The {name} is neither in the event nor in the CustomerMetadataProperties of version "
            f"{version.version}. Promote it by hand: "
            f"`python pipeline.py promote {version.version}`."
        )
    return str(value)


def _log(result: dict[str, Any]) -> dict[str, Any]:
    """Print the result to the function's log, and return it."""
    print(json.dumps(result))
    return result
