"""The events of endpoints: one for each status, in the form of AWS's."""

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

ARN = "arn:aws:sagemaker:us-east-1:123456789012:endpoint/e"


class Deployment:
    """Servers that start at once, unless their configuration is broken."""

    def __init__(self, _: Context, __: str, config: dict[str, Any], *___: object) -> None:
        self.name = config["EndpointConfigName"]
        self.weights: dict[str, float] = {}

    def start(self) -> None:
        if self.name.startswith("broken"):
            raise RuntimeError(f"{self.name} does not start")

    def count(self, _: str) -> int:
        return 1

    def drain(self) -> None:
        """Nothing is served."""

    stop = drain


class Listener:
    """A context whose events are kept."""

    def __init__(self, context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
        self.context = context
        self.events: list[tuple[str, dict[str, Any], list[str]]] = []
        self._lock = threading.Lock()
        monkeypatch.setattr(context.events, "emit", self._keep)

    def _keep(self, detail_type: str, detail: dict[str, Any], resources: list[str]) -> str:
        with self._lock:
            self.events.append((detail_type, detail, resources))
        return "id"

    def config(self, name: str) -> None:
        variant = {"VariantName": "v", "ModelName": "m", "InitialInstanceCount": 1}
        made = {
            "EndpointConfigName": name,
            "EndpointConfigArn": self.context.arn("endpoint-config", name),
            "ProductionVariants": [variant],
            "CreationTime": 1.5,
        }
        self.context.store.put("endpoint-config", name, made)

    def statuses(self) -> list[str]:
        return [
            detail["EndpointStatus"]
            for kind, detail, _ in self.events
            if kind == "SageMaker Endpoint State Change"
        ]

    def wait(self, *statuses: str) -> None:
        wait_until(lambda: self.statuses() == list(statuses), 30)


@pytest.fixture
def listener(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Listener]:
    monkeypatch.setattr(deployments, "Deployment", Deployment)
    monkeypatch.setattr(
        ServedModel, "describe", lambda *_: ServedModel((ServedContainer("image"),))
    )
    context = local_context(tmp_path)
    made = Listener(context, monkeypatch)
    for name in ("one", "two", "broken"):
        made.config(name)
    tags = [{"Key": "stage", "Value": "dev"}]
    context.call("CreateEndpoint", EndpointName="e", EndpointConfigName="one", Tags=tags)
    made.wait("CREATING", "IN_SERVICE")
    yield made
    context.endpoints.stop()


def test_an_event_has_awss_form(listener: Listener) -> None:
    kind, detail, resources = listener.events[-1]
    assert (kind, resources) == ("SageMaker Endpoint State Change", [ARN])
    assert (detail["EndpointName"], detail["EndpointConfigName"]) == ("e", "one")
    assert detail["EndpointStatus"] == "IN_SERVICE"
    assert detail["Tags"] == {"stage": "dev"}
    assert isinstance(detail["CreationTime"], int)
    assert 10**12 < detail["CreationTime"] <= detail["LastModifiedTime"]  # milliseconds
    assert "Config" not in detail


def test_an_update_is_two_events(listener: Listener) -> None:
    listener.context.call("UpdateEndpoint", EndpointName="e", EndpointConfigName="two")
    listener.wait("CREATING", "IN_SERVICE", "UPDATING", "IN_SERVICE")
    assert listener.events[-1][1]["EndpointConfigName"] == "two"


def test_an_update_that_fails_is_in_service_with_the_reason(listener: Listener) -> None:
    listener.context.call("UpdateEndpoint", EndpointName="e", EndpointConfigName="broken")
    listener.wait("CREATING", "IN_SERVICE", "UPDATING", "IN_SERVICE")
    detail = listener.events[-1][1]
    assert detail["EndpointConfigName"] == "one"
    assert "broken does not start" in detail["FailureReason"]


def test_an_endpoint_that_does_not_start_has_failed(listener: Listener) -> None:
    listener.events.clear()
    listener.context.call("CreateEndpoint", EndpointName="f", EndpointConfigName="broken")
    listener.wait("CREATING", "FAILED")


def test_a_deleted_endpoint_is_an_event_with_its_tags(listener: Listener) -> None:
    listener.context.call("DeleteEndpoint", EndpointName="e")
    assert listener.statuses()[-1] == "DELETING"
    assert listener.events[-1][1]["Tags"] == {"stage": "dev"}


def test_a_configuration_is_an_event(listener: Listener) -> None:
    listener.context.call("DeleteEndpointConfig", EndpointConfigName="two")
    kind, detail, resources = listener.events[-1]
    arn = "arn:aws:sagemaker:us-east-1:123456789012:endpoint-config/two"
    assert (kind, resources) == ("SageMaker Endpoint Config State Change", [arn])
    assert (detail["EndpointConfigName"], detail["CreationTime"]) == ("two", 1500)
    assert detail["ProductionVariants"][0]["VariantName"] == "v"
