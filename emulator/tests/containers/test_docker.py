import io
import os
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from process_owner import Nobody

from sagemaker_emulator.containers.docker import Docker
from sagemaker_emulator.containers.host.channel import Launch
from sagemaker_emulator.containers.process import HostLost, Process
from sagemaker_emulator.containers.runtime import Container, Runtime
from sagemaker_emulator.containers.sandbox import SandboxUnavailable
from sagemaker_emulator.containers.sandboxes import choose_sandbox

IMAGES = Path(__file__).parents[1] / "images"
CLIENT = Path(__file__).with_name("docker_client.py")
ENGINE = Path(__file__).with_name("docker_engine.py")
CLIENT_VARIABLES = {"AWS_REGION": "us-east-1", "AWS_SECRET_ACCESS_KEY": "hidden"}
NO_ENGINE = Docker.failure()


@pytest.fixture(
    params=[
        "client",
        pytest.param(
            "engine", marks=pytest.mark.skipif(bool(NO_ENGINE), reason=f"docker: {NO_ENGINE}")
        ),
    ]
)
def engine(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """Docker's own engine where one answers, and always one of these tests, which needs none.

    Its containers are no children of the client: to kill the client does not end them.
    """
    if request.param == "engine":
        import_image("plain")
        yield
        return
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/docker").write_text(f'#!/bin/sh\nexec {sys.executable} {CLIENT} "$@"\n')
    (tmp_path / "bin/docker").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    with tempfile.TemporaryDirectory() as folder:  # the path of a socket must be short
        path = Path(folder, "socket")
        monkeypatch.setenv("DOCKER_SOCKET", str(path))
        process = subprocess.Popen([sys.executable, ENGINE, path])
        wait_for(path)
        yield
        process.terminate()
        process.wait(30)


def import_image(name: str) -> None:
    """Make an image of this machine's own shell, of which no registry is asked."""
    programs = ["/bin/sh", "/bin/sleep", "/usr/bin/env"]
    needed = subprocess.run(["ldd", *programs], capture_output=True, text=True, check=True).stdout
    files = {word for word in needed.replace(":", " ").split() if word.startswith("/")}
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", dereference=True) as tar:
        for path in sorted({*files, *programs}):
            tar.add(path)
    subprocess.run(["docker", "import", "-", name], input=packed.getvalue(), check=True)


@pytest.fixture
def runtime(engine: None, tmp_path: Path) -> Iterator[Runtime]:
    (tmp_path / "state").mkdir()
    docker = choose_sandbox("docker", tmp_path / "state")
    made = Runtime(IMAGES, tmp_path / "state", docker, CLIENT_VARIABLES)
    yield made
    made.close()


@pytest.fixture
def start(runtime: Runtime, tmp_path: Path) -> Callable[..., Process]:
    def starting(command: str, **variables: str) -> Process:
        words = ("/bin/sh", "-c", command)
        container = Container("plain", words, variables, tmp_path / "job", threads=3)
        return runtime.start(container, print, Nobody())

    return starting


def printed(process: Process) -> str:
    return "\n".join(line for lines in process.lines() for line in lines)


def wait_for(path: Path) -> None:
    deadline = time.monotonic() + 30
    while not path.exists():
        assert time.monotonic() < deadline, f"{path} did not come"
        time.sleep(0.01)


def still(path: Path) -> bool:
    """Whether what writes to a file does so no longer."""
    before = path.stat().st_size
    time.sleep(0.5)
    return path.stat().st_size == before


# Writes until it is ended, and heeds SIGTERM only where it is told to.
WRITING = "{trap}while :; do echo x >> written; sleep 0.05; done"


def test_image_runs_with_its_folder_and_variables(
    start: Callable[..., Process], tmp_path: Path
) -> None:
    process = start(
        "echo made > made; echo $MINE $OMP_NUM_THREADS $AWS_REGION $HOME $AWS_SECRET_ACCESS_KEY; "
        "exit 7",
        MINE="1",
    )
    assert printed(process) == "1 3 us-east-1 /tmp hidden"
    assert process.wait() == 7
    assert (tmp_path / "job/ml/made").read_text() == "made\n"
    assert (tmp_path / "job/ml/made").stat().st_uid == os.getuid()


def test_command_has_hosts_and_no_keys_as_every_user_can_read_it(
    runtime: Runtime, tmp_path: Path
) -> None:
    launch: Launch = {
        "argv": ["/bin/true"],
        "script": None,
        "environment": CLIENT_VARIABLES,
        "folder": str(tmp_path),
        "mount": "",
        "etc": "",
        "layer": "",
        "base": "",
        "host": "algo-2",
        "hosts": {"algo-1": "127.0.0.2", "algo-2": "127.0.0.3"},
        "directory": "/",
        "nice": 0,
    }
    started = runtime.sandbox.cold(launch, "plain").launch
    command = " ".join(started["argv"])
    assert "hidden" not in command
    assert "--hostname algo-2 --add-host algo-1:127.0.0.2 --add-host algo-2:127.0.0.3" in command
    assert started["environment"]["AWS_SECRET_ACCESS_KEY"] == "hidden"


def test_container_that_handles_sigterm_ends_by_itself(
    start: Callable[..., Process], tmp_path: Path
) -> None:
    process = start(WRITING.format(trap="trap 'echo ended; exit 0' TERM; "))
    wait_for(tmp_path / "job/ml/written")
    process.stop("asked", 20)
    assert printed(process) == "ended"
    assert process.wait() == 0


def test_killed_container_is_gone(start: Callable[..., Process], tmp_path: Path) -> None:
    process = start(WRITING.format(trap="trap '' TERM; "))
    written = tmp_path / "job/ml/written"
    wait_for(written)
    process.stop("asked", 0)
    printed(process)
    assert process.wait() < 0
    assert still(written)


def test_containers_end_with_the_emulator(
    start: Callable[..., Process], runtime: Runtime, tmp_path: Path
) -> None:
    process = start(WRITING.format(trap="trap '' TERM; "))
    written = tmp_path / "job/ml/written"
    wait_for(written)
    runtime.close()
    assert still(written)
    with pytest.raises(HostLost):
        process.wait()


def test_containers_of_a_killed_emulator_end_with_the_next(
    start: Callable[..., Process], runtime: Runtime, tmp_path: Path
) -> None:
    process = start(WRITING.format(trap="trap '' TERM; "))
    written = tmp_path / "job/ml/written"
    wait_for(written)
    for host in runtime.hosts():
        os.kill(host, 9)
    assert not still(written)
    choose_sandbox("docker", tmp_path / "another")
    assert not still(written)
    choose_sandbox("docker", tmp_path / "state")
    assert still(written)
    with pytest.raises(HostLost):
        process.wait()


def test_missing_docker_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SandboxUnavailable, match=r"'docker' does not work .*: docker is not i"):
        choose_sandbox("docker", tmp_path)
