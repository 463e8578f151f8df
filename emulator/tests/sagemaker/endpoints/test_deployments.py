"""Deployments of one endpoint that overlap, with servers that only wait."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from local_context import local_context
from waiting import wait_until

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.sagemaker.endpoints import deployments
from sagemaker_emulator.sagemaker.endpoints.served_model import ServedContainer, ServedModel

DRAINED: list[str] = []
GATES: dict[str, threading.Event] = {}


class Deployment:
    def __init__(self, _: Context, __: str, config: dict[str, Any], *___: object) -> None:
        self.config = config
        self.name = config["EndpointConfigName"]
        self.weights: dict[str, float] = {}

    def start(self) -> None:
        GATES[self.name].wait(10)
        if self.name.startswith("broken"):
            raise RuntimeError(f"{self.name} does not start")

    def count(self, _: str) -> int:
        return 1

    def drain(self) -> None:
        DRAINED.append(self.name)

    stop = drain


class Bench:
    def __init__(self, context: Context) -> None:
        self.context = context
        DRAINED.clear()

    def config(self, name: str) -> dict[str, Any]:
        GATES[name] = threading.Event()
        variant = {"VariantName": "v", "ModelName": "m", "InitialInstanceCount": 1}
        made = {"EndpointConfigName": name, "ProductionVariants": [variant]}
        self.context.store.put("endpoint-config", name, made)
        return made

    def restart(self, config: str, **changes: object) -> None:
        """The state of a server that went down with an endpoint in service, taken up again."""
        document = {
            "EndpointName": "e",
            "EndpointArn": self.context.arn("endpoint", "e"),
            "EndpointConfigName": config,
            "EndpointStatus": "InService",
            "CreationTime": 1,
            "LastModifiedTime": 1,
            "Config": self.config(config),
            "ProductionVariants": [],
            **changes,
        }
        self.context.store.put("endpoint", "e", document)
        self.context.endpoints.start()

    def update(self, config: str, **members: Any) -> None:
        self.config(config)
        self.context.call("UpdateEndpoint", EndpointName="e", EndpointConfigName=config, **members)

    def stage(self) -> str | None:
        """The VariantStatus of the update under way."""
        document = self.context.call("DescribeEndpoint", EndpointName="e")
        pending = document.get("PendingDeploymentSummary")
        return pending["ProductionVariants"][0]["VariantStatus"][0]["Status"] if pending else None

    def finish(self, config: str) -> None:
        """Let a configuration's servers answer, and wait until that has had its effect."""
        waiting = threading.active_count()
        GATES[config].set()
        wait_until(lambda: threading.active_count() < waiting)

    def described(self) -> tuple[str, str]:
        document = self.context.call("DescribeEndpoint", EndpointName="e")
        return document["EndpointStatus"], document["EndpointConfigName"]

    def serves(self) -> str | None:
        serving = self.context.endpoints.serving("e", 0)
        return serving.name if isinstance(serving, Deployment) else None


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    monkeypatch.setattr(deployments, "Deployment", Deployment)
    monkeypatch.setattr(
        ServedModel, "describe", lambda *_: ServedModel((ServedContainer("image"),))
    )
    context = local_context(tmp_path)
    yield Bench(context)
    for gate in GATES.values():
        gate.set()
    context.endpoints.stop()


def test_restored_deployment_does_not_undo_an_update(bench: Bench) -> None:
    bench.restart("old")
    bench.update("new")
    bench.finish("new")
    assert (bench.described(), bench.serves()) == (("InService", "new"), "new")
    bench.finish("old")
    assert (bench.described(), bench.serves()) == (("InService", "new"), "new")
    assert DRAINED == ["old"]


def test_restored_deployment_serves_while_an_update_is_under_way(bench: Bench) -> None:
    bench.restart("old")
    bench.update("new")
    bench.finish("old")
    assert (bench.described(), bench.serves()) == (("Updating", "old"), "old")
    bench.finish("new")
    assert (bench.described(), bench.serves()) == (("InService", "new"), "new")


@pytest.mark.parametrize("order", [("old", "broken"), ("broken", "old")])
def test_failed_update_leaves_the_restored_deployment(bench: Bench, order: tuple[str, str]) -> None:
    bench.restart("old")
    bench.update("broken")
    bench.finish(order[0])
    assert bench.described()[0] == ("InService" if order[0] == "broken" else "Updating")
    bench.finish(order[1])
    assert (bench.described(), bench.serves()) == (("InService", "old"), "old")
    assert (
        "does not start"
        in bench.context.call("DescribeEndpoint", EndpointName="e")["FailureReason"]
    )


def test_failure_of_an_overtaken_deployment_does_not_fail_the_update(bench: Bench) -> None:
    bench.restart("broken")
    bench.update("new")
    bench.finish("broken")
    assert bench.described()[0] == "Updating"
    bench.finish("new")
    assert (bench.described(), bench.serves()) == (("InService", "new"), "new")


def test_deleted_endpoint_does_not_return_under_its_name(bench: Bench) -> None:
    bench.restart("old")
    bench.context.call("DeleteEndpoint", EndpointName="e")
    bench.config("new")
    bench.context.call("CreateEndpoint", EndpointName="e", EndpointConfigName="new")
    bench.finish("old")
    assert (bench.described(), bench.serves()) == (("Creating", "new"), None)
    bench.finish("new")
    assert (bench.described(), bench.serves()) == (("InService", "new"), "new")
    assert DRAINED == ["old"]


def test_interrupted_update_is_continued_in_order(bench: Bench) -> None:
    bench.restart("old", EndpointStatus="Updating", Update={"Config": bench.config("new")})
    GATES["old"].set()
    wait_until(lambda: bench.serves() is not None)
    assert (bench.described(), bench.serves()) == (("Updating", "old"), "old")
    bench.finish("new")
    assert (bench.described(), bench.serves()) == (("InService", "new"), "new")


CANARY = {
    "BlueGreenUpdatePolicy": {
        "TrafficRoutingConfiguration": {
            "Type": "CANARY",
            "WaitIntervalInSeconds": 600,
            "CanarySize": {"Type": "CAPACITY_PERCENT", "Value": 50},
        }
    }
}


def test_canary_waits_for_the_fleet_that_it_replaces(bench: Bench) -> None:
    bench.restart("old")
    bench.update("new", DeploymentConfig=CANARY)
    GATES["new"].set()
    assert (bench.stage(), bench.serves()) == ("Creating", None)
    GATES["old"].set()
    wait_until(lambda: bench.stage() == "Baking")
    assert [bench.serves() for _ in range(4)] == ["old", "new"] * 2


def test_canary_without_a_fleet_to_replace_serves_at_once(bench: Bench) -> None:
    bench.restart("broken")
    bench.update("new", DeploymentConfig=CANARY)
    GATES["new"].set()
    GATES["broken"].set()
    wait_until(lambda: bench.described() == ("InService", "new"))
    assert bench.serves() == "new"


def test_both_fleets_of_a_canary_end_with_the_server(bench: Bench) -> None:
    bench.restart("old")
    bench.finish("old")
    before = threading.active_count()
    bench.update("new", DeploymentConfig=CANARY)
    GATES["new"].set()
    wait_until(lambda: bench.stage() == "Baking")
    bench.context.endpoints.stop()
    wait_until(lambda: threading.active_count() == before)
    assert set(DRAINED) == {"old", "new"}
    assert bench.described() == ("Updating", "old")  # for the next server


def test_canary_that_an_alarm_ends_leaves_the_old_fleet(bench: Bench) -> None:
    bench.restart("old")
    bench.finish("old")
    bench.context.store.put("alarm", "errors", {"StateValue": "OK"})
    rollback = {"AutoRollbackConfiguration": {"Alarms": [{"AlarmName": "errors"}]}}
    bench.update("new", DeploymentConfig={**CANARY, **rollback})
    GATES["new"].set()
    wait_until(lambda: bench.stage() == "Baking")
    bench.context.store.put("alarm", "errors", {"StateValue": "ALARM"})
    wait_until(lambda: bench.described() == ("InService", "old"))
    wait_until(lambda: DRAINED == ["new"])
    assert [bench.serves() for _ in range(4)] == ["old"] * 4


def test_every_stage_of_an_update_is_an_event(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    events: list[tuple[str, Any]] = []
    monkeypatch.setattr(
        bench.context.events, "emit", lambda kind, detail, _: events.append((kind, detail))
    )
    bench.restart("old")
    bench.finish("old")
    bench.update("new", DeploymentConfig=CANARY)
    GATES["new"].set()
    wait_until(lambda: bench.stage() == "Baking")
    details = [detail for kind, detail in events if "Deployment" in kind]
    stages = [
        detail["PendingDeploymentSummary"]["ProductionVariants"][0]["VariantStatus"][0]
        for detail in details
    ]
    assert [stage["Status"] for stage in stages] == ["ActivatingTraffic", "Baking"]
    assert {detail["EndpointStatus"] for detail in details} == {"UPDATING"}
    assert set(stages[1]) == {"Status", "StatusMessage", "StartTime"}
    assert stages[1]["StartTime"] > 10**12  # milliseconds


def test_endpoint_that_is_scaled_has_no_pending_deployment(bench: Bench) -> None:
    bench.restart("old")
    bench.context.store.update("endpoint", "e", EndpointStatus="Updating")
    assert bench.stage() is None
    GATES["old"].set()
