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
from sagemaker_emulator.sagemaker.endpoints.model_server import ServedModel

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

    def update(self, config: str) -> None:
        self.config(config)
        self.context.call("UpdateEndpoint", EndpointName="e", EndpointConfigName=config)

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
    monkeypatch.setattr(ServedModel, "describe", lambda *_: ServedModel("image"))
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
