"""The container engine and the images that it has built from our Dockerfiles; slow."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from workplace import Workplace

from pipelines.provisioning import base_images, container_images
from pipelines.settings.layers import load

# PyTorch's index of the builds without CUDA, as a test has no GPU; or a folder of wheels.
TORCH_INDEX = os.environ.get("TEST_TORCH_INDEX", "https://download.pytorch.org/whl/cpu")
REGISTRY_CONFIG = """version: 0.1
storage:
  filesystem:
    rootdirectory: {folder}
http:
  addr: 127.0.0.1:{port}
"""


def docker(*arguments: str, seconds: float = 120) -> str:
    """Run a docker command, and return what it prints."""
    done = subprocess.run(
        ["docker", *arguments], capture_output=True, text=True, timeout=seconds, check=False
    )
    assert done.returncode == 0, f"docker {' '.join(arguments)}\n{done.stdout}\n{done.stderr}"
    return done.stdout.strip()


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def wait_for(url: str, seconds: float = 120) -> None:
    """Wait until a server answers 200."""
    end = time.monotonic() + seconds
    while True:
        try:
            if httpx.get(url, timeout=5).status_code == 200:
                return
        except httpx.TransportError:
            pass
        assert time.monotonic() < end, f"{url} does not answer 200"
        time.sleep(0.2)


@pytest.fixture(scope="session")
def base() -> str:
    """The base of our images, which the engine has or can pull; skipped without either."""
    name = base_images.read(container_images.CONTAINERS / "tally-inference").name
    if not shutil.which("docker"):
        pytest.skip("there is no `docker` (or podman under that name) on this machine")
    info = subprocess.run(["docker", "info"], capture_output=True, text=True, check=False)
    if info.returncode:
        pytest.skip(f"no container engine answers: {info.stderr.strip()}")
    for command in (["image", "inspect", name], ["pull", name]):
        found = subprocess.run(["docker", *command], capture_output=True, text=True, check=False)
        if not found.returncode:
            return name
    pytest.skip(f"the engine has no {name} and cannot pull it: {found.stderr.strip()}")


@pytest.fixture(scope="session")
def images(base: str) -> dict[str, str]:
    """Our three images, built from their Dockerfiles and named as the local target names them."""
    settings = load("local").resolved("000000000000", container_images.tags())
    built = {}
    for name in container_images.NAMES:
        folder = container_images.CONTAINERS / f"tally-{name}"
        index = ("--build-arg", f"TORCH_INDEX={TORCH_INDEX}") if name == "training" else ()
        image = str(getattr(settings.images, name))
        docker("build", *index, "--tag", image, str(folder), seconds=3000)
        built[name] = image
    return built


@pytest.fixture(scope="session")
def workplace(
    images: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Workplace]:
    """An emulator that runs every job and endpoint in a container of our images."""
    from demo.bins import draw

    folder = tmp_path_factory.mktemp("containers")
    draw(folder / "bins", bins=90, seed=1)
    environment = {
        **{k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "PIPELINE_"))},
        "EMULATOR_STATE": str(folder / "state"),
        "COLUMNS": "200",
    }
    workplace = Workplace(folder, folder / "bins", environment)
    workplace.run("emulator", "up", "--runtime", "docker")
    yield workplace
    workplace.run("emulator", "down", check=None)


@pytest.fixture(scope="session")
def registry(base: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A registry on this machine: Debian's docker-registry, or else the image registry:2."""
    port = free_port()
    if shutil.which("docker-registry"):
        folder = tmp_path_factory.mktemp("registry")
        config = Path(folder, "config.yml")
        config.write_text(REGISTRY_CONFIG.format(folder=folder / "data", port=port))
        with Path(folder, "log").open("w") as log:
            process = subprocess.Popen(
                ["docker-registry", "serve", str(config)], stdout=log, stderr=log
            )
        wait_for(f"http://127.0.0.1:{port}/v2/")
        yield f"127.0.0.1:{port}"
        process.terminate()
        process.wait(30)
        return
    command = ["docker", "run", "--detach", "--rm", "-p", f"127.0.0.1:{port}:5000", "registry:2"]
    started = subprocess.run(command, capture_output=True, text=True, check=False)
    if started.returncode:
        pytest.skip(f"there is no docker-registry, and no registry:2: {started.stderr.strip()}")
    wait_for(f"http://127.0.0.1:{port}/v2/")
    yield f"127.0.0.1:{port}"
    docker("rm", "--force", started.stdout.strip())
