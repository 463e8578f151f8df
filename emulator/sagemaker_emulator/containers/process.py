"""A running container and the host process that it was forked from, as the emulator sees them."""

import contextlib
import json
import os
import selectors
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from sagemaker_emulator.containers.host.channel import Launch

HOST = Path(__file__).with_name("host")  # a program of its own
POLL = 0.05  # seconds between two looks at whether a host has its imports
LONGEST_LINE = 900_000  # bytes; CloudWatch Logs allows events of 1 MB
LINGER = 1.0  # seconds for which output is read after the end of a container


class HostLost(Exception):
    """The host process ended while a container depended on it."""


class Owner(Protocol):
    """Whoever a process runs for, and who may be asked to stop at any time."""

    def check(self) -> None:
        """Raise what is to end the work, if the owner was asked to stop."""

    def attach(self, process: "Process") -> None:
        """Stop this process from now on where the owner is asked to stop."""


class Process:
    """A started container: its output and its end.

    Attributes:
        stopped: The reason for which it was asked to stop, or None.
        wrapped: Whether a program stands before the container's own that, like bwrap, dies of a
            SIGTERM and so kills what it runs.
    """

    def __init__(
        self,
        channel: socket.socket,
        output: int,
        host: "Host",
        ended: Callable[[int | None], None] | None = None,
    ) -> None:
        self._channel = channel
        self._output = output
        self._host = host
        self._when_ended = ended
        self._code: int | None = None
        self._ended = threading.Event()
        self.stopped: str | None = None
        self.wrapped = False

    def lines(self) -> Iterator[list[str]]:
        """Yield what the container prints, in batches of whole lines, until it has ended.

        A line that a progress bar rewrote is returned in its last state.
        """
        rest = b""
        for data in self._data():
            *whole, rest = (rest + data).split(b"\n")
            if len(rest) > LONGEST_LINE:
                whole, rest = [*whole, rest], b""
            if whole:
                yield [_last_state(line) for line in whole]
        if rest:
            yield [_last_state(rest)]

    def _data(self) -> Iterator[bytes]:
        """Yield the output to its end, or until `LINGER` after the end of the container.

        A process that escaped the container may hold the output open for any time.
        """
        last: float | None = None
        with selectors.DefaultSelector() as selector:
            selector.register(self._output, selectors.EVENT_READ)
            selector.register(self._channel, selectors.EVENT_READ)
            while last is None or time.monotonic() < last:
                left = None if last is None else max(0.0, last - time.monotonic())
                ready = {key.fileobj for key, _ in selector.select(left)}
                if self._channel in ready:  # the exit code, for `wait`, or the host has ended
                    selector.unregister(self._channel)
                    last = time.monotonic() + LINGER
                if self._output in ready:
                    data = os.read(self._output, 1 << 16)
                    if not data:
                        return
                    yield data

    def wait(self) -> int:
        """Return the exit code when the container has ended; negative for a signal.

        Its output cannot be read afterwards.

        Raises:
            HostLost: The host died, and the container with it.
        """
        if not self._ended.is_set():
            self._code = self._read_code()
            if self._when_ended is not None:
                self._when_ended(self._code)
            self._host.ended()
        if self._code is None:
            raise HostLost("the process that ran the container was killed")
        return self._code

    def _read_code(self) -> int | None:
        """The exit code when the host sends it, or None if the host has died."""
        data = b""
        with contextlib.suppress(ConnectionError):
            while not data.endswith(b"\n") and (part := self._channel.recv(1024)):
                data += part
        self._ended.set()
        self._channel.close()
        os.close(self._output)
        return int(json.loads(data)["exit"]) if data.endswith(b"\n") else None

    def stop(self, reason: str, grace: float) -> None:
        """Send SIGTERM, and SIGKILL to the whole group if it still runs after `grace` seconds.

        Returns at once; `wait` returns when it has ended. The first reason is kept.
        """
        if self.stopped is None:
            self.stopped = reason
        gently = b"C" if self.wrapped else b"T"
        self._order(gently if grace > 0 else b"K")
        if grace > 0:
            timer = threading.Timer(grace, self._order, (b"K",))
            timer.daemon = True
            timer.start()

    def _order(self, order: bytes) -> None:
        if not self._ended.is_set():
            with contextlib.suppress(OSError):  # it ended in the meantime
                self._channel.sendall(order)


def _last_state(line: bytes) -> str:
    return line.decode(errors="replace").rstrip("\r").rsplit("\r", 1)[-1]


class Host:
    """A process of the program `host/`, with which containers are started.

    Attributes:
        used: When a container last started or ended in it, by `time.monotonic()`.
    """

    def __init__(
        self,
        python: Path | str,
        folder: Path | str,
        modules: Sequence[str],
        environment: Mapping[str, str],
        errors: Path,
    ) -> None:
        ours, theirs = socket.socketpair()
        with errors.open("ab") as log:
            self._process = subprocess.Popen(
                [str(python), "-u", str(HOST), str(theirs.fileno()), str(folder), *modules],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=[theirs.fileno()],
                env=dict(environment),
                cwd="/",
                start_new_session=True,
            )
        theirs.close()
        self._control = ours
        self._lock = threading.Lock()
        self._ready = False
        self._running = 0
        self._counting = threading.Lock()
        self.used = time.monotonic()

    def start(
        self,
        launch: Launch,
        ended: Callable[[int | None], None] | None = None,
        check: Callable[[], None] = lambda: None,
    ) -> Process:
        """Fork a container; the first one waits for the host's imports.

        Args:
            launch: What to run.
            ended: Called with its exit code when it has ended; see `Start`.
            check: Called while it waits; whatever it raises ends the wait.

        Raises:
            HostLost: The host has ended.
        """
        with self._counting:  # before anything else: a host that still imports is not idle
            self._running += 1
        try:
            self._wait_until_ready(check)
            return self._start(launch, ended)
        except BaseException:
            self.ended()
            raise

    def _wait_until_ready(self, check: Callable[[], None]) -> None:
        try:
            with selectors.DefaultSelector() as selector:
                selector.register(self._control, selectors.EVENT_READ)
                # Many threads may wait; the one that reads the byte wakes no other.
                while not self._ready:
                    check()
                    if selector.select(POLL):
                        self._read_ready()
        except (OSError, ValueError) as error:  # it was closed
            raise HostLost(f"the host process is gone: {error}") from error

    def _read_ready(self) -> None:
        with self._lock:
            if not self._ready and self._control.recv(1) != b"R":
                raise HostLost("the host process ended before it was ready")
            self._ready = True

    def _start(self, launch: Launch, ended: Callable[[int | None], None] | None) -> Process:
        ours, theirs = socket.socketpair()
        read, write = os.pipe()
        try:
            with self._lock:
                socket.send_fds(self._control, [b"J"], [theirs.fileno(), write])
                ours.sendall(json.dumps(launch).encode() + b"\n")
        except OSError as error:
            ours.close()
            os.close(read)
            raise HostLost(f"the host process is gone: {error}") from error
        finally:
            theirs.close()
            os.close(write)
        return Process(ours, read, self, ended)

    @property
    def idle(self) -> float:
        """Seconds since the last container ended; 0 while one runs."""
        return 0.0 if self._running else time.monotonic() - self.used

    @property
    def alive(self) -> bool:
        """Whether containers can still be started in it."""
        return self._process.poll() is None

    @property
    def pid(self) -> int:
        """The process's number."""
        return self._process.pid

    def close(self) -> None:
        """End the host; what it runs is killed."""
        with contextlib.suppress(OSError):
            self._control.shutdown(socket.SHUT_RDWR)  # wakes a `start` that waits for the imports
        if not self._ready:
            self._process.kill()  # it is still importing and reads nothing
        try:
            self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._control.close()

    def touch(self) -> None:
        """Count the host as used now."""
        self.used = time.monotonic()

    def ended(self) -> None:
        """Note that a container ended."""
        with self._counting:
            self._running -= 1
            self.touch()
