import platform
import shutil
import subprocess
import sys
import threading
import zipfile
from pathlib import Path
from typing import Any

import pytest
from process_owner import build

from sagemaker_emulator.containers import environment, image

IMAGES = Path(__file__).parents[1] / "images"


def test_environment_is_built_once_for_three_jobs(tmp_path: Path) -> None:
    found = image.find(IMAGES, "plain")
    lines: list[str] = []
    built: list[Path] = []
    threads = [
        threading.Thread(
            target=lambda: built.append(environment.ensure(found, tmp_path, build(lines.append)))
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


def test_requirements_may_have_hashes(tmp_path: Path) -> None:
    shutil.copytree(IMAGES / "plain", tmp_path / "plain")
    found = image.find(tmp_path, "plain")
    found.requirements.write_text("--require-hashes\n")
    built = environment.ensure(found, tmp_path, build())
    assert subprocess.run([built / "bin/python", "-m", "pip", "--version"]).returncode == 0


def test_environment_is_named_after_its_requirements(tmp_path: Path) -> None:
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
def test_image_may_need_another_python(tmp_path: Path, allowed: str, expected: str) -> None:
    shutil.copytree(IMAGES / "plain", tmp_path / "plain")
    before = environment.path_of(image.find(tmp_path, "plain"), tmp_path)
    (tmp_path / "plain/python.txt").write_text(f"{allowed}  # why\n")
    found = image.find(tmp_path, "plain")
    assert environment.interpreter(found) == expected
    assert (environment.path_of(found, tmp_path) == before) == (not allowed)


def test_environment_is_that_of_the_tag(tmp_path: Path) -> None:
    shutil.copytree(IMAGES / "plain", tmp_path / "plain")
    (tmp_path / "plain/requirements.txt").write_text("a=={version}\n")
    (tmp_path / "plain/2").mkdir()
    (tmp_path / "plain/2/requirements.txt").write_text("b=={version}\n")
    tags = ("1.0-cpu", "1.0-gpu", "1.1-cpu", "1.0-cpu-py310", "2.0-cpu")
    paths = [environment.path_of(image.find(tmp_path, f"plain:{tag}"), tmp_path) for tag in tags]
    assert paths[0] == paths[1]
    assert len({*paths}) == 4
    assert paths[4].name.startswith("plain-2-")


def test_environments_of_changed_requirements_are_deleted(tmp_path: Path) -> None:
    images, environments = tmp_path / "images", tmp_path / "environments"
    shutil.copytree(IMAGES / "plain", images / "plain")
    (images / "plain/requirements.txt").write_text("a=={version}\n")
    (images / "plain/2").mkdir()
    (images / "plain/2/requirements.txt").write_text("b=={version}\n")
    for tag in ("1.0", "1.1", "2.0"):
        environment.path_of(image.find(images, f"plain:{tag}"), environments).mkdir(parents=True)
    (environments / "other-0123456789ab").mkdir()
    assert environment.prune(images, environments) == []
    (images / "plain/requirements.txt").write_text("c=={version}\n")
    deleted = environment.prune(images, environments)
    assert len(deleted) == 2 and not any(name.startswith("plain-2-") for name in deleted)


def test_python_of_the_tag_is_taken_where_it_is(tmp_path: Path, monkeypatch: Any) -> None:
    shutil.copytree(IMAGES / "plain", tmp_path / "plain")
    own = ".".join(platform.python_version_tuple()[:2])
    other = "3.10" if own != "3.10" else "3.11"
    finds = {other: "/opt/python", own: "/opt/own"}

    def find(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess(command, 0, f"{finds[command[-1]]}\n", "")

    monkeypatch.setattr(subprocess, "run", find)

    def chosen(python: str, allowed: str) -> str:
        (tmp_path / "plain/python.txt").write_text(allowed)
        tag = f"1-cpu-py{python.replace('.', '')}"
        return environment.interpreter(image.find(tmp_path, f"plain:{tag}"))

    assert chosen(other, "") == "/opt/python"
    assert chosen(own, "") == sys.executable
    assert chosen(other, f">={own}" if own > other else f"<{other}") == sys.executable


def test_differences_from_aws_are_noted(tmp_path: Path) -> None:
    shutil.copytree(IMAGES / "plain", tmp_path / "images/plain")
    (tmp_path / "images/plain/image.yaml").write_text(
        "aws: {python: '2.7', packages: {pip: '1.0', no-such: '3'}}"
    )
    found = image.find(tmp_path / "images", "plain:7")
    built = environment.ensure(found, tmp_path / "environments", build())
    note = environment.differences(built)
    assert note.startswith(f"Image plain:7 differs from AWS's: Python {platform.python_version()} ")
    assert "instead of 2.7, pip " in note and note.endswith("no-such missing instead of 3")


def test_missing_python_is_named_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UV_PYTHON_DOWNLOADS", "never")
    shutil.copytree(IMAGES / "plain", tmp_path / "images/plain")
    (tmp_path / "images/plain/python.txt").write_text("<3\n")
    found = image.find(tmp_path / "images", "plain")
    message = rf"image 'plain' needs Python <3 and .* {platform.python_version()}.* Install such a"
    with pytest.raises(environment.EnvironmentFailed, match=message):
        environment.ensure(found, tmp_path / "environments", build())


def test_wrong_version_range_of_python_is_named(tmp_path: Path) -> None:
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


def test_overrides_replace_requirements_of_packages(tmp_path: Path) -> None:
    shutil.copytree(IMAGES / "plain", tmp_path / "images/plain")
    found = image.find(tmp_path / "images", "plain")
    wheel = asking_for("asked==1.0.999", tmp_path)
    found.requirements.write_text(f"asks @ file://{wheel}\n")
    with pytest.raises(environment.EnvironmentFailed, match="asked"):
        environment.ensure(found, tmp_path / "environments", build())
    before = environment.path_of(found, tmp_path)
    found.overrides.write_text("asked==2; python_version < '3'\n")
    assert environment.path_of(found, tmp_path) != before
    assert environment.ensure(found, tmp_path / "environments", build()).is_dir()


def test_failed_build_leaves_nothing_and_reports_why(tmp_path: Path) -> None:
    shutil.copytree(IMAGES / "plain", tmp_path / "images/plain")
    (tmp_path / "images/plain/requirements.txt").write_text("not a requirement!\n")
    found = image.find(tmp_path / "images", "plain")
    environments = tmp_path / "environments"
    message: list[str] = []
    with pytest.raises(environment.EnvironmentFailed, match=r"'plain'.*requirements.txt") as error:
        environment.ensure(found, environments, build(message.append))
    assert "not a requirement" in str(error.value)
    assert [path for path in environments.iterdir() if path.is_dir()] == []
    assert any(line.startswith("uv: ") for line in message)
