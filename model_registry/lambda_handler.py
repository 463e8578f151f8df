"""The Lambda function that promotes: the pipeline's Deploy step and the approval event call it.

Environment variables: `ENDPOINT_NAME`, `INSTANCE_TYPE` and `EXECUTION_ROLE_ARN`; what the payload
says wins.
"""

import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import boto3

from model_registry.errors import EndpointBusyError, RegistryError
from model_registry.promotion import Placement, promote
from model_registry.versions import APPROVED, describe

LEFT = "left for approval"
EVENT = "SageMaker Model Package State Change"
# Kept back of the function's own time limit, so that the reason is answered and not cut off.
MARGIN_SECONDS = 10.0


def handler(event: Mapping[str, Any], context: Any = None) -> dict[str, Any]:
    """Promote the version that the event names, if it is approved.

    Args:
        event: `{"model_package_arn", "endpoint_name", "instance_type"}` from the Deploy step, or
            EventBridge's "SageMaker Model Package State Change".
        context: Lambda's context, for the time that is left.

    Returns:
        Plain values: `statusCode`, `status` and what was done.

    Raises:
        EndpointBusyError: The endpoint was being changed until the function's time was over. Lambda
            runs an event again that ended so; a pipeline step ends Failed with this reason.
        RegistryError: The event names no model package, or a setting is missing.
    """
    arn, decided_at = _read(event)
    client = boto3.client("sagemaker")
    version = describe(client, arn)
    base = {"statusCode": 200, "model_package_arn": arn, "version": version.version}
    if version.approval != APPROVED:
        return _say({**base, "status": LEFT, "approval": version.approval})
    placement = Placement(
        endpoint_name=event.get("endpoint_name") or _setting("ENDPOINT_NAME"),
        instance_type=event.get("instance_type") or _setting("INSTANCE_TYPE"),
        role_arn=os.environ.get("EXECUTION_ROLE_ARN", ""),
    )
    left = context.get_remaining_time_in_millis() / 1000 if context else MARGIN_SECONDS
    try:
        promotion = promote(
            client,
            arn,
            placement,
            wait_seconds=max(0.0, left - MARGIN_SECONDS),
            decided_at=decided_at,
        )
    except EndpointBusyError as error:
        print(json.dumps({"status": "endpoint busy", "reason": str(error)}))
        raise
    return _say({**base, **promotion.as_dict()})


def _read(event: Mapping[str, Any]) -> tuple[str, datetime | None]:
    """The model package's ARN, and when it was approved (None: it is being decided now)."""
    if event.get("detail-type") == EVENT:
        time = event.get("time")
        decided = datetime.fromisoformat(time) if time else None
        if decided and decided.tzinfo is None:
            decided = decided.replace(tzinfo=UTC)
        return event["detail"]["ModelPackageArn"], decided
    if arn := event.get("model_package_arn"):
        return arn, None
    raise RegistryError(
        "The event names no model package: it needs `model_package_arn`, or to be EventBridge's "
        f"{EVENT!r}; it has {', '.join(sorted(event)) or 'nothing'}."
    )


def _setting(name: str) -> str:
    value = os.environ.get(name)
    if not value:
        raise RegistryError(
            f"The payload does not say it and the function's environment has no {name}; "
            "`python pipeline.py setup` sets it."
        )
    return value


def _say(result: dict[str, Any]) -> dict[str, Any]:
    """Answer, and leave the same in the function's log."""
    print(json.dumps(result))
    return result
