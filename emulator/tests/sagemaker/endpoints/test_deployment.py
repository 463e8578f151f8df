from pathlib import Path

import httpx
import pytest
from local_context import local_context

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.sagemaker.endpoints import deployment, invoke
from sagemaker_emulator.sagemaker.endpoints.deployment import Deployment, Replaced
from sagemaker_emulator.sagemaker.endpoints.model_server import Answer
from sagemaker_emulator.sagemaker.endpoints.served_model import ServedContainer, ServedModel

CONFIG = {"EndpointConfigName": "c", "ProductionVariants": [{"VariantName": "v"}]}


class Server:
    def __init__(self, *_: object) -> None:
        self.stopped = False

    def invoke(self, *_: object, **__: object) -> Answer:
        assert not self.stopped
        return Answer("primary", httpx.Response(200))

    def start(self, seconds: float) -> None:
        pass

    def stop(self) -> None:
        self.stopped = True


@pytest.fixture
def context(tmp_path: Path) -> Context:
    return local_context(tmp_path)


@pytest.fixture
def deployments(context: Context, monkeypatch: pytest.MonkeyPatch) -> list[Deployment]:
    monkeypatch.setattr(deployment, "ModelServer", Server)
    models = {"v": ServedModel((ServedContainer("image"),))}
    made = [Deployment(context, "e", CONFIG, models) for _ in range(2)]
    for each in made:
        each.start()
    return made


def test_drained_deployment_refuses_requests(deployments: list[Deployment]) -> None:
    deployments[0].drain()
    with pytest.raises(Replaced), deployments[0].server("v"):
        pass


def test_request_during_an_update_gets_the_new_deployment(
    deployments: list[Deployment], context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = {"EndpointName": "e", "EndpointStatus": "InService", "Config": {}}
    context.store.put("endpoint", "e", document)
    old, new = deployments
    serving = [old, new]
    monkeypatch.setattr(context.endpoints, "serving", lambda *_: serving.pop(0))
    old.drain()  # between `serving` and `server`
    response = invoke.invoke_endpoint(context, "e", {}, b"x")
    assert response.status == 200
