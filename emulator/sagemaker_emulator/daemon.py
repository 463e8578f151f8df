"""The server as a background process: found, started once, stopped."""

import contextlib
import fcntl
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sagemaker_emulator
from sagemaker_emulator.errors import StartError

RUNTIMES = ("auto", "bwrap", "unshare", "relocate", "docker")
_PORTS = {"port": 5580, "s3_port": 5581}
# A killed server's child holds its port a moment longer; seconds.
_LINGER = 1.0
# What a start writes at least (journal and log); bytes.
_ROOM = 128 * 1024
_ROOT = Path(sagemaker_emulator.__file__).resolve().parent.parent


@dataclass(frozen=True)
class Options:
    """How a server is to be started. A port of None means the remembered or a free one."""

    state: Path
    images: Path
    port: int | None = None
    s3_port: int | None = None
    runtime: str = "auto"


def default_state() -> Path:
    """`$EMULATOR_STATE`, or `.emulator` in the current folder."""
    return Path(os.environ.get("EMULATOR_STATE") or ".emulator").absolute()


def server(state: Path) -> dict[str, Any] | None:
    """What the state's running server says of itself (its server.json), or None if none runs."""
    known = remembered(state)
    if not known or not _held(state / "server.lock"):
        return None
    health = _health(known["url"])
    return {**known, **health} if health and health["state"] == str(state) else None


def remembered(state: Path) -> dict[str, Any]:
    """The server.json of the last server of this state; empty where there is none."""
    with contextlib.suppress(OSError, ValueError):
        known = json.loads((state / "server.json").read_text())
        return known if isinstance(known, dict) else {}
    return {}


def up(options: Options, timeout: float = 30) -> tuple[dict[str, Any], bool]:
    """Start the server unless it runs; two callers at once get one server.

    Returns:
        Its server.json and whether it was started now.

    Raises:
        StartError: There are no images, a port is taken, or the server did not come up.
    """
    state = options.state
    if not _held(state / "server.lock"):
        require_images(options.images)
    try:
        state.mkdir(parents=True, exist_ok=True)
        lock = (state / "up.lock").open("w")
        with tempfile.TemporaryFile(dir=state) as probe:
            probe.write(bytes(_ROOM))
    except OSError as problem:
        raise StartError(f"the state folder {state} cannot be used: {problem}") from None
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if running := server(state):
            _same(options, running)
            return running, False
        known = remembered(state)
        # Between finding a port free and listening on it, no other emulator may find the same.
        with Path(tempfile.gettempdir(), f"emulator-ports-{os.getuid()}.lock").open("w") as ports:
            fcntl.flock(ports, fcntl.LOCK_EX)
            port = _port("port", options.port, known.get("url"))
            s3_port = _port("s3_port", options.s3_port, known.get("s3_url"), taken=port)
            return _spawn(options, port, s3_port, timeout), True


def require_images(folder: Path) -> None:
    """Do nothing where the folder holds images: without one, every job would fail later.

    Raises:
        StartError: There is no such folder, or no image in it.
    """
    wanted = "give the folder that holds, for each image, a folder with a requirements.txt"
    if not folder.is_dir():
        raise StartError(f"--images: there is no folder {folder}; {wanted}")
    if not any(folder.glob("*/requirements.txt")):
        raise StartError(f"--images: {folder} holds no image; {wanted}")


def _same(options: Options, running: dict[str, Any]) -> None:
    for flag, port, url in (
        ("--port", options.port, running["url"]),
        ("--s3-port", options.s3_port, running["s3_url"]),
    ):
        if port and not url.endswith(f":{port}"):
            raise StartError(
                f"the emulator of {options.state} already runs at {url}, not on {flag} {port}; "
                "stop it first (down)"
            )


def _spawn(options: Options, port: int, s3_port: int, timeout: float) -> dict[str, Any]:
    state = options.state
    command = [
        *(sys.executable, "-m", "sagemaker_emulator", "serve", "--state", str(state)),
        *("--images", str(options.images), "--port", str(port), "--s3-port", str(s3_port)),
        *("--runtime", options.runtime),
    ]
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("AWS_") and name != "PYTHONDONTWRITEBYTECODE"
    }
    with (state / "log.txt").open("ab") as log:
        start = log.tell()
        process = subprocess.Popen(
            command,
            cwd=_ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        if running := server(state):
            return running
        if process.poll() is not None:
            break
        time.sleep(0.02)
    else:
        process.kill()
    said = (state / "log.txt").read_bytes()[start:].decode(errors="replace").strip()
    last = said.splitlines()[-1] if said else "it said nothing"
    raise StartError(f"the emulator did not come up: {last}\nIts log is {state / 'log.txt'}")


def down(state: Path, timeout: float = 40) -> bool:
    """Stop the state's server; say whether there was one.

    Raises:
        StartError: It did not end in time.
    """
    if not _held(state / "server.lock"):
        return False
    pid = _pid_of(state / "server.lock")
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + timeout
    while _held(state / "server.lock"):
        if time.monotonic() > deadline:
            raise StartError(f"process {pid} did not end within {timeout:.0f} s; kill it yourself")
        time.sleep(0.02)
    return True


def _pid_of(lock: Path, timeout: float = 5) -> int:
    """Who holds a lock; it is written just after it was taken, and 0 would be our own group.

    Raises:
        StartError: It does not say.
    """
    deadline = time.monotonic() + timeout
    while not (said := lock.read_text().strip()).isdecimal() or int(said) == 0:
        if time.monotonic() > deadline:
            raise StartError(f"{lock} does not say which process holds it; end it yourself")
        time.sleep(0.02)
    return int(said)


def reset(state: Path) -> bool:
    """Stop the server and delete its state; say whether there was any.

    Raises:
        StartError: The folder is not an emulator's state.
    """
    if not state.exists():
        return False
    if not state.is_dir():
        raise StartError(f"{state} is not an emulator's state (it is no folder); left alone")
    if not (state / "server.json").exists() and any(state.iterdir()):
        raise StartError(f"{state} is not an emulator's state (it has no server.json); left alone")
    down(state)
    shutil.rmtree(state)
    return True


@contextlib.contextmanager
def only_server(state: Path) -> Iterator[None]:
    """Hold the state for this process alone.

    Raises:
        StartError: Another server has it.
    """
    deadline = time.monotonic() + _LINGER
    with (state / "server.lock").open("a+") as lock:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError:
                # Somebody who only looks whether it is held holds it for an instant.
                if time.monotonic() > deadline:
                    raise StartError(
                        f"another server already uses {state}; stop it first (down)"
                    ) from None
            time.sleep(0.01)
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def _held(lock: Path) -> bool:
    try:
        with lock.open() as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    return False


def _port(name: str, asked: int | None, known: str | None, taken: int | None = None) -> int:
    """The port asked for, else the remembered one, else the usual one, else any free one."""
    if asked:
        flag = f"--{name.replace('_', '-')}"
        if asked == taken:
            raise StartError(f"--port and {flag} are both {asked}; give two ports")
        if not _free(asked):
            raise StartError(
                f"port {asked} ({flag}) is taken by another process; give another {flag}, "
                "or none to have a free one chosen"
            )
        return asked
    if known:
        port = int(known.rpartition(":")[2])
        deadline = time.monotonic() + _LINGER
        while port != taken and time.monotonic() < deadline:
            if _free(port):
                return port
            time.sleep(0.02)
    if _PORTS[name] != taken and _free(_PORTS[name]):
        return _PORTS[name]
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _health(url: str) -> dict[str, Any] | None:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"{url}/_emulator/health", timeout=5) as answer:
            return dict(json.load(answer))
    except (OSError, ValueError):
        return None
