from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest

from sagemaker_emulator.aws.dispatch import Context, HttpRequest
from sagemaker_emulator.sagemaker.endpoints import deployment, invoke
from sagemaker_emulator.sagemaker.endpoints import deployments as deployments_
from sagemaker_emulator.sagemaker.endpoints.deployment import Deployment, Replaced
from sagemaker_emulator.storage.store import Store

CONFIG = {"ProductionVariants": [{"VariantName": "v"}]}


class Server:
    def __init__(self, *_: object) -> None:
        self.client = httpx.Client(
            base_url="http://model", transport=httpx.MockTransport(lambda _: httpx.Response(200))
        )

    def stop(self) -> None:
        self.client.close()


@pytest.fixture
def deployments(monkeypatch: pytest.MonkeyPatch) -> list[Deployment]:
    monkeypatch.setattr(deployment, "ModelServer", Server)
    place = SimpleNamespace(runtime=None, s3=None)
    made = [{"v": None}, {"v": None}]
    return [Deployment(CONFIG, m, Path(), place, print) for m in made]  # type: ignore[arg-type]


def test_a_drained_deployment_is_not_entered(deployments: list[Deployment]) -> None:
    deployments[0].drain()
    with pytest.raises(Replaced), deployments[0].server("v"):
        pass


def test_a_request_that_an_update_overtakes_is_answered(
    deployments: list[Deployment], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(tmp_path / "emulator.db")
    context = Context(tmp_path, tmp_path, "none", "", "", store, None)  # type: ignore[arg-type]
    store.put("endpoint", "e", {"EndpointName": "e", "EndpointStatus": "InService"})
    old, new = deployments
    serving = [old, new]
    found = SimpleNamespace(serving=lambda *_: serving.pop(0))
    monkeypatch.setattr(deployments_, "of", lambda _: found)
    old.drain()  # between `serving` and `server`
    answer = invoke.invoke_endpoint(context, HttpRequest({"name": "e"}, {}, {}, b"x"))
    assert answer.status == 200
