"""Waiting for the endpoint to follow what was approved last."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest
from types_boto3_sagemaker import SageMakerClient

from model_registry.attempts import FAILED_DECISION, FAILURE
from model_registry.configuration import Placement
from model_registry.decisions import DECIDED
from model_registry.errors import EndpointBusyError, RegistryError
from model_registry.promotion import promote
from model_registry.versions import APPROVED
from pipelines.serving import endpoint_status, package_group, rollout
from pipelines.serving.package_group import version_number
from tests.model_registry.served import Register, place, register, rest

GROUP = "tally"
PLACEMENT = Placement("tally", "ml.m5.large", "arn:aws:iam::123456789012:role/tally-execution")


def test_waiting_follows_the_version_that_was_approved_last(
    client: SageMakerClient, register: Register
) -> None:
    register()
    newer = register("Approved")
    promote(client, newer, PLACEMENT, decided_at=datetime.now(UTC) - timedelta(minutes=1))
    assert rollout.wait(client, GROUP, "tally", 0).model.package == newer
    package_group.decide(client, GROUP, APPROVED, 1)
    lines: list[str] = []
    with pytest.raises(EndpointBusyError, match="is still InService"):
        rollout.wait(client, GROUP, "tally", 0, lines.append)
    assert lines == ["Version 1 is approved; waiting for the approval rule to deploy it."]


def test_waiting_reports_why_an_approved_version_could_not_be_deployed(
    emulated: SageMakerClient,
) -> None:
    emulated.create_model_package_group(ModelPackageGroupName="broken")
    promote(emulated, register(emulated, group="broken"), place("broken"))
    rest(emulated, "broken")
    arn = register(emulated, "PendingManualApproval", "gone/model.tar.gz", "broken")
    package_group.decide(emulated, "broken", APPROVED, version_number(arn))
    promote(emulated, arn, place("broken"))
    begun = time.monotonic()
    with pytest.raises(
        RegistryError, match=r"Version 2 is approved, but could not be deployed: .*gone"
    ):
        rollout.wait(emulated, "broken", "broken", 60)
    assert time.monotonic() - begun < rollout.RULE_SECONDS / 2
    assert endpoint_status.describe(emulated, "broken")["version"] == 1
    assert "of version 2, failed or was rolled back" in endpoint_status.last_failure(
        emulated, "broken"
    )


@pytest.mark.parametrize("noted", ["before", "meanwhile"])
def test_waiting_reports_why_the_function_refused_a_version(
    client: SageMakerClient, register: Register, monkeypatch: pytest.MonkeyPatch, noted: str
) -> None:
    serving = register("Approved")
    promote(client, serving, PLACEMENT, decided_at=datetime.now(UTC) - timedelta(minutes=1))
    refused = register()
    package_group.decide(client, GROUP, APPROVED, version_number(refused))
    decided = package_group.find(client, GROUP, 2).modified.isoformat()

    def note(_: float = 0) -> None:
        metadata = {DECIDED: decided, FAILURE: "it was overwritten.", FAILED_DECISION: decided}
        client.update_model_package(ModelPackageArn=refused, CustomerMetadataProperties=metadata)

    if noted == "before":
        note()
        monkeypatch.setattr(rollout, "NOTE_SECONDS", -1.0)
    else:
        monkeypatch.setattr("pipelines.serving.rollout.time.sleep", note)
    with pytest.raises(
        RegistryError, match=r"not be deployed: it was overwritten\. .* InService with version 1\."
    ):
        rollout.wait(client, GROUP, "tally", 60)


def test_waiting_for_a_deleted_endpoint_ends_at_once_if_the_last_approval_had_failed(
    client: SageMakerClient, register: Register
) -> None:
    package_group.decide(client, GROUP, APPROVED, version_number(register()))
    decided = package_group.find(client, GROUP, 1).modified
    client.update_model_package(
        ModelPackageArn=package_group.find(client, GROUP, 1).arn,
        CustomerMetadataProperties={
            DECIDED: decided.isoformat(),
            FAILURE: "rolled back by the alarm tally-errors",
            FAILED_DECISION: decided.isoformat(),
        },
    )
    with pytest.raises(
        RegistryError, match=r"no endpoint tally, .*tally-errors.* promote VERSION` creates"
    ):
        rollout.wait(client, GROUP, "tally", 60)


def test_a_deployment_that_succeeded_is_no_failure(
    client: SageMakerClient, register: Register
) -> None:
    assert endpoint_status.last_failure(client, "tally") == ""
    promote(client, register("Approved"), PLACEMENT)
    assert endpoint_status.last_failure(client, "tally") == ""


def test_waiting_ignores_a_version_for_another_endpoint(
    client: SageMakerClient, register: Register
) -> None:
    here = register("Approved", endpoint_name="tally")
    promote(client, here, PLACEMENT, decided_at=datetime.now(UTC) - timedelta(minutes=1))
    register("Approved", endpoint_name="tally-north")
    assert rollout.wait(client, GROUP, "tally", 0).model.package == here
