from __future__ import annotations

import json
from datetime import UTC
from typing import Any

import pytest
from types_boto3_sagemaker import SageMakerClient

from model_registry import endpoint as endpoints
from model_registry import lambda_handler
from model_registry.errors import EndpointBusyError, NotApprovedError, RegistryError
from model_registry.lambda_handler import handler
from pipelines.serving import endpoint_status
from tests.model_registry.served import Register

FACTS = {"endpoint_name": "tally", "instance_type": "ml.m5.large"}


@pytest.fixture(autouse=True)
def role(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXECUTION_ROLE", "arn:aws:iam::123456789012:role/tally-execution")


def approval(arn: str, time: str = "2026-11-22T16:00:00Z") -> dict[str, Any]:
    return {
        "source": "aws.sagemaker",
        "detail-type": "SageMaker Model Package State Change",
        "time": time,
        "detail": {"ModelPackageArn": arn, "ModelApprovalStatus": "Approved"},
    }


def test_the_deploy_step_leaves_a_pending_version_for_approval(
    client: SageMakerClient, register: Register
) -> None:
    arn = register()
    answer = handler({"model_package_arn": arn, **FACTS}, None)
    assert answer["statusCode"] == 200
    assert answer["status"] == "left for approval"
    assert endpoints.read(client, "tally") is None


def test_the_deploy_step_promotes_an_approved_version(
    client: SageMakerClient, register: Register
) -> None:
    arn = register("Approved")
    answer = handler({"model_package_arn": arn, **FACTS}, None)
    assert (answer["status"], answer["version"]) == ("endpoint created", 1)
    assert json.loads(json.dumps(answer)) == answer


def test_an_approval_event_deploys_the_version_it_names_not_the_newest(
    client: SageMakerClient, register: Register
) -> None:
    older, _ = register("Approved", **FACTS), register("Approved", **FACTS)
    assert handler(approval(older), None)["version"] == 1
    assert endpoint_status.require(client, "tally").next_model.package == older


def test_an_event_that_arrives_twice_deploys_once(
    client: SageMakerClient, register: Register
) -> None:
    arn = register("Approved", **FACTS)
    handler(approval(arn), None)
    assert handler(approval(arn), None)["status"] == "already serving"


def test_an_event_older_than_the_decision_in_force_changes_nothing(
    client: SageMakerClient, register: Register
) -> None:
    first, second = register("Approved", **FACTS), register("Approved", **FACTS)
    handler(approval(second, "2026-11-22T16:05:00Z"), None)
    assert handler(approval(first), None)["status"] == "superseded by a later decision"


def test_an_event_of_a_version_rejected_meanwhile_deploys_nothing(
    client: SageMakerClient, register: Register
) -> None:
    arn = register("Rejected", **FACTS)
    assert handler(approval(arn), None)["status"] == "left for approval"


def test_new_metadata_of_an_approved_version_is_not_an_approval(
    client: SageMakerClient, register: Register
) -> None:
    event = approval(register("Approved", **FACTS))
    event["detail"]["UpdatedModelPackageFields"] = ["CustomerMetadataProperties"]
    assert handler(event, None)["status"] == "not a decision"
    assert endpoints.read(client, "tally") is None
    event["detail"]["UpdatedModelPackageFields"] += ["ModelApprovalStatus"]
    assert handler(event, None)["version"] == 1


class Running:
    """Lambda's context of a function that has some seconds left."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def get_remaining_time_in_millis(self) -> float:
        return self.seconds * 1000


@pytest.mark.parametrize(("left", "waits"), [(300, 290), (4, 0)])
def test_the_handler_waits_but_keeps_time_to_return_the_reason(
    client: SageMakerClient,
    register: Register,
    monkeypatch: pytest.MonkeyPatch,
    left: int,
    waits: int,
) -> None:
    given = {}

    def busy(*_: Any, wait_seconds: float, **__: Any) -> None:
        given["wait_seconds"] = wait_seconds
        raise EndpointBusyError("Endpoint tally is Updating")

    monkeypatch.setattr(lambda_handler, "promote", busy)
    with pytest.raises(EndpointBusyError, match="is Updating"):
        handler(approval(register("Approved", **FACTS)), Running(left))
    assert given["wait_seconds"] == waits


@pytest.mark.parametrize(
    ("event", "message"),
    [
        pytest.param({"endpoint_name": "tally"}, "names no model package", id="no-package"),
        pytest.param({}, "has no keys", id="empty"),
    ],
)
def test_an_event_without_a_package_is_refused(
    client: SageMakerClient, event: dict[str, Any], message: str
) -> None:
    with pytest.raises(RegistryError, match=message):
        handler(event, None)


def test_a_version_that_names_no_endpoint_is_refused(
    client: SageMakerClient, register: Register
) -> None:
    with pytest.raises(RegistryError, match="promote 1"):
        handler(approval(register("Approved")), None)


def test_the_later_of_two_approvals_in_one_second_is_followed(
    client: SageMakerClient, register: Register
) -> None:
    events = []
    for arn in [register() for _ in range(2)]:
        client.update_model_package(
            ModelPackageArn=arn, ModelApprovalStatus="Approved", CustomerMetadataProperties=FACTS
        )
        when = client.describe_model_package(ModelPackageName=arn)["LastModifiedTime"]
        events.append(approval(arn, when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")))
    assert handler(events[1], None)["status"] == "endpoint created"
    assert handler(events[0], None)["status"] == "superseded by a later decision"


def test_a_version_rejected_while_its_endpoint_was_busy_is_not_deployed(
    client: SageMakerClient, register: Register, monkeypatch: pytest.MonkeyPatch
) -> None:
    arn = register("Approved", **FACTS)

    def rejected_meanwhile(*_: Any, **__: Any) -> None:
        client.update_model_package(ModelPackageArn=arn, ModelApprovalStatus="Rejected")
        raise NotApprovedError("Version 1 of tally is Rejected")

    monkeypatch.setattr(lambda_handler, "promote", rejected_meanwhile)
    answer = handler(approval(arn), None)
    assert (answer["status"], answer["approval"]) == ("left for approval", "Rejected")
