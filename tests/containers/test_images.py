"""Our images in a container engine: built, with the main job in them, serving, and pushed.

Run by `make test-containers`; skipped, with the reason, where there is no engine or no base image.
The tests run in order.
"""

import json
import re
import shutil
import tarfile
from pathlib import Path
from typing import Any

import httpx
import pytest
from workplace import Workplace

from pipelines.provisioning import base_images, container_images, image_engine
from pipelines.provisioning.setup import setup
from pipelines.settings.layers import load
from pipelines.settings.model import Settings
from tests.containers.conftest import docker, free_port, wait_for
from tests.pipelines.conftest import ACCOUNT, Aws, aws, server

__all__ = ["aws", "server"]
pytestmark = [pytest.mark.containers, pytest.mark.timeout(3600)]
MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
INSTALLED = (
    "import importlib.metadata as m; "
    "print(*sorted({d.name.lower().replace('_', '-').replace('.', '-') + '==' + "
    "d.version.split('+')[0] for d in m.distributions(path=[__import__('sysconfig').get_path("
    "'purelib'), *__import__('site').getsitepackages()])}))"
)


@pytest.mark.parametrize("name", container_images.NAMES)
def test_an_image_has_what_was_locked(images: dict[str, str], name: str) -> None:
    lock = (container_images.CONTAINERS / f"tally-{name}" / "requirements.txt").read_text()
    locked = {f"{pin[0]}=={pin[1]}" for pin in re.findall(r"^([\w-]+)==([^\s\\]+)", lock, re.M)}
    installed = set(docker("run", "--rm", images[name], "python", "-c", INSTALLED).split())
    assert locked <= installed
    assert ("torch" in {one.split("==")[0] for one in installed}) is (name == "training")


def test_the_main_job_runs_in_the_images(workplace: Workplace) -> None:
    workplace.run("upsert")
    options = {"SubsetSize": "60", "ImageSize": "64", "MaxTrials": "1"}
    options |= {"EpochsMin": "2", "EpochsMax": "2", "AccuracyThreshold": "0"}
    chosen = {**options, "DataSource": str(workplace.bins)}
    words = [word for name, value in chosen.items() for word in ("-p", f"{name}={value}")]
    workplace.run("start", "--wait", *words, seconds=3000)
    workplace.run("approve")
    workplace.run("endpoint", "--wait", "--timeout", "600", seconds=700)
    picture = next((workplace.bins / "bin-images").glob("*.jpg"))
    (answer,) = workplace.read("predict", str(picture), "--expected", "3")
    assert answer["count"] in range(1, 6)
    photos = workplace.folder / "photos"
    photos.mkdir()
    shutil.copy(picture, photos)
    scored = workplace.read("score", str(photos), "--output", str(workplace.folder / "s.csv"))
    assert [score["count"] for score in scored["scores"]] == [answer["count"]]
    running = docker("ps", "--format", "{{.Command}} {{.Image}}")
    assert "tally-inference" in running, "the endpoint runs in a container of the inference image"


def unpack_model(state: Path, folder: Path) -> None:
    """Unpack the model of Train; those of the trials have no self-test."""
    for archive in state.rglob("model.tar.gz"):
        with tarfile.open(archive) as tar:
            if "selftest/answers.json" in {name.removeprefix("./") for name in tar.getnames()}:
                tar.extractall(folder, filter="data")
                return
    raise AssertionError(f"no model with a self-test in {state}")


def test_the_inference_image_serves_a_model_that_the_training_image_made(
    images: dict[str, str], workplace: Workplace, tmp_path: Path
) -> None:
    unpack_model(workplace.folder / "state", tmp_path / "model")
    first: dict[str, Any] = json.loads((tmp_path / "model/selftest/answers.json").read_text())
    request = first["requests"][0]
    weights = json.loads((tmp_path / "model/model.json").read_text())["serves"]
    port = free_port()
    mount = f"{tmp_path / 'model'}:/opt/ml/model:ro"
    publish = f"127.0.0.1:{port}:8080"
    container = docker(
        "run", "--detach", "--volume", mount, "--publish", publish, images["inference"], "serve"
    )
    try:
        wait_for(f"http://127.0.0.1:{port}/ping")
        response = httpx.post(
            f"http://127.0.0.1:{port}/invocations",
            content=(tmp_path / "model/selftest" / request["file"]).read_bytes(),
            headers={"Content-Type": request["content_type"]},
        )
        assert response.status_code == 200
        expected = request["answers"][weights]
        assert response.json()["probabilities"] == pytest.approx(
            expected["probabilities"], abs=0.15
        )
        assert "self-test passed" in docker("logs", container)
    finally:
        docker("rm", "--force", container)


def test_images_are_pushed_to_a_registry_in_the_format_of_sagemaker(
    images: dict[str, str], registry: str, aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`images --push` with the engine and a registry of this machine; ECR's answers are moto's."""
    monkeypatch.setattr(Settings, "registry", registry)
    monkeypatch.setattr(container_images, "NAMES", ("processing", "inference"))
    settings = load("aws", {"PIPELINE_DATA_SOURCE": "s3://aft-vbi-pds"})
    tags = container_images.tags()
    pushed = settings.resolved(ACCOUNT, tags)
    setup(aws.session, pushed)
    container_images.push(aws.session, pushed, print)
    for name, tag in tags.items():
        base = f"http://{registry}/v2/tally-{name}"
        headers = {"Accept": f"{MANIFEST}, application/vnd.oci.image.manifest.v1+json"}
        manifest = httpx.get(f"{base}/manifests/{tag}", headers=headers)
        assert manifest.headers["content-type"] == MANIFEST
        digest = manifest.json()["config"]["digest"]
        config = httpx.get(f"{base}/blobs/{digest}", follow_redirects=True).json()
        labels = config["config"]["Labels"]
        assert labels["org.opencontainers.image.base.name"] == "python:3.11-slim"


def test_the_digest_of_a_base_is_that_of_its_registry(registry: str, base: str) -> None:
    mine = f"{registry}/python:3.11-slim"
    docker("tag", base, mine)
    docker("push", mine)
    headers = {"Accept": MANIFEST}
    manifest = httpx.get(f"http://{registry}/v2/python/manifests/3.11-slim", headers=headers)
    digest = image_engine.find(("docker",)).digest(mine)
    assert digest == manifest.headers["docker-content-digest"]
    assert base_images.BaseImage(mine, digest).labels[f"{base_images.LABEL}.digest"] == digest
