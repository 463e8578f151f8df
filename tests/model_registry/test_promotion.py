from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime

import boto3
import pytest
from types_boto3_sagemaker import SageMakerClient

import pipeline
from model_registry import endpoint as endpoints
from model_registry.configuration import Placement
from model_registry.errors import NotApprovedError, RegistryError
from model_registry.promotion import promote
from pipelines.serving import endpoint_status
from pipelines.settings.layers import load
from tests.model_registry.served import Register

PLACEMENT = Placement("tally", "ml.m5.large", "arn:aws:iam::123456789012:role/tally-execution")


def test_the_first_promotion_creates_the_endpoint(
    client: SageMakerClient, register: Register
) -> None:
    arn = register("Approved")
    done = promote(client, arn, PLACEMENT)
    assert (done.status, done.version) == ("endpoint created", 1)
    found = endpoint_status.describe(client, "tally")
    assert (found["version"], found["instance_type"]) == (1, "ml.m5.large")
    assert found["status"] == "InService"


def test_promoting_the_same_version_again_changes_nothing(
    client: SageMakerClient, register: Register
) -> None:
    arn = register("Approved")
    promote(client, arn, PLACEMENT)
    configs = client.list_endpoint_configs()["EndpointConfigs"]
    assert promote(client, arn, PLACEMENT).status == "already serving"
    assert client.list_endpoint_configs()["EndpointConfigs"] == configs


def test_rejecting_the_serving_version_prints_that_it_keeps_serving(
    session: boto3.Session,
    client: SageMakerClient,
    register: Register,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    opened = session, load("local")
    monkeypatch.setattr("pipelines.target.open_target", lambda _: opened)
    promote(client, register("Approved"), PLACEMENT)
    register()
    said = {}
    for version in ("1", "2"):
        assert pipeline.main(["reject", version]) == 0
        said[version] = capsys.readouterr().err
    assert said["1"].startswith("The endpoint continues to serve it.")
    assert "python pipeline.py rollback" in said["1"]
    assert said["2"] == ""


def test_an_endpoint_that_somebody_deleted_is_not_brought_back_by_its_own_event(
    client: SageMakerClient, register: Register
) -> None:
    result = promote(client, register("Approved"), PLACEMENT, creates=False)
    assert result.status == "the endpoint was deleted"
    assert client.list_endpoints()["Endpoints"] == []


@pytest.mark.parametrize("approval", ["PendingManualApproval", "Rejected"])
def test_an_unapproved_version_is_never_served(
    client: SageMakerClient, register: Register, approval: str
) -> None:
    arn = register(approval)
    with pytest.raises(NotApprovedError, match=f"Version 1 of tally is {approval}.*approve 1"):
        promote(client, arn, PLACEMENT)
    assert endpoints.read(client, "tally") is None


def test_a_decision_older_than_the_one_in_force_changes_nothing(
    client: SageMakerClient, register: Register
) -> None:
    late, newer = register("Approved"), register("Approved")
    promote(client, newer, PLACEMENT)
    done = promote(client, late, PLACEMENT, decided_at=datetime(2026, 1, 1, tzinfo=UTC))
    assert done.status == "superseded by a later decision"
    assert endpoint_status.require(client, "tally").next_model.package == newer


def test_a_deleted_configuration_is_reported_with_what_to_do(
    client: SageMakerClient, register: Register
) -> None:
    config = promote(client, register("Approved"), PLACEMENT).endpoint_config_name
    client.delete_endpoint_config(EndpointConfigName=config)
    for ask in (
        lambda: promote(client, register("Approved"), PLACEMENT),
        lambda: endpoint_status.describe(client, "tally"),
    ):
        with pytest.raises(RegistryError, match=rf"{config} has been deleted.*promote VERSION"):
            ask()


def test_the_result_is_json(client: SageMakerClient, register: Register) -> None:
    done = promote(client, register("Approved"), PLACEMENT)
    assert json.loads(json.dumps(asdict(done)))["endpoint_name"] == "tally"


def test_a_models_name_has_the_version_and_an_allowed_length(
    client: SageMakerClient, register: Register
) -> None:
    promote(client, register("Approved"), PLACEMENT)
    name = endpoint_status.require(client, "tally").model.name
    assert name.startswith("tally-v1-")
    assert len(name) <= 63


def test_promotion_keeps_the_data_capture_settings(
    client: SageMakerClient, register: Register
) -> None:
    # Neither moto nor the emulator updates an endpoint that captures.
    promoted = promote(client, register("Approved"), PLACEMENT)
    made = client.describe_endpoint_config(EndpointConfigName=promoted.endpoint_config_name)
    assert not made.get("DataCaptureConfig")
    capture = {
        "EnableCapture": True,
        "InitialSamplingPercentage": 5,
        "DestinationS3Uri": "s3://tally/capture",
        "CaptureOptions": [{"CaptureMode": "Output"}],
    }
    client.create_endpoint_config(
        EndpointConfigName="tally-captured",
        ProductionVariants=made["ProductionVariants"],
        DataCaptureConfig=capture,
    )
    assert endpoints.read_settings(client, "tally-captured")["DataCaptureConfig"] == capture
