"""What SageMaker is told about moving traffic to a new version."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from types_boto3_sagemaker import SageMakerClient

from model_registry import attempts
from model_registry import endpoint as endpoints
from model_registry.capture import Capture
from model_registry.configuration import Placement
from model_registry.deployment import Rollout
from model_registry.errors import RegistryError
from model_registry.promotion import promote
from model_registry.security import Security
from model_registry.serverless import Serverless
from pipelines.serving.rollback import rollback
from tests.model_registry.served import PLACEMENT, place, register, rest

GUARDED = Rollout("canary", 10, 300, ("tally-errors", "tally-latency"), "tally")


def routing(config: Any) -> dict[str, Any]:
    return dict(config["BlueGreenUpdatePolicy"]["TrafficRoutingConfiguration"])


def test_a_canary_gets_its_share_and_bakes_twice_under_the_alarms() -> None:
    config: Any = GUARDED.config("tally", 2)
    assert routing(config) == {
        "Type": "CANARY",
        "WaitIntervalInSeconds": 300,
        "CanarySize": {"Type": "CAPACITY_PERCENT", "Value": 10},
    }
    assert config["BlueGreenUpdatePolicy"]["TerminationWaitInSeconds"] == 300
    assert config["BlueGreenUpdatePolicy"]["MaximumExecutionTimeoutInSeconds"] == 600 + 3600
    assert config["AutoRollbackConfiguration"] == {
        "Alarms": [{"AlarmName": "tally-errors"}, {"AlarmName": "tally-latency"}]
    }


def test_linear_traffic_moves_in_steps_of_the_share() -> None:
    rollout = Rollout("linear", 30, 60)
    assert routing(rollout.config("tally", 4))["LinearStepSize"]["Value"] == 30
    assert rollout.wait_seconds == 4 * 60


def test_an_endpoint_of_one_instance_changes_all_at_once_and_bakes_under_the_alarms() -> None:
    config: Any = GUARDED.config("tally", 1)
    assert routing(config) == {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0}
    assert config["BlueGreenUpdatePolicy"]["TerminationWaitInSeconds"] == 300
    assert len(config["AutoRollbackConfiguration"]["Alarms"]) == 2


def test_alarms_of_one_endpoint_do_not_guard_another() -> None:
    assert "AutoRollbackConfiguration" not in GUARDED.config("tally-north", 2)


def test_without_alarms_no_rollback_is_configured() -> None:
    assert "AutoRollbackConfiguration" not in Rollout().config("tally", 1)


def test_the_rollout_is_read_from_the_functions_environment() -> None:
    text = '{"type": "linear", "percent": 20, "bake": 60, "alarms": ["tally-errors"]}'
    assert Rollout.from_environment({"ROLLOUT": text}) == Rollout(
        "linear", 20, 60, ["tally-errors"]
    )
    assert Rollout.from_environment({}) == Rollout()


def test_every_create_and_update_sends_the_deployment_configuration(
    emulated: SageMakerClient,
) -> None:
    placement = Placement("guarded", PLACEMENT.instance_type, PLACEMENT.role_arn)
    for _ in range(2):
        promote(emulated, register(emulated), placement)
        rest(emulated, "guarded")
        last: Any = emulated.describe_endpoint(EndpointName="guarded")["LastDeploymentConfig"]
        assert last == placement.rollout.config("guarded", 1)


def test_endpoint_configuration_and_model_carry_the_tags_of_the_placement(
    emulated: SageMakerClient,
) -> None:
    placement = Placement(
        "tagged", PLACEMENT.instance_type, PLACEMENT.role_arn, tags={"project": "tally"}
    )
    done = promote(emulated, register(emulated), placement)
    rest(emulated, "tagged")
    config = emulated.describe_endpoint_config(EndpointConfigName=done.endpoint_config_name)
    model = emulated.describe_model(ModelName=config["ProductionVariants"][0]["ModelName"])
    endpoint = emulated.describe_endpoint(EndpointName="tagged")
    for arn in (endpoint["EndpointArn"], config["EndpointConfigArn"], model["ModelArn"]):
        assert {"Key": "project", "Value": "tally"} in emulated.list_tags(ResourceArn=arn)["Tags"]


def test_the_setting_keeps_answers_and_no_photo_until_it_is_0_again(
    emulated: SageMakerClient,
) -> None:
    kept = Capture(25, "s3://models/capture")
    captured = []
    for capture in (kept, kept, Capture(0, kept.address)):
        placement = replace(place("captured"), capture=capture)
        done = promote(emulated, register(emulated), placement, wait_seconds=60)
        rest(emulated, "captured")
        config = emulated.describe_endpoint_config(EndpointConfigName=done.endpoint_config_name)
        captured.append(config.get("DataCaptureConfig"))
    assert captured[0] == captured[1]
    assert captured[0] and captured[0]["InitialSamplingPercentage"] == 25
    assert captured[0]["CaptureOptions"] == [{"CaptureMode": "Output"}]
    assert captured[2] is None


@pytest.fixture
def berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine in another time zone, in which botocore answers times."""
    with monkeypatch.context() as within:
        within.setenv("TZ", "CET-1")
        time.tzset()
        yield
    time.tzset()


def test_the_serving_version_is_the_same_in_every_time_zone(
    emulated: SageMakerClient, request: pytest.FixtureRequest
) -> None:
    version = register(emulated)
    promote(emulated, version, place("zones"))
    rest(emulated, "zones")

    request.getfixturevalue("berlin")

    assert promote(emulated, version, place("zones"), renews=True).status == "already serving"


def test_a_person_promotes_the_serving_version_to_apply_settings_and_an_event_does_not(
    emulated: SageMakerClient,
) -> None:
    version = register(emulated)
    before = promote(emulated, version, place("renewed"))
    rest(emulated, "renewed")
    changed = replace(
        place("renewed"),
        capture=Capture(25, "s3://models/capture"),
        security=Security(isolated=True),
    )

    assert promote(emulated, version, changed).status == "already serving"
    renewed = promote(emulated, version, changed, renews=True)
    assert renewed.status == "endpoint updated"
    rest(emulated, "renewed")
    assert promote(emulated, version, changed, renews=True).status == "already serving"

    config = emulated.describe_endpoint_config(EndpointConfigName=renewed.endpoint_config_name)
    assert config["DataCaptureConfig"]["InitialSamplingPercentage"] == 25
    model = config["ProductionVariants"][0]["ModelName"]
    assert emulated.describe_model(ModelName=model)["EnableNetworkIsolation"]
    with pytest.raises(RegistryError, match="no approved version before"):
        rollback(emulated, changed)  # the same version with other settings is none before it
    assert before.endpoint_config_name == renewed.replaced_config_name


def test_a_serverless_endpoint_gets_its_sizes_no_capture_and_no_deployment_configuration(
    emulated: SageMakerClient,
) -> None:
    placement = replace(place("without"), serverless=Serverless(2048, 7))
    first = promote(emulated, register(emulated), placement)
    rest(emulated, "without")
    # Settings that are those of instances again: an endpoint that exists stays as it is.
    later = replace(place("without"), capture=Capture(25, "s3://models/capture"))
    second = promote(emulated, register(emulated), later, wait_seconds=60)
    rest(emulated, "without")
    for done in (first, second):
        config = emulated.describe_endpoint_config(EndpointConfigName=done.endpoint_config_name)
        (variant,) = config["ProductionVariants"]
        assert variant["ServerlessConfig"] == {"MemorySizeInMB": 2048, "MaxConcurrency": 7}
        assert "InstanceType" not in variant and "DataCaptureConfig" not in config
    now = emulated.describe_endpoint(EndpointName="without")
    assert (now["EndpointStatus"], now["EndpointConfigName"]) == (
        "InService",
        second.endpoint_config_name,
    )
    assert "LastDeploymentConfig" not in now


def test_the_serverless_sizes_are_read_from_the_functions_environment() -> None:
    text = '{"memory_mb": 3072, "max_concurrency": 9}'
    assert Serverless.from_environment({"SERVERLESS": text}) == Serverless(3072, 9)
    assert Serverless.from_environment({}) == Serverless()


def test_a_capture_that_somebody_made_elsewhere_stays() -> None:
    theirs = {"DataCaptureConfig": {"DestinationS3Uri": "s3://theirs/capture"}}
    assert Capture(0, "s3://models/capture").applied(theirs) == theirs


def test_alarms_that_setup_has_not_made_are_named_and_nothing_is_changed(
    emulated: SageMakerClient,
) -> None:
    first = promote(emulated, register(emulated), place("unguarded"))
    rest(emulated, "unguarded")
    rollout = Rollout(alarms=("unguarded-errors",), endpoint="unguarded")
    placement = replace(place("unguarded"), rollout=rollout)
    with pytest.raises(RegistryError, match=r"(?s)unguarded-errors.*pipeline.py setup"):
        promote(emulated, register(emulated), placement)
    now = endpoints.read(emulated, "unguarded")
    assert now and now.config == first.endpoint_config_name
    assert attempts.failed_config(emulated, now) == ""
