"""The folder of images with which a server is started."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


@pytest.mark.parametrize("verb", ["up", "serve"])
@pytest.mark.parametrize(
    ("name", "message"), [("nowhere", "there is no folder {};"), ("empty", "{} holds no image;")]
)
def test_folder_without_images_is_refused_and_nothing_is_started(
    own_emulator: Callable[..., Any], tmp_path: Path, verb: str, name: str, message: str
) -> None:
    (tmp_path / "empty" / "no-image").mkdir(parents=True)
    server = own_emulator()
    before = list(server.state.iterdir())
    ports = ("--port", "20001", "--s3-port", "20002")
    done = server.run(verb, "--images", str(tmp_path / name), *ports)
    assert (done.returncode, done.stdout) == (1, "")
    assert f"--images: {message.format(tmp_path / name)}" in done.stderr
    assert "a folder with a requirements.txt" in done.stderr and "Traceback" not in done.stderr
    assert list(server.state.iterdir()) == before


def test_server_starts_without_images_of_its_own(
    own_emulator: Callable[..., Any], tmp_path: Path
) -> None:
    server = own_emulator()
    command = [sys.executable, "-m", "sagemaker_emulator", "up", "--state", str(server.state)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_running_server_is_found_from_a_folder_without_images(
    own_emulator: Callable[..., Any], tmp_path: Path
) -> None:
    server = own_emulator()
    assert server.up().returncode == 0
    command = [sys.executable, "-m", "sagemaker_emulator", "up", "--state", str(server.state)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0 and "already running" in done.stdout
