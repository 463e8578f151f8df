"""The server as a background process: find it, start it once, stop it."""

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
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypedDict, cast

from sagemaker_emulator.credentials import Credentials
from sagemaker_emulator.errors import StartError
from sagemaker_emulator.proxies import past_proxies

RUNTIMES = ("auto", "bwrap", "unshare", "relocate", "docker")
_PORTS = {"port": 5580, "s3_port": 5581}
# A killed server's child holds its port a moment longer.
_LINGER_SECONDS = 1.0
# A start writes at least this much (journal and log).
_LEAST_FREE_BYTES = 128 * 1024


class Server(TypedDict):
    """A running server: its server.json and its own account of itself.

    Attributes:
        url: The address of the API.
        s3_url: The address of S3.
        tracking_uri: The MLflow store that training jobs get.
        environment: The variables that point AWS clients of a process at the server, with the key
            pair that it accepts.
        state: The folder that holds everything.
        images: The folder of the container images.
        runtime: What containers run in: bwrap, unshare, relocate or docker.
        pid: The process's number.
        version: The version of the emulator.
        started: When it started, in seconds since the epoch.
        s3: Whether S3 accepts connections.
        operations: How many AWS operations are implemented.
    """

    url: str
    s3_url: str
    tracking_uri: str
    environment: dict[str, str]
    state: str
    images: str
    runtime: str
    pid: int
    version: str
    started: float
    s3: bool
    operations: int


@dataclass(frozen=True)
class Options:
    """How to start a server. A port of None means the last one of this state, or a free one."""

    state: Path
    images: Path
    port: int | None = None
    s3_port: int | None = None
    runtime: str = "auto"


def default_state() -> Path:
    """`$EMULATOR_STATE`, or `.emulator` in the current folder."""
    return Path(os.environ.get("EMULATOR_STATE") or ".emulator").absolute()


def _folder(state: Path | str | None) -> Path:
    return Path(state or default_state()).resolve()


def status(state: Path | str | None = None) -> Server | None:
    """The state's running server, or None if none runs; `up` describes the argument.

    Raises:
        StartError: The state's keys are another user's or damaged.
    """
    state = _folder(state)
    last = last_server(state)
    if not last or not _held(state / "server.lock"):
        return None
    health = _health(last["url"])
    if health is None or health["state"] != str(state):
        return None
    keys = Credentials.of(state).environment
    # The caller's own proxy settings, not those of the server.
    environment = {**last["environment"], **keys, **past_proxies()}
    return cast(Server, {**last, **health, "environment": environment})


def last_server(state: Path) -> dict[str, Any]:
    """The server.json of the last server of this state; empty if there is none."""
    with contextlib.suppress(OSError, ValueError):
        last = json.loads((state / "server.json").read_text())
        return last if isinstance(last, dict) else {}
    return {}


def up(
    state: Path | str | None = None,
    images: Path | str = "containers",
    *,
    port: int | None = None,
    s3_port: int | None = None,
    runtime: str = "auto",
    timeout: float = 30,
) -> Server:
    """Start the server in the background unless it runs; two callers at once get one server.

    Args:
        state: The folder that holds everything; `$EMULATOR_STATE` or `./.emulator` by default.
        images: The folder with a folder for each container image.
        port: The port of the API; the last one, 5580 or a free one by default.
        s3_port: The port of S3; the last one, 5581 or a free one by default.
        runtime: auto, bwrap, unshare, relocate or docker.
        timeout: Seconds to wait for it.

    Raises:
        StartError: There are no images, a port is taken, or the server did not start in time.
    """
    options = Options(_folder(state), Path(images).absolute(), port, s3_port, runtime)
    return start(options, timeout)[0]


def start(options: Options, timeout: float = 30) -> tuple[Server, bool]:
    """Do what `up` does, and also return whether this call started the server."""
    state = options.state
    if not _held(state / "server.lock"):
        require_images(options.images)
    try:
        state.mkdir(parents=True, exist_ok=True)
        lock = (state / "up.lock").open("w")
        with tempfile.TemporaryFile(dir=state) as probe:
            probe.write(bytes(_LEAST_FREE_BYTES))
    except OSError as problem:
        raise StartError(f"the state folder {state} cannot be used: {problem}") from None
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if running := status(state):
            _require_same_ports(options, running)
            return running, False
        last = last_server(state)
        # Until this server listens on the ports it chose, no other emulator may choose them.
        with Path(tempfile.gettempdir(), f"emulator-ports-{os.getuid()}.lock").open("w") as ports:
            fcntl.flock(ports, fcntl.LOCK_EX)
            port = _port("port", options.port, last.get("url"))
            s3_port = _port("s3_port", options.s3_port, last.get("s3_url"), taken=port)
            return _spawn(replace(options, port=port, s3_port=s3_port), timeout), True


def require_images(folder: Path) -> None:
    """Check that the folder holds images, without which every job would fail later.

    Raises:
        StartError: There is no such folder, or no image in it.
    """
    needed = "give the folder that holds, for each image, a folder with a requirements.txt"
    if not folder.is_dir():
        raise StartError(f"--images: there is no folder {folder}; {needed}")
    if not any(folder.glob("*/requirements.txt")):
        raise StartError(f"--images: {folder} holds no image; {needed}")


def _require_same_ports(options: Options, running: Server) -> None:
    for flag, port, url in (
        ("--port", options.port, running["url"]),
        ("--s3-port", options.s3_port, running["s3_url"]),
    ):
        if port and not url.endswith(f":{port}"):
            raise StartError(
                f"the emulator of {options.state} already runs at {url}, not on {flag} {port}; "
                "stop it first (down)"
            )


def _spawn(options: Options, timeout: float) -> Server:
    state = options.state
    command = [
        # Safe path (-P): the folder of the state is not a place to import modules from.
        *(sys.executable, "-P", "-m", "sagemaker_emulator", "serve", "--state", str(state)),
        *("--images", str(options.images), "--runtime", options.runtime),
        *("--port", str(options.port), "--s3-port", str(options.s3_port)),
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
            cwd=state,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        if running := status(state):
            return running
        if process.poll() is not None:
            break
        time.sleep(0.02)
    else:
        process.kill()
    output = (state / "log.txt").read_bytes()[start:].decode(errors="replace").strip()
    last = output.splitlines()[-1] if output else "it printed nothing"
    raise StartError(f"the emulator did not start: {last}\nIts log is {state / 'log.txt'}")


def down(state: Path | str | None = None, timeout: float = 40) -> bool:
    """Stop the server, whose state stays, and return whether one was running.

    Raises:
        StartError: It did not end in time.
    """
    state = _folder(state)
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
    """The process that holds a lock, which writes its number just after it took the lock.

    Raises:
        StartError: The file holds no number, or 0, which would stand for this process's group.
    """
    deadline = time.monotonic() + timeout
    while not (content := lock.read_text().strip()).isdecimal() or int(content) == 0:
        if time.monotonic() > deadline:
            raise StartError(f"{lock} does not name the process that holds it; end it yourself")
        time.sleep(0.02)
    return int(content)


def reset(state: Path | str | None = None) -> bool:
    """Stop the server, delete its state and return whether there was any.

    Raises:
        StartError: The folder is not an emulator's state.
    """
    state = _folder(state)
    if not state.exists():
        return False
    if not state.is_dir():
        raise StartError(f"{state} is not an emulator's state (not a folder); nothing is deleted")
    if not (state / "server.json").exists() and any(state.iterdir()):
        raise StartError(
            f"{state} is not an emulator's state (no server.json in it); nothing is deleted"
        )
    down(state)
    shutil.rmtree(state)
    return True


@contextlib.contextmanager
def only_server(state: Path) -> Iterator[None]:
    """Hold the state for this process alone.

    Raises:
        StartError: Another server has it.
    """
    deadline = time.monotonic() + _LINGER_SECONDS
    with (state / "server.lock").open("a+") as lock:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError:
                # A process that only checks whether it is held holds it for an instant.
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


def _port(name: str, requested: int | None, last_url: str | None, taken: int | None = None) -> int:
    """The requested port, else the last one, else the usual one, else any free one."""
    if requested:
        flag = f"--{name.replace('_', '-')}"
        if requested == taken:
            raise StartError(f"--port and {flag} are both {requested}; give two ports")
        if not _free(requested):
            raise StartError(
                f"port {requested} ({flag}) is taken by another process; give another {flag}, "
                "or none to have a free one chosen"
            )
        return requested
    if last_url:
        port = int(last_url.rpartition(":")[2])
        deadline = time.monotonic() + _LINGER_SECONDS
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
        with opener.open(f"{url}/_emulator/health", timeout=5) as response:
            return dict(json.load(response))
    except (OSError, ValueError):
        return None
