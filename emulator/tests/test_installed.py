"""The built wheel, installed into an environment of its own as any project would install it."""

import email
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from sagemaker_emulator import programs

PROJECT = Path(__file__).resolve().parents[1]
README = PROJECT / "README.md"
SCRIPT = Path(__file__).with_name("sdk_two_steps.py")
# The SDK's versions are those that Tally has locked, so that most come from uv's cache.
LOCK = PROJECT.parent / "requirements.txt"
NO_INDEX = ("Failed to fetch", "error sending request", "network was disabled", "was not found in")


def uv(*arguments: str | Path) -> str:
    """Run uv; a test that finds no package index is skipped."""
    program = programs.find("uv", "uv")
    assert program is not None
    environment = {k: v for k, v in os.environ.items() if k not in ("VIRTUAL_ENV", "PYTHONPATH")}
    done = subprocess.run(
        [program, *map(str, arguments)], env=environment, capture_output=True, text=True
    )
    if done.returncode and any(text in done.stderr for text in NO_INDEX):
        pytest.skip(f"no package index: {done.stderr.strip()[-300:]}")
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel and the source distribution."""
    folder = tmp_path_factory.mktemp("dist")
    uv("build", "--quiet", "--wheel", "--sdist", PROJECT, "--out-dir", folder)
    return folder


@pytest.fixture(scope="module")
def wheel(built: Path) -> Path:
    (wheel,) = built.glob("*.whl")
    return wheel


def test_wheel_brings_command_types_license_and_page(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        attributes = {entry.filename: entry.external_attr for entry in archive.infolist()}
        (information,) = [name for name in names if name.endswith(".dist-info/METADATA")]
        metadata = email.message_from_string(archive.read(information).decode())
        entry_points = archive.read(information.replace("METADATA", "entry_points.txt")).decode()
    assert "sagemaker-emulator = sagemaker_emulator:main" in entry_points
    assert "sagemaker_emulator/py.typed" in names
    assert "sagemaker_emulator/client/emulator_sts.py" in names
    assert "sagemaker_emulator/containers/host/__main__.py" in names
    for program in ("sagemaker-scikit-learn/bin/serve", "sagemaker-xgboost/bin/train"):
        found = attributes[f"sagemaker_emulator/containers/frameworks/{program}"]
        assert found >> 16 & 0o100  # whoever installs it may run it
    assert any(name.endswith("/LICENSE") for name in names)
    assert not [name for name in names if "tests" in name]
    assert metadata["Version"] == version()
    assert metadata.get_payload() == README.read_text()


def test_source_distribution_is_built(built: Path) -> None:
    assert [path.name for path in built.glob("*.tar.gz")] == [
        f"sagemaker_emulator-{version()}.tar.gz"
    ]


def version() -> str:
    """The version as the source has it."""
    source = (PROJECT / "sagemaker_emulator/version.py").read_text()
    return source.partition('VERSION = "')[2].partition('"')[0]


def test_links_of_the_page_work_on_a_package_index() -> None:
    text = README.read_text()
    anchors = {
        re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")
        for title in re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    }
    links = re.findall(r"\]\(([^)]+)\)", text)
    broken = [
        link
        for link in links
        if not link.startswith("https://") and link.removeprefix("#") not in anchors
    ]
    assert broken == []


def test_installed_wheel_runs_a_pipeline_of_the_sdk(wheel: Path, tmp_path: Path) -> None:
    environment, folder = tmp_path / "environment", tmp_path / "empty"
    (folder / "images/my-image").mkdir(parents=True)
    (folder / "images/my-image/requirements.txt").touch()
    python = environment / "bin/python"
    uv("venv", "--quiet", "--python", sys.executable, environment)
    versions = [line for line in LOCK.read_text().splitlines() if not line.startswith("-e ")]
    (tmp_path / "versions.txt").write_text("\n".join(versions))
    constraints = ("--constraint", tmp_path / "versions.txt")
    uv("pip", "install", "--quiet", "--python", python, *constraints, wheel, "sagemaker>=3.27,<4")

    # Nothing of this checkout may help: neither its folder nor its environment.
    own = ("PYTHON", "VIRTUAL_ENV", "AWS_", "EMULATOR_", "BOTOCORE_")
    alone = {k: v for k, v in os.environ.items() if not k.startswith(own)}
    alone["PATH"] = "/usr/bin:/bin"

    def shell(command: str, cwd: Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["sh", "-ec", command], cwd=cwd, env=alone, capture_output=True, text=True, timeout=250
        )

    command = environment / "bin/sagemaker-emulator"
    started = shell(f"{command} up --images images", folder)
    try:
        assert started.returncode == 0, started.stderr
        pasted = started.stdout.partition("point clients at it with: ")[2].strip()
        elsewhere = tmp_path / "elsewhere"
        elsewhere.mkdir()
        done = shell(f"{pasted}\n{python} {SCRIPT}", elsewhere)
        assert done.returncode == 0, done.stderr[-3000:]
        steps = [line.split() for line in done.stdout.splitlines()]
        assert [step[:2] for step in steps] == [["Write", "Succeeded"], ["Add", "Succeeded"]]
        assert shell(f"{command} logs {steps[1][2]}", folder).stdout == "sum 42\n"
    finally:
        shell(f"{command} down", folder)
    assert "was not running" in shell(f"{python} -m sagemaker_emulator down", folder).stdout
