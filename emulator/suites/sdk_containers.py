"""The images of the SDK's tests of remote functions, without Docker.

The tests write a Dockerfile that installs the SDK on a plain Python, build it and push it.
A folder of the emulator's images stands for it, with the packages that the tests themselves have;
as a pytest plugin, this module has the tests name that folder instead of building.
"""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from suites.sources import SourceError

_NAME = "remote-function-dummy-container"
_REGISTRY = "123456789012.dkr.ecr.us-east-1.amazonaws.com"
# What a folder of packages cannot stand for.
_BEYOND = {"mamba": "conda", "useradd": "a user of the image's own"}


def write_images(folder: Path, python: Path, package: str) -> None:
    """Make the folders of the images, for the Python of the tests and for the next.

    They are made again only for other versions.

    Args:
        folder: Where they go, as the emulator's `--images` has them.
        python: That of the environment that the tests run in; it decides the versions.
        package: What the Dockerfile installs, such as `sagemaker==2.257.6`.

    Raises:
        SourceError: The package cannot be resolved; uv has said why.
    """
    uv = [sys.executable, "-m", "uv", "pip"]
    command = [*uv, "freeze", "--quiet", "--exclude-editable", "--python", str(python)]
    freeze = subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout
    folder.mkdir(parents=True, exist_ok=True)
    constraints, ready = folder / "constraints.txt", folder / ".ready"
    if ready.exists() and ready.read_bytes() == freeze:
        return
    constraints.write_bytes(freeze)
    for version in ("3.10", "3.11"):
        image = folder / _NAME / version.replace(".", "-")
        image.mkdir(parents=True, exist_ok=True)
        (image / "python.txt").write_text(f"=={version}.*\n")
        command = [*uv, "compile", "--quiet", "--no-header", "--no-annotate", "-"]
        command += ["--constraint", str(constraints), "--python-version", version]
        command += ["--output-file", str(image / "requirements.txt")]
        if subprocess.run(command, input=f"{package}\n", text=True).returncode:
            raise SourceError(f"{package} cannot be resolved for Python {version}")
    ready.write_bytes(freeze)


def address(version: str, template: str) -> str:
    """The address of the image that stands for a Dockerfile.

    Args:
        version: The version of Python, such as 3.11.
        template: The Dockerfile.

    Raises:
        RuntimeError: No folder of packages stands for it.
    """
    for word, what in _BEYOND.items():
        if word in template:
            raise RuntimeError(f"the Dockerfile installs {what}, which no folder of packages has")
    return f"{_REGISTRY}/{_NAME}:{version.replace('.', '-')}"


@pytest.hookimpl
def pytest_plugin_registered(plugin: Any) -> None:
    """Replace in a conftest what builds: `_build_container` (2), `build_container_once` (3)."""
    if hasattr(plugin, "_build_container"):
        plugin._build_container = lambda _session, version, template: address(version, template)
    if hasattr(plugin, "build_container_once"):
        plugin.build_sdk_tar_once = str
        plugin.build_container_once = lambda _name, _session, version, template, *_, **__: address(
            version, template
        )
