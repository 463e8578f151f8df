"""Events on the account's default bus about what the function did; rules send them to people."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from model_registry.attempts import Failure, group_of
from model_registry.errors import RegistryError
from model_registry.smoke_test import SmokeTest

if TYPE_CHECKING:
    from types_boto3_events import EventBridgeClient

SOURCE: Final = "tally"
DEPLOYMENT_FAILED: Final = "Endpoint Deployment Failed"
SMOKE_TEST: Final = "Endpoint Smoke Test"


def announce(client: EventBridgeClient, failure: Failure) -> None:
    """Send an event about a deployment that failed or was rolled back.

    Raises:
        RegistryError: EventBridge did not take it.
    """
    _put(
        client,
        DEPLOYMENT_FAILED,
        {
            "EndpointName": failure.endpoint_name,
            "ModelPackageGroupName": failure.group,
            "ModelPackageArn": failure.package_arn,
            "ModelPackageVersion": failure.version,
            "Reason": failure.reason,
            "Message": failure.message,
        },
    )


def announce_test(client: EventBridgeClient, outcome: SmokeTest) -> None:
    """Send an event about a smoke test, whatever came out.

    Raises:
        RegistryError: EventBridge did not take it.
    """
    _put(
        client,
        SMOKE_TEST,
        {
            "EndpointName": outcome.endpoint_name,
            "ModelPackageGroupName": group_of(outcome.package_arn),
            "ModelPackageArn": outcome.package_arn,
            "ModelPackageVersion": outcome.version,
            "Passed": outcome.passed,
            "Message": outcome.message,
        },
    )


def _put(client: EventBridgeClient, detail_type: str, detail: dict[str, object]) -> None:
    entry = {"Source": SOURCE, "DetailType": detail_type, "Detail": json.dumps(detail)}
    response = client.put_events(Entries=[entry])  # type: ignore[list-item]
    if response["FailedEntryCount"]:
        problem = response["Entries"][0]
        raise RegistryError(
            f"EventBridge did not take the event {detail_type!r}: "
            f"{problem.get('ErrorCode')}: {problem.get('ErrorMessage')}"
        )
