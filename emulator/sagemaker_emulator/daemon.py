"""The server as a background process: find it, start it once, stop it."""

import contextlib
import fcntl
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from dataclasses import replace
from pathlib import Path
from typing import Any, TypedDict, cast

from sagemaker_emulator.credentials import Credentials
from sagemaker_emulator.errors import StartError
from sagemaker_emulator.options import Options, choose_sockets, require_images
from sagemaker_emulator.proxies import past_proxies
from sagemaker_emulator.state_folder import (
    holder,
    is_held,
    last_server,
    open_to_append,
    own,
    require_own,
    resolved,
)

# A start writes at least this much (journal and log).
_LEAST_FREE_BYTES = 128 * 1024


class Server(TypedDict):
    """A running server, as its server.json describes it.

    Attributes:
        url: The address of the API.
        s3_url: The address of S3.
        tracking_uri: The MLflow store that jobs get.
        environment: The variables that point AWS clients of a process at the server, with the key
            pair that it accepts.
        state: The folder that holds everything.
        images: The folder of the container images.
        runtime: What containers run in: bwrap, unshare, relocate or docker.
        pid: The process's number.
        version: The version of the emulator.
        started: When it started, in seconds since the epoch.
        s3: Whether S3 responds.
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


def status(state: Path | str | None = None) -> Server | None:
    """The state's running server, or None if none runs; `up` describes the argument.

    Raises:
        StartError: A server runs and does not respond, or the state's keys are another user's or
            damaged.
    """
    state = resolved(state)
    if (running := _running(state)) is None:
        return None
    if not _responds(running["url"]):
        if _running(state) is None:
            return None  # it ended just now
        raise StartError(
            f"the emulator of {state} (process {running['pid']}) does not respond at "
            f"{running['url']}; its log is {state / 'log.txt'}"
        )
    return _server(state, running)


def _running(state: Path) -> dict[str, Any] | None:
    """What the server that holds the state says of itself; None where there is none yet."""
    last, lock = last_server(state), state / "server.lock"
    # It describes itself after it has taken the lock, and before it responds.
    if not last or not is_held(state) or lock.read_text().strip() != str(last.get("pid")):
        return None
    return last


def _server(state: Path, running: dict[str, Any]) -> Server:
    keys = Credentials.of(state).environment
    # The caller's own proxy settings, not those of the server.
    environment = {**running["environment"], **keys, **past_proxies()}
    s3 = _responds(running["s3_url"])
    return cast(Server, {**running, "environment": environment, "s3": s3})


def up(
    state: Path | str | None = None,
    images: Path | str | None = None,
    *,
    port: int | None = None,
    s3_port: int | None = None,
    runtime: str = "auto",
    timeout: float = 30,
) -> Server:
    """Start the server in the background unless it runs; two callers at once get one server.

    Args:
        state: The folder that holds everything; `$EMULATOR_STATE` or `./.emulator` by default.
        images: The folder with a folder for each container image; by default `./containers`, if
            there is one.
        port: The port of the API; the last one, 5580 or a free one by default.
        s3_port: The port of S3; the last one, 5581 or a free one by default.
        runtime: auto, bwrap, unshare, relocate or docker.
        timeout: Seconds to wait for it.

    Raises:
        StartError: Named images are missing, a port is taken, the state is another user's, a server
            runs otherwise than asked, or it did not start in time.
    """
    folder = Path(images or "containers").absolute()
    named = images is not None
    options = Options(resolved(state), folder, port, s3_port, runtime, requires_images=named)
    return start(options, timeout)[0]


def start(options: Options, timeout: float = 30) -> tuple[Server, bool]:
    """Do what `up` does, and also return whether this call started the server."""
    state = options.state
    if not is_held(state):
        require_images(options)
    own(state)
    try:
        lock = open_to_append(state / "up.lock")
        with tempfile.TemporaryFile(dir=state) as probe:
            probe.write(bytes(_LEAST_FREE_BYTES))
    except OSError as problem:
        raise StartError(f"the state folder {state} cannot be used: {problem}") from None
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if running := status(state):
            _require_same(options, running)
            return running, False
        api, s3 = choose_sockets(options)
        with api, s3:
            process, start = _spawn(replace(options, sockets=(api.fileno(), s3.fileno())))
        # Closed here, the sockets refuse connections as soon as the server has ended.
        return _wait_for(state, process, start, timeout), True


def _require_same(options: Options, running: Server) -> None:
    """Check that a running server is as asked, where something was asked.

    Raises:
        StartError: It listens elsewhere, or has other images or another runtime.
    """
    runs, stop = f"the emulator of {options.state} already runs", "stop it first (down)"
    for flag, port, url in (
        ("--port", options.port, running["url"]),
        ("--s3-port", options.s3_port, running["s3_url"]),
    ):
        if port and not url.endswith(f":{port}"):
            raise StartError(f"{runs} at {url}, not on {flag} {port}; {stop}")
    images = Path(running["images"])
    if options.requires_images and options.images.resolve() != images.resolve():
        raise StartError(f"{runs} with --images {images}, not with {options.images}; {stop}")
    if options.runtime not in ("auto", running["runtime"]):
        runtime = running["runtime"]
        raise StartError(f"{runs} with --runtime {runtime}, not {options.runtime}; {stop}")


def _spawn(options: Options) -> tuple[subprocess.Popen[bytes], int]:
    """Start the server's process; also return where its part of the log begins."""
    state, sockets = options.state, options.sockets or ()
    command = [
        # Safe path (-P): the folder of the state is not a place to import modules from.
        *(sys.executable, "-P", "-m", "sagemaker_emulator", "serve", "--state", str(state)),
        *("--images" if options.requires_images else "--default-images", str(options.images)),
        *("--runtime", options.runtime),
        *("--sockets", ",".join(map(str, sockets))),
    ]
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("AWS_") and name != "PYTHONDONTWRITEBYTECODE"
    }
    with open_to_append(state / "log.txt") as log:
        start = log.tell()
        process = subprocess.Popen(
            command,
            cwd=state,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            pass_fds=sockets,
            umask=0o077,
        )
    return process, start


def _wait_for(state: Path, process: subprocess.Popen[bytes], start: int, timeout: float) -> Server:
    """Wait until the server responds.

    Raises:
        StartError: It has ended, or did not respond in time.
    """
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        if (running := _running(state)) and _responds(running["url"]):
            return _server(state, running)
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
        StartError: It did not end in time, or the state is another user's.
    """
    state = resolved(state)
    if state.exists():
        require_own(state, state.stat())
    if not is_held(state):
        return False
    pid = holder(state)
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + timeout
    while is_held(state):
        if time.monotonic() > deadline:
            raise StartError(f"process {pid} did not end within {timeout:.0f} s; kill it yourself")
        time.sleep(0.02)
    return True


def reset(state: Path | str | None = None) -> bool:
    """Stop the server, delete its state and return whether there was any.

    Raises:
        StartError: The folder is not an emulator's state, or another user's.
    """
    state = resolved(state)
    if not state.exists():
        return False
    require_own(state, state.stat())
    if not state.is_dir():
        raise StartError(f"{state} is not an emulator's state (not a folder); nothing is deleted")
    if not (state / "server.json").exists() and any(state.iterdir()):
        raise StartError(
            f"{state} is not an emulator's state (no server.json in it); nothing is deleted"
        )
    down(state)
    shutil.rmtree(state)
    return True


def _responds(url: str) -> bool:
    """Whether a server of this state responds; the one that holds its lock has the port."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"{url}/_emulator/health", timeout=5) as response:
            return bool(response.status == 200)
    except (OSError, ValueError):
        return False
