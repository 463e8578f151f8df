"""Environments of their own are made once for what they hold."""

import subprocess
from pathlib import Path

import pytest
from wheels import write_wheel

from suites import environments
from suites.sources import SourceError


def test_an_environment_is_made_again_only_for_other_packages(tmp_path: Path) -> None:
    first, second = (str(write_wheel(tmp_path, "parcel", number)) for number in ("1.0", "2.0"))
    folder = tmp_path / "environment"
    python = environments.make(folder, [first])
    (folder / "mine").touch()
    assert environments.make(folder, [first]) == python
    assert (folder / "mine").exists()
    environments.make(folder, [second])
    assert not (folder / "mine").exists()
    program = "import parcel; print(parcel.version)"
    done = subprocess.run([python, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "2.0\n"


def test_an_environment_that_could_not_be_made_is_named_and_tried_again(tmp_path: Path) -> None:
    folder = tmp_path / "environment"
    wheel = write_wheel(tmp_path, "parcel", "1.0")
    content = wheel.read_bytes()
    wheel.unlink()
    with pytest.raises(
        SourceError, match=r"parcel-1\.0-py3-none-any\.whl cannot be installed into"
    ):
        environments.make(folder, [str(wheel)])
    wheel.write_bytes(content)
    assert environments.make(folder, [str(wheel)]).exists()
