"""What a job installs is its own: neither a job beside it nor a later one sees it."""

import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from emulator_process import Emulator
from process_owner import Nobody
from wheels import write_wheel

from sagemaker_emulator.containers.layers import Layers
from sagemaker_emulator.containers.process import Process
from sagemaker_emulator.containers.runtime import Container, Runtime
from sagemaker_emulator.containers.sandbox import Unshare
from sagemaker_emulator.containers.sandboxes import SANDBOXES, choose_sandbox

KINDS = [kind.kind for kind in SANDBOXES if not kind.failure()]
SAY = "import shelf; print(shelf.version)"


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Path]]:
    """State and images, which have the package `shelf` 2.0; there are 1.0 and 3.0 of it too."""
    state, images = tmp_path_factory.mktemp("state"), tmp_path_factory.mktemp("images")
    for version in ("1.0", "2.0", "3.0"):
        write_wheel(images, "shelf", version)
    for name, preload in (("plain", ""), ("warm", "json")):
        (images / name).mkdir()
        (images / name / "requirements.txt").write_text("shelf==2.0\n")
        (images / name / "preload.txt").write_text(preload)
    with pytest.MonkeyPatch.context() as patch:
        # `make test` sets the first, which the emulator prefers; pip in a job reads the second.
        others = os.environ.get("UV_FIND_LINKS") or os.environ.get("PIP_FIND_LINKS") or ""
        for name in ("UV_FIND_LINKS", "PIP_FIND_LINKS"):
            patch.setenv(name, f"{images} {others}".strip())
        patch.setenv("PIP_NO_INDEX", "1")
        yield state, images


@pytest.fixture(scope="module", params=[*KINDS, "without overlay"])
def runtime(request: pytest.FixtureRequest, folders: tuple[Path, Path]) -> Iterator[Runtime]:
    state, images = folders
    kind = "unshare" if request.param == "without overlay" else request.param
    if kind not in KINDS:
        pytest.skip("nothing can be mounted here")
    sandbox = choose_sandbox(kind, state)
    if request.param == "without overlay" and isinstance(sandbox, Unshare):
        sandbox._overlays = False
    made = Runtime(images, state, sandbox)
    yield made
    made.close()


def start(runtime: Runtime, folder: Path, *command: str, image: str = "plain") -> Process:
    return runtime.start(Container(image, command, {}, folder), print, Nobody())


def end(process: Process) -> list[str]:
    printed = [line for lines in process.lines() for line in lines]
    assert process.wait() == 0, printed
    return printed


def python(text: str) -> tuple[str, ...]:
    return ("python", "-c", text)


def environment(state: Path) -> Path:
    (packages,) = state.glob("environments/plain-*/lib/python*/site-packages")
    return packages


def wait_until_empty(folder: Path) -> None:
    deadline = time.monotonic() + 20
    while left := list(folder.iterdir()):
        assert time.monotonic() < deadline, left
        time.sleep(0.01)


@pytest.mark.parametrize("image", ["plain", "warm"])
def test_package_of_a_job_is_not_seen_by_others(
    runtime: Runtime, folders: tuple[Path, Path], tmp_path: Path, image: str
) -> None:
    (tmp_path / "one/ml").mkdir(parents=True)
    (tmp_path / "one/ml/script.py").write_text(
        "import os, subprocess, sys, time\n"
        "subprocess.run([sys.executable, '-m', 'pip', 'install', '-q', 'shelf==1.0'], check=True)\n"
        "import shelf\n"
        "new = subprocess.run([sys.executable, '-c', sys.argv[1]], stdout=-1, text=True).stdout\n"
        "script = subprocess.run(['shelf'], stdout=-1, text=True).stdout\n"
        "print(shelf.version, new.strip(), script.strip(), flush=True)\n"
        "while not os.path.exists(sys.argv[0] + '.go'): time.sleep(0.01)\n"
    )
    command = ("python", "/opt/ml/script.py", SAY)
    first = start(runtime, tmp_path / "one", *command, image=image)
    assert next(first.lines()) == ["1.0 1.0 1.0"]
    assert end(start(runtime, tmp_path / "two", *python(SAY), image=image)) == ["2.0"]
    (tmp_path / "one/ml/script.py.go").touch()
    end(first)
    assert end(start(runtime, tmp_path / "three", *python(SAY), image=image)) == ["2.0"]
    assert (environment(folders[0]) / "shelf/of_2_0.py").exists()
    assert not (environment(folders[0]) / "shelf/of_1_0.py").exists()


def test_two_jobs_install_at_once_and_leave_nothing(
    runtime: Runtime, folders: tuple[Path, Path], tmp_path: Path
) -> None:
    def command(version: str) -> tuple[str, ...]:
        return ("sh", "-c", f"pip install -q shelf=={version} && python -c '{SAY}'")

    both = [start(runtime, tmp_path / v, *command(v)) for v in ("1.0", "3.0")]
    layers = folders[0] / "layers"
    assert len(list(layers.iterdir())) >= 2
    assert [end(process) for process in both] == [["1.0"], ["3.0"]]
    wait_until_empty(layers)


def test_package_that_a_job_uninstalls_is_gone_for_it_alone(
    runtime: Runtime, tmp_path: Path
) -> None:
    command = f"pip uninstall -q -y shelf; python -c '{SAY}' 2>&1 | tail -1; pip list | grep shelf"
    printed = end(start(runtime, tmp_path / "one", "sh", "-c", f"{command}; true"))
    assert printed == ["ModuleNotFoundError: No module named 'shelf'"]
    assert end(start(runtime, tmp_path / "two", *python(SAY))) == ["2.0"]


def test_container_that_is_started_again_has_the_image_again(
    runtime: Runtime, tmp_path: Path
) -> None:
    end(start(runtime, tmp_path, "pip", "install", "-q", "shelf==3.0"))
    assert end(start(runtime, tmp_path, *python(SAY))) == ["2.0"]


def test_what_a_job_compiled_is_kept_unless_it_changed_the_module(
    runtime: Runtime, folders: tuple[Path, Path], tmp_path: Path
) -> None:
    packages = environment(folders[0])
    compiled = packages / "shelf/__pycache__"
    shutil.rmtree(compiled, ignore_errors=True)
    change = f"pip install -q --force-reinstall --no-deps shelf==3.0; python -c '{SAY}'"
    end(start(runtime, tmp_path / "changed", "sh", "-c", change))
    assert not compiled.exists()
    end(start(runtime, tmp_path / "one", *python(SAY)))
    (kept,) = compiled.iterdir()
    written = kept.stat().st_mtime_ns
    end(start(runtime, tmp_path / "two", *python(SAY)))
    assert kept.stat().st_mtime_ns == written


def test_killed_server_leaves_nothing_of_what_a_job_installed(
    folders: tuple[Path, Path],
    own_emulator: Callable[..., Emulator],
    until: Callable[..., dict[str, Any]],
) -> None:
    server = own_emulator()
    server.images = folders[1]
    server.up()

    def run(name: str, command: str) -> None:
        server.client("sagemaker").create_processing_job(
            ProcessingJobName=name,
            RoleArn="arn:aws:iam::123456789012:role/emulator",
            AppSpecification={"ImageUri": "plain", "ContainerEntrypoint": ["sh", "-c", command]},
            ProcessingResources={
                "ClusterConfig": {
                    "InstanceCount": 1,
                    "InstanceType": "ml.m5.large",
                    "VolumeSizeInGB": 1,
                }
            },
        )

    run("one", "pip install -q shelf==1.0; sleep 60")
    deadline = time.monotonic() + 30
    # os.walk passes over a folder that is gone when it gets there, as rglob does not.
    while not any("of_1_0.py" in files for _, _, files in os.walk(server.state / "layers")):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    server.kill()
    server.up()
    wait_until_empty(server.state / "layers")
    run("two", f"test \"$(python -c '{SAY}')\" = 2.0")
    described = until(
        lambda: server.client("sagemaker").describe_processing_job(ProcessingJobName="two"),
        "ProcessingJobStatus",
    )
    assert described["ProcessingJobStatus"] == "Completed"


def test_only_layers_are_deleted(tmp_path: Path) -> None:
    layers, other = Layers(tmp_path / "layers"), tmp_path / "other"
    other.mkdir()
    for path in (other, Path(), Path("layers"), tmp_path / "layers"):
        with pytest.raises(ValueError, match="is no layer of"):
            layers.delete(path)
    layer = layers.new()
    layers.delete(layer)
    wait_until_empty(tmp_path / "layers")
    assert other.exists()
    layers.new()
    layers.close()
    Layers(tmp_path / "layers")
    wait_until_empty(tmp_path / "layers")
