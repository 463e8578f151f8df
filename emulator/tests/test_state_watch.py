"""A server ends with its state folder."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
from waiting import wait_until


def remove(state: Path) -> None:
    shutil.rmtree(state)


def replace(state: Path) -> None:
    state.rename(state.with_name("elsewhere"))
    shutil.copytree(state.with_name("elsewhere"), state)


def runs(process: psutil.Process) -> bool:
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


@pytest.mark.parametrize("change", [remove, replace])
def test_server_ends_with_its_state_folder(
    own_emulator: Callable[..., Any], change: Callable[[Path], None]
) -> None:
    emulator = own_emulator()
    assert emulator.up().returncode == 0
    emulator.client("s3").create_bucket(Bucket="bucket")
    server = psutil.Process(emulator.about["pid"])
    started = [server, *server.children(recursive=True)]
    assert len(started) > 1  # S3
    change(emulator.state)
    wait_until(lambda: not any(map(runs, started)), seconds=30)
    assert (emulator.state.exists()) == (change is replace)
    assert emulator.up().returncode == 0  # nothing holds its ports or its lock
