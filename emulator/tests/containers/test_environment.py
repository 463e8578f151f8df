import fcntl
import os
import platform
import shutil
import subprocess
import sys
import threading
import time
import zipfile
from pathlib import Path

import pytest

from sagemaker_emulator.containers import environment, image, pip_turns

IMAGES = Path(__file__).parents[1] / "images"


@pytest.mark.parametrize(
    "uri",
    [
        "plain",
        "plain:latest",
        "123456789012.dkr.ecr.us-east-1.amazonaws.com/plain",
        "123456789012.dkr.ecr.us-east-1.amazonaws.com/plain:v1.2",
        "localhost:5000/team/plain:latest",
        "123456789012.dkr.ecr.us-east-1.amazonaws.com/plain@sha256:" + "0" * 64,
    ],
)
def test_an_image_is_a_folder(uri: str) -> None:
    assert image.find(IMAGES, uri).folder == IMAGES / "plain"


def test_an_unknown_image_names_the_folder_and_what_there_is() -> None:
    with pytest.raises(image.ImageError, match=r"no folder .*images/other.*plain, warm"):
        image.find(IMAGES, "1.dkr.ecr.us-east-1.amazonaws.com/other:latest")


def test_an_image_needs_requirements(tmp_path: Path) -> None:
    (tmp_path / "bare").mkdir()
    with pytest.raises(image.ImageError, match=r"bare/requirements.txt is missing"):
        image.find(tmp_path, "bare")


def test_an_environment_is_built_once_by_whoever_is_first(tmp_path: Path) -> None:
    found, lines, built = image.find(IMAGES, "plain"), [], []
    threads = [
        threading.Thread(
            target=lambda: built.append(environment.ensure(found, tmp_path, lines.append))
        )
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(built)) == 1
    assert (built[0] / "bin/python").exists()
    assert sum("Building" in line for line in lines) == 1
    # What the SDK's containers install their own requirements.txt with.
    assert subprocess.run([built[0] / "bin/python", "-m", "pip", "--version"]).returncode == 0


def test_requirements_may_be_held_to_hashes(tmp_path: Path) -> None:
    shutil.copytree(IMAGES / "plain", tmp_path / "plain")
    found = image.find(tmp_path, "plain")
    found.requirements.write_text("--require-hashes\n")
    built = environment.ensure(found, tmp_path, print)
    assert subprocess.run([built / "bin/python", "-m", "pip", "--version"]).returncode == 0


def test_jobs_that_share_an_environment_install_in_turns(tmp_path: Path) -> None:
    built = environment.ensure(image.find(IMAGES, "plain"), tmp_path, print)
    python, pip = str(built / "bin/python"), ["pip", "--version"]
    with (built / pip_turns.LOCK).open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert subprocess.run([python, "-c", "pass", "pip"], timeout=20).returncode == 0
        inner = os.environ | {pip_turns.HELD: "1"}  # as a pip that builds a package starts another
        assert subprocess.run([python, "-m", *pip], env=inner, timeout=20).returncode == 0
        waiting = [
            subprocess.Popen(command)
            for command in ([python, "-u", "-m", *pip], [built / "bin/pip3", "--version"])
        ]
        time.sleep(2)
        assert [process.poll() for process in waiting] == [None, None]
    assert [process.wait(20) for process in waiting] == [0, 0]


def test_requirements_name_the_environment(tmp_path: Path) -> None:
    shutil.copytree(IMAGES / "plain", tmp_path / "plain")
    found = image.find(tmp_path, "plain")
    before = environment.path_of(found, tmp_path)
    found.requirements.write_text("# changed\n")
    assert environment.path_of(found, tmp_path) != before


@pytest.mark.parametrize(
    ("allowed", "expected"),
    [
        ("", sys.executable),
        (f">=3.11,<={platform.python_version()}", sys.executable),
        (">=3.8,<3.9", ">=3.8,<3.9"),
    ],
)
def test_an_image_may_need_another_python(tmp_path: Path, allowed: str, expected: str) -> None:
    shutil.copytree(IMAGES / "plain", tmp_path / "plain")
    before = environment.path_of(image.find(tmp_path, "plain"), tmp_path)
    (tmp_path / "plain/python.txt").write_text(f"{allowed}  # why\n")
    found = image.find(tmp_path, "plain")
    assert environment.interpreter(found) == expected
    assert (environment.path_of(found, tmp_path) == before) == (not allowed)


def test_a_python_that_cannot_be_had_is_named_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UV_PYTHON_DOWNLOADS", "never")
    shutil.copytree(IMAGES / "plain", tmp_path / "images/plain")
    (tmp_path / "images/plain/python.txt").write_text("<3\n")
    found = image.find(tmp_path / "images", "plain")
    said = rf"image 'plain' needs Python <3 and .* {platform.python_version()}.* Install such a"
    with pytest.raises(environment.EnvironmentFailed, match=said):
        environment.ensure(found, tmp_path / "environments", print)


def test_a_python_that_is_no_specifier_is_named(tmp_path: Path) -> None:
    shutil.copytree(IMAGES / "plain", tmp_path / "plain")
    (tmp_path / "plain/python.txt").write_text("three\n")
    with pytest.raises(environment.EnvironmentFailed, match=r"plain/python.txt is not like '>=3"):
        environment.interpreter(image.find(tmp_path, "plain"))


def asking_for(requirement: str, folder: Path) -> Path:
    """A package that asks for another; no index is asked for it."""
    wheel, named = folder / "asks-1-py3-none-any.whl", "asks-1.dist-info"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(
            f"{named}/METADATA",
            f"Metadata-Version: 2.1\nName: asks\nVersion: 1\nRequires-Dist: {requirement}\n",
        )
        archive.writestr(f"{named}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr(f"{named}/RECORD", "")
    return wheel


def test_overrides_replace_what_packages_ask_for(tmp_path: Path) -> None:
    shutil.copytree(IMAGES / "plain", tmp_path / "images/plain")
    found = image.find(tmp_path / "images", "plain")
    wheel = asking_for("asked==1.0.999", tmp_path)
    found.requirements.write_text(f"asks @ file://{wheel}\n")
    with pytest.raises(environment.EnvironmentFailed, match="asked"):
        environment.ensure(found, tmp_path / "environments", print)
    before = environment.path_of(found, tmp_path)
    found.overrides.write_text("asked==2; python_version < '3'\n")
    assert environment.path_of(found, tmp_path) != before
    assert environment.ensure(found, tmp_path / "environments", print).is_dir()


def test_a_build_that_fails_leaves_nothing_and_says_why(tmp_path: Path) -> None:
    shutil.copytree(IMAGES / "plain", tmp_path / "images/plain")
    (tmp_path / "images/plain/requirements.txt").write_text("not a requirement!\n")
    found = image.find(tmp_path / "images", "plain")
    environments = tmp_path / "environments"
    said: list[str] = []
    with pytest.raises(environment.EnvironmentFailed, match=r"'plain'.*requirements.txt") as error:
        environment.ensure(found, environments, said.append)
    assert "not a requirement" in str(error.value)
    assert [path for path in environments.iterdir() if path.is_dir()] == []
    assert any(line.startswith("uv: ") for line in said)
