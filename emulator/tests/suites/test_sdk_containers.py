"""A folder of packages stands for the image that the SDK's tests build with Docker."""

import sys
from pathlib import Path
from types import ModuleType

import pytest

from sagemaker_emulator.containers.image import find
from suites import sdk_containers

_CONFTEST = """
def _build_container(session, version, template): raise AssertionError("no Docker here")
def container(version): return _build_container(None, version, "RUN pip3 install '{archive}'")
"""


def test_an_image_has_the_versions_of_the_tests(tmp_path: Path) -> None:
    sdk_containers.write_images(tmp_path / "images", Path(sys.executable), "six")

    for version in ("3.10", "3.11"):
        image = find(tmp_path / "images", sdk_containers.address(version, "RUN pip3"))
        assert image.requirements.read_text().startswith("six==")
        assert image.python == f"=={version}.*"


def test_a_conftest_names_the_image_instead_of_building_it() -> None:
    conftest = ModuleType("conftest")
    exec(_CONFTEST, conftest.__dict__)

    sdk_containers.pytest_plugin_registered(conftest)

    assert conftest.container("3.11").endswith("/remote-function-dummy-container:3-11")


@pytest.mark.parametrize("line", ["RUN mamba create", "RUN useradd -ms /bin/bash somebody"])
def test_what_no_folder_of_packages_has_is_said(line: str) -> None:
    with pytest.raises(RuntimeError, match="no folder of packages has"):
        sdk_containers.address("3.11", line)
