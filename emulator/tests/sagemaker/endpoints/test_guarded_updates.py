"""Updates of an endpoint by a DeploymentConfig, on a real server and under requests."""

import contextlib
import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from emulator_process import Emulator
from endpoint_client import Hosting
from waiting import wait_until


class Guarded:
    """An endpoint with a model that answers "old", and an alarm on its errors.

    Attributes:
        name: of the endpoint, its configuration and its alarm.
    """

    def __init__(self, emulator: Emulator, until: Callable[..., Any], name: str) -> None:
        self.emulator, self.name = emulator, name
        self.hosting = Hosting(emulator, until)
        self.cloudwatch = emulator.client("cloudwatch")
        self.runtime = emulator.client("sagemaker-runtime")
        self.sagemaker = self.hosting.sagemaker
        self.config(name, "old")
        made = self.hosting.endpoint(name)
        assert made["EndpointStatus"] == "InService", made
        self.cloudwatch.put_metric_alarm(
            AlarmName=name,
            Namespace="AWS/SageMaker",
            MetricName="Invocation5XXErrors",
            Dimensions=[
                {"Name": "EndpointName", "Value": name},
                {"Name": "VariantName", "Value": "v"},
            ],
            Statistic="Sum",
            Period=10,
            EvaluationPeriods=1,
            Threshold=0,
            ComparisonOperator="GreaterThanThreshold",
            TreatMissingData="notBreaching",
        )

    def config(self, name: str, word: str) -> None:
        self.hosting.model(name, word=word)
        self.hosting.config(name, v=name)

    def update(self, word: str, percent: int, bake: int, last: int = 0, **members: Any) -> str:
        """Begin an update to a model that answers a word, by a canary; the new configuration."""
        config = f"{self.name}-{word}"
        self.config(config, word)
        routing = {
            "Type": "CANARY",
            "WaitIntervalInSeconds": bake,
            "CanarySize": {"Type": "CAPACITY_PERCENT", "Value": percent},
        }
        policy = {"TrafficRoutingConfiguration": routing, "TerminationWaitInSeconds": last}
        rollback = {"AutoRollbackConfiguration": {"Alarms": [{"AlarmName": self.name}]}}
        self.sagemaker.update_endpoint(
            EndpointName=self.name,
            EndpointConfigName=config,
            DeploymentConfig={"BlueGreenUpdatePolicy": policy, **rollback},
            **members,
        )
        return config

    def described(self) -> Any:
        return self.sagemaker.describe_endpoint(EndpointName=self.name)

    def stage(self) -> str | None:
        """The VariantStatus of the update under way; None where there is none."""
        pending = self.described().get("PendingDeploymentSummary")
        return pending["ProductionVariants"][0]["VariantStatus"][0]["Status"] if pending else None

    def ask(self) -> str:
        """What the endpoint's model answers: its word, or the error's code."""
        try:
            answer = self.runtime.invoke_endpoint(EndpointName=self.name, Body=b"hello")
        except ClientError as problem:
            return str(problem.response["Error"]["Code"])
        return str(json.loads(answer["Body"].read())["word"])

    @contextlib.contextmanager
    def requests(self) -> Iterator[Counter[str]]:
        """A steady stream of requests; what they were answered, and how often."""
        answers: Counter[str] = Counter()
        done = threading.Event()

        def send() -> None:
            while not done.wait(0.05):
                answers[self.ask()] += 1

        thread = threading.Thread(target=send)
        thread.start()
        try:
            yield answers
        finally:
            done.set()
            thread.join()

    def set_alarm(self, state: str) -> None:
        self.cloudwatch.set_alarm_state(AlarmName=self.name, StateValue=state, StateReason="a test")

    def settled(self, seconds: float = 60) -> Any:
        wait_until(lambda: self.described()["EndpointStatus"] != "Updating", seconds)
        return self.described()

    def delete(self) -> None:
        self.settled()
        self.sagemaker.delete_endpoint(EndpointName=self.name)
        self.cloudwatch.delete_alarms(AlarmNames=[self.name])


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
    config = guarded.update("new", percent=10, bake=1, last=1)
    ended = guarded.settled()
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
