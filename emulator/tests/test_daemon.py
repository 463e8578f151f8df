"""The server as a background process: up, status, env, down and reset."""

import fcntl
import json
import os
import signal
import socket
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from emulator_process import Emulator

from sagemaker_emulator import daemon, state_folder
from sagemaker_emulator.errors import StartError


def test_two_ups_at_once_give_one_server(own_emulator: Callable[..., Emulator]) -> None:
    server = own_emulator()
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(lambda _: server.up(), range(2))
    assert (first.returncode, second.returncode) == (0, 0)
    said = sorted([first.stdout.splitlines()[0], second.stdout.splitlines()[0]])
    assert "already running" in said[0]
    assert "started" in said[1]
    assert said[0].rpartition(" ")[2] == said[1].rpartition(" ")[2]


def test_taken_port_is_reported(own_emulator: Callable[..., Emulator]) -> None:
    server = own_emulator()
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        done = server.up("--port", str(port))
    assert done.returncode == 1
    assert f"port {port} (--port) is taken" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("ports", "said"),
    [
        (["--port", "99999"], "'99999' is no port; give a number from 1 to 65535"),
        (["--s3-port", "-1"], "'-1' is no port"),
        (["--port", "0"], "'0' is no port"),
        (["--port", "5999", "--s3-port", "5999"], "both 5999"),
    ],
)
def test_invalid_ports_are_reported(
    own_emulator: Callable[..., Emulator], ports: Any, said: Any
) -> None:
    done = own_emulator().up(*ports)
    assert done.returncode != 0
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_status_env_and_reset(
    own_emulator: Callable[..., Emulator], monkeypatch: pytest.MonkeyPatch
) -> None:
    server = own_emulator()
    assert server.run("status").returncode == 1
    assert "not running; start it" in server.run("env").stderr
    server.up()
    status = json.loads(server.run("status", "--json").stdout)
    assert status["running"] is True
    assert status["url"] == server.about["url"]
    shown = server.run("status").stdout
    assert f"tracking_uri sqlite:///{server.state}/mlflow.db" in shown
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.setenv("NO_PROXY", "intern.test,localhost")
    variables = server.run("env").stdout
    assert f"export AWS_ENDPOINT_URL={status['url']}" in variables
    assert "export no_proxy=intern.test,localhost,127.0.0.1\n" in variables
    refused = server.run("reset")
    assert (refused.returncode, "--yes" in refused.stderr) == (1, True)
    assert server.state.exists()
    assert server.run("reset", "--yes").returncode == 0
    assert not server.state.exists()


def test_reset_leaves_a_folder_alone_that_is_not_a_state(
    own_emulator: Callable[..., Emulator],
) -> None:
    server = own_emulator()
    (server.state / "server.json").unlink()
    (server.state / "precious").touch()
    done = server.run("reset", "--yes")
    assert done.returncode == 1
    assert "is not an emulator's state" in done.stderr
    assert (server.state / "precious").exists()


def test_down_waits_until_the_lock_names_its_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = (tmp_path / "server.lock").open("w")
    fcntl.flock(lock, fcntl.LOCK_EX)
    asked = []

    def kill(pid: Any, number: int) -> None:
        asked.append((pid, number))
        lock.close()

    monkeypatch.setattr(os, "kill", kill)
    say = threading.Timer(0.3, (tmp_path / "server.lock").write_text, ["123456"])
    say.start()
    assert daemon.down(tmp_path) is True
    say.join()
    assert asked == [(123456, signal.SIGTERM)]
    (tmp_path / "server.lock").write_text("")
    with pytest.raises(StartError, match="does not name the process that holds it"):
        state_folder.holder(tmp_path, timeout=0.1)
