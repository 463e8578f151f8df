import json
from dataclasses import asdict
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

import pipeline
from model_registry import endpoint as endpoints
from model_registry.errors import NotApprovedError, RegistryError
from model_registry.promotion import Placement, _read_settings, promote
from pipelines.serving import endpoint_status

PLACEMENT = Placement("tally", "ml.m5.large", "arn:aws:iam::123456789012:role/tally-execution")


def test_the_first_promotion_creates_the_endpoint(client, register):
    arn = register("Approved")
    done = promote(client, arn, PLACEMENT)
    assert (done.status, done.version) == ("endpoint created", 1)
    found = endpoint_status.describe(client, "tally")
    assert (found["version"], found["instance_type"]) == (1, "ml.m5.large")
    assert found["status"] == "InService"


def test_promoting_the_same_version_again_changes_nothing(client, register):
    arn = register("Approved")
    promote(client, arn, PLACEMENT)
    configs = client.list_endpoint_configs()["EndpointConfigs"]
    assert promote(client, arn, PLACEMENT).status == "already serving"
    assert client.list_endpoint_configs()["EndpointConfigs"] == configs


def test_whoever_rejects_what_is_serving_is_told_so(session, client, register, monkeypatch, capsys):
    opened = session, SimpleNamespace(endpoint="tally")
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


@pytest.mark.parametrize("approval", ["PendingManualApproval", "Rejected"])
def test_an_unapproved_version_is_never_served(client, register, approval):
    arn = register(approval)
    with pytest.raises(NotApprovedError, match=f"Version 1 of tally is {approval}.*approve 1"):
        promote(client, arn, PLACEMENT)
    assert endpoints.read(client, "tally") is None


def test_a_decision_older_than_the_one_in_force_changes_nothing(client, register):
    late, newer = register("Approved"), register("Approved")
    promote(client, newer, PLACEMENT)
    done = promote(client, late, PLACEMENT, decided_at=datetime(2026, 1, 1, tzinfo=UTC))
    assert done.status == "superseded by a later decision"
    assert endpoints.read(client, "tally").next_model.package == newer


def test_of_a_configuration_that_somebody_deleted_it_is_said_what_can_be_done(client, register):
    config = promote(client, register("Approved"), PLACEMENT).endpoint_config_name
    client.delete_endpoint_config(EndpointConfigName=config)
    for ask in (
        lambda: promote(client, register("Approved"), PLACEMENT),
        lambda: endpoint_status.describe(client, "tally"),
    ):
        with pytest.raises(RegistryError, match=rf"{config} has been deleted.*promote VERSION"):
            ask()


def test_the_result_is_json(client, register):
    done = promote(client, register("Approved"), PLACEMENT)
    assert json.loads(json.dumps(asdict(done)))["endpoint_name"] == "tally"


def test_a_models_name_says_the_version_and_fits(client, register):
    promote(client, register("Approved"), PLACEMENT)
    name = endpoints.read(client, "tally").model.name
    assert name.startswith("tally-v1-")
    assert len(name) <= 63


def test_what_somebody_has_the_endpoint_capture_is_a_setting_that_is_kept(client, register):
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
    assert _read_settings(client, "tally-captured")["DataCaptureConfig"] == capture
