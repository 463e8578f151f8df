"""Updates of an endpoint by a DeploymentConfig, on a real server and under requests."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from emulator_process import Emulator
from guarded_endpoint import Guarded
from waiting import wait_until


@pytest.fixture
def guarded(emulator: Emulator, until: Callable[..., Any], name: str) -> Iterator[Guarded]:
    made = Guarded(emulator, until, name)
    yield made
    made.delete()


def test_model_that_fails_is_rolled_back_by_an_alarm(guarded: Guarded) -> None:
    with guarded.requests() as answers:
        wait_until(lambda: answers["old"] > 5)
        config = guarded.update("broken", percent=25, bake=600)
        ended = guarded.settled()
    assert ended["EndpointStatus"] == "InService"
    assert ended["EndpointConfigName"] == guarded.name
    assert "rolled back" in ended["FailureReason"]
    assert guarded.name in ended["FailureReason"]
    assert config == f"{guarded.name}-broken"
    assert set(answers) == {"old", "ModelError"}  # nothing was lost on the way
    assert 0 < answers["ModelError"] <= 0.25 * answers.total()
    assert {guarded.ask() for _ in range(20)} == {"old"}
    assert ended["LastDeploymentConfig"]["AutoRollbackConfiguration"]["Alarms"] == [
        {"AlarmName": guarded.name}
    ]


def test_canary_gets_its_share(guarded: Guarded) -> None:
    guarded.update("new", percent=10, bake=600)
    wait_until(lambda: guarded.stage() == "Baking")
    assert [guarded.ask() for _ in range(20)].count("new") == 2
    guarded.set_alarm("ALARM")


def test_after_its_bakes_the_new_fleet_gets_everything(guarded: Guarded) -> None:
    with guarded.requests() as answers:
        config = guarded.update("new", percent=10, bake=1, last=1)
        ended = guarded.settled()
    assert set(answers) <= {"old", "new"}  # none was lost on the way
    assert (ended["EndpointStatus"], ended["EndpointConfigName"]) == ("InService", config)
    assert "FailureReason" not in ended
    assert {guarded.ask() for _ in range(10)} == {"new"}


def test_update_shows_how_far_it_is(guarded: Guarded) -> None:
    config = guarded.update("new", percent=50, bake=600)
    wait_until(lambda: guarded.stage() == "Baking")
    endpoint = guarded.described()
    assert (endpoint["EndpointStatus"], endpoint["EndpointConfigName"]) == (
        *("Updating", guarded.name),
    )
    pending = endpoint["PendingDeploymentSummary"]
    assert (pending["EndpointConfigName"], "StartTime" in pending) == (config, True)
    (variant,) = pending["ProductionVariants"]
    assert (variant["VariantName"], variant["DesiredInstanceCount"]) == ("v", 1)
    assert variant["VariantStatus"][0]["StatusMessage"] == (
        "Baking for 600 seconds (WaitIntervalInSeconds) with traffic enabled on canary capacity of "
        "50 percent."
    )
    with pytest.raises(ClientError, match="Cannot delete in-progress endpoint"):
        guarded.sagemaker.delete_endpoint(EndpointName=guarded.name)
    guarded.set_alarm("ALARM")
    guarded.set_alarm("OK")  # it is rolled back all the same
    assert "in ALARM" in guarded.settled()["FailureReason"]


def test_alarm_in_the_last_bake_brings_all_traffic_back(guarded: Guarded) -> None:
    guarded.update("new", percent=50, bake=0, last=600)
    wait_until(lambda: {guarded.ask() for _ in range(5)} == {"new"})
    guarded.set_alarm("ALARM")
    assert guarded.settled()["EndpointConfigName"] == guarded.name
    assert {guarded.ask() for _ in range(5)} == {"old"}


def test_last_configuration_can_be_retained(guarded: Guarded) -> None:
    guarded.update("new", percent=50, bake=0)
    first = guarded.settled()["LastDeploymentConfig"]
    config = f"{guarded.name}-next"
    guarded.config(config, "next")
    guarded.sagemaker.update_endpoint(
        EndpointName=guarded.name, EndpointConfigName=config, RetainDeploymentConfig=True
    )
    assert guarded.settled()["LastDeploymentConfig"] == first
    guarded.sagemaker.update_endpoint(EndpointName=guarded.name, EndpointConfigName=guarded.name)
    assert "LastDeploymentConfig" not in guarded.settled()


def test_unknown_alarm_is_refused(guarded: Guarded) -> None:
    rollback = {"AutoRollbackConfiguration": {"Alarms": [{"AlarmName": "no-alarm"}]}}
    with pytest.raises(ClientError, match="no CloudWatch alarm named no-alarm"):
        guarded.sagemaker.update_endpoint(
            EndpointName=guarded.name,
            EndpointConfigName=guarded.name,
            DeploymentConfig=rollback,
        )


def test_traffic_is_not_shifted_to_a_variant_of_another_name(guarded: Guarded) -> None:
    config = f"{guarded.name}-other"
    guarded.hosting.model(config, word="new")
    guarded.hosting.config(config, w=config)
    policy = {"MaximumBatchSize": {"Type": "CAPACITY_PERCENT", "Value": 50}}
    with pytest.raises(ClientError, match="variants of the same names"):
        guarded.sagemaker.update_endpoint(
            EndpointName=guarded.name,
            EndpointConfigName=config,
            DeploymentConfig={"RollingUpdatePolicy": {**policy, "WaitIntervalInSeconds": 1}},
        )


@pytest.mark.parametrize("ending", ["kill", "down"])
def test_update_goes_on_after_a_restart(
    own_emulator: Callable[..., Emulator], until: Callable[..., Any], name: str, ending: str
) -> None:
    emulator = own_emulator()
    assert emulator.up().returncode == 0
    emulator.client("s3").create_bucket(Bucket="bucket")
    guarded = Guarded(emulator, until, name)
    config = guarded.update("new", percent=50, bake=5)
    wait_until(lambda: guarded.stage() == "Baking")
    getattr(emulator, ending)()
    assert emulator.up().returncode == 0
    ended = guarded.settled()
    assert (ended["EndpointStatus"], ended["EndpointConfigName"]) == ("InService", config)
    assert {guarded.ask() for _ in range(5)} == {"new"}
