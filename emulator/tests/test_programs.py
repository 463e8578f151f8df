import sys
from pathlib import Path

import pytest

from sagemaker_emulator import programs


def install(folder: Path, program: str) -> Path:
    """Install a package with a program as pip does outside a virtual environment."""
    packages, path = folder / "lib/python3/site-packages", folder / "bin" / program
    (packages / "tool-1.dist-info").mkdir(parents=True)
    path.parent.mkdir()
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    (packages / "tool-1.dist-info/METADATA").write_text("Name: tool\nVersion: 1\n")
    (packages / "tool-1.dist-info/RECORD").write_text(f"../../../bin/{program},,\n")
    return packages


def test_program_of_a_package_is_found_wherever_pip_put_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", [str(install(tmp_path, "turn")), *sys.path])
    monkeypatch.setenv("PATH", "/nowhere")
    assert programs.find("tool", "turn") == str(tmp_path / "bin/turn")


def test_program_of_the_system_is_found_on_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, "turn")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    assert programs.find("no-such-package", "turn") == str(tmp_path / "bin/turn")


def test_missing_program_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert programs.find("no-such-package", "turn") is None
