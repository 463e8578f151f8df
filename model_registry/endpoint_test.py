"""When the endpoint is tested after a promotion: by what it is, and by its own events."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

import boto3

from model_registry import announcements, attempts, smoke_test
from model_registry import endpoint as endpoints
from model_registry.endpoint import Endpoint
from model_registry.smoke_test import SmokeTest
from model_registry.versions import find

if TYPE_CHECKING:
    from types_boto3_sagemaker import SageMakerClient

NOTHING_TO_TEST: Final = "no version of this group has all traffic yet"
BAKING: Final = "Baking"  # a VariantStatus


def while_baking(client: SageMakerClient, group: str, detail: Mapping[str, Any]) -> dict[str, Any]:
    """Test the new version while all traffic goes to it and the old one can still take over.

    If it fails, the alarm on its metric goes off, and SageMaker rolls the deployment back.

    Args:
        client: A boto3 SageMaker client.
        group: The model package group that is promoted from: a name, or an ARN.
        detail: Of the event "SageMaker Endpoint Deployment State Change".

    Returns:
        Plain values: `status` and, of a test, its outcome.
    """
    pending = detail.get("PendingDeploymentSummary") or {}
    variants = pending.get("ProductionVariants") or []
    ready = bool(variants) and all(
        one.get("CurrentInstanceCount", 0) >= one.get("DesiredInstanceCount", 1)
        and any(status.get("Status") == BAKING for status in one.get("VariantStatus", []))
        for one in variants
    )
    current = endpoints.read(client, detail["EndpointName"]) if ready else None
    # An event that is tried again much later must not test whatever serves by then.
    if current is None or current.next_config != pending["EndpointConfigName"]:
        return {"status": NOTHING_TO_TEST}
    outcome = _test(client, group, current.name, current.next_model.package)
    return {"status": "tested", **asdict(outcome)} if outcome else {"status": NOTHING_TO_TEST}


def of_serverless(client: SageMakerClient, group: str, current: Endpoint) -> dict[str, str]:
    """Test what a serverless endpoint serves now, as no deployment of it waits for a test.

    Nothing takes the version back: the alarm on the metric tells people, who roll back.

    Args:
        client: A boto3 SageMaker client.
        group: The model package group that is promoted from: a name, or an ARN.
        current: The endpoint, which rests.

    Returns:
        The outcome in words, as `smoke_test`; nothing where there is nothing to test.
    """
    if current.status != "InService" or not current.serverless:
        return {}
    outcome = _test(client, group, current.name, current.model.package)
    return {"smoke_test": outcome.message} if outcome else {}


def _test(client: SageMakerClient, group: str, endpoint: str, package: str) -> SmokeTest | None:
    """Test a version that has all requests, and report it; None: it is none of the group."""
    version = find(client, package) if package and attempts.is_of(group, package) else None
    if version is None:
        return None
    outcome = smoke_test.run(
        boto3.client("s3"), boto3.client("sagemaker-runtime"), endpoint, version
    )
    if outcome.passed is not None:
        smoke_test.measure(boto3.client("cloudwatch"), outcome)
        announcements.announce_test(boto3.client("events"), outcome)
    return outcome
