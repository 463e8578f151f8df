"""One container of a model that is served: `serve`, /ping and /invocations.

Contract: SageMaker developer guide, "Custom Inference Code with Hosting Services".
"""

import contextlib
import shutil
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

import httpx

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.containers.process import HostLost, Process
from sagemaker_emulator.containers.runtime import Container
from sagemaker_emulator.errors import JobFailed
from sagemaker_emulator.sagemaker.endpoints.served_model import ServedContainer
from sagemaker_emulator.sagemaker.jobs.instance import TAIL

PING_EVERY = 0.05
STARTUP_SECONDS = 480.0
STOP_GRACE = 10.0


class _Stopped(RuntimeError):
    """The server was asked to stop before its container ran."""


class ContainerServer:
    """One serving container, started again when it dies.

    Args:
        context: the server.
        name: the name of the variant or job that it serves, for messages.
        served: what it serves.
        folder: its own, deleted by `stop`.
        log: called with its output.
        environment: variables beside the model's.

    Attributes:
        served: what it serves.
        starts: how often its process was started.
        client: sends requests to it.
    """

    def __init__(
        self,
        context: Context,
        name: str,
        served: ServedContainer,
        folder: Path,
        log: Callable[[list[str]], None],
        environment: dict[str, str] | None = None,
    ) -> None:
        self.name = name
        self._context = context
        self.served = served
        self.starts = 0
        self._folder = folder
        self._write_log = log
        self._environment = environment or {}
        self._lock = threading.Lock()
        self._process: Process | None = None
        self._stopping = threading.Event()
        self._ended = threading.Event()
        self._answered = False
        self._failure: Exception | None = None
        self._tail: deque[str] = deque(maxlen=TAIL)
        self._port = _free_port()
        self._thread = threading.Thread(target=self._keep, name=f"serve {name}", daemon=True)
        self.client = httpx.Client(
            base_url=f"http://127.0.0.1:{self._port}",
            timeout=60.0,
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=100),
        )

    def start(
        self, seconds: float = STARTUP_SECONDS, check: Callable[[], None] = lambda: None
    ) -> None:
        """Unpack the model, start the container and wait until /ping returns 200.

        Args:
            seconds: the longest wait.
            check: called while waiting; whatever it raises ends the wait.

        Raises:
            JobFailed: it did not; with the last lines of its log.
        """
        try:
            self._start(seconds, check)
        finally:
            if self._stopping.is_set():  # what `stop` deleted may have been made again
                shutil.rmtree(self._folder, ignore_errors=True)

    def _start(self, seconds: float, check: Callable[[], None]) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)

        def check_both() -> None:
            check()
            if self._stopping.is_set():
                raise JobFailed(f"ClientError: production variant {self.name} was stopped.")

        folder = self._folder / "ml" / "model"
        self.served.unpack(self._context.s3.folder, folder, check_both)
        self._thread.start()
        deadline = time.monotonic() + seconds
        while not self.ping():
            check()
            if self._failure is not None:
                raise self._failure
            if self._ended.is_set() or time.monotonic() > deadline:
                why = "ended" if self._ended.is_set() else f"was silent for {seconds:.0f} s"
                lines = list(self._tail) or ["(it printed nothing)"]
                raise JobFailed(
                    f"The {self.served.hostname} container for production variant {self.name} "
                    "did not pass the ping health check. Please check CloudWatch logs for this "
                    "endpoint. "
                    # The very last first: whoever shows less of a reason shows its beginning.
                    + f"It {why}. The last line: {lines[-1].strip()}"
                    + ("\nBefore it:\n" + "\n".join(lines[:-1]) if lines[:-1] else "")
                )
            self._ended.wait(PING_EVERY)
        self._answered = True

    def ping(self) -> bool:
        """Whether the container reports that it is healthy."""
        try:
            return self.client.get("/ping", timeout=2.0).status_code == 200
        except (httpx.TransportError, RuntimeError):  # RuntimeError: stopped, its client closed
            return False

    def stop(self) -> None:
        """End the container and delete its folder."""
        self._stopping.set()
        with self._lock:
            if self._process is not None:
                self._process.stop("stopped", STOP_GRACE)
        if self._thread.is_alive():
            self._thread.join(STOP_GRACE + 5)
        self.client.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def check(self) -> None:
        """Raise what ends the start of a container, if the server was asked to stop."""
        if self._stopping.is_set():
            raise _Stopped

    def attach(self, process: Process) -> None:
        """Stop this process from now on where the server is asked to stop."""
        with self._lock:
            self._process = process
            if self._stopping.is_set():
                process.stop("stopped", 0)

    def _keep(self) -> None:
        pause = 0.5
        try:
            while not self._stopping.is_set():
                code = self._run()
                if self._stopping.is_set() or not self._answered:
                    return
                self._log([f"The container ended with code {code}; it is started again."])
                self._stopping.wait(pause)
                pause = min(2 * pause, 30.0)
        except _Stopped:
            pass
        except Exception as error:
            self._failure = error
        finally:
            self._ended.set()

    def _log(self, lines: list[str]) -> None:
        # On a full disk the lines are lost; the container must still be read, or it would block.
        with contextlib.suppress(OSError):
            self._write_log(lines)

    def _run(self) -> int:
        self.starts += 1
        containers, image = self._context.containers, self.served.image
        containers.prepare(image, lambda line: self._log([line]), self)
        container = Container(
            image,
            (*containers.entrypoint(image), "serve"),
            {
                "SAGEMAKER_BIND_TO_PORT": str(self._port),
                # Not AWS's: there, a container has a network of its own to listen on.
                "SERVE_HOST": "127.0.0.1",
                **({"SAGEMAKER_MULTI_MODEL": "true"} if self.served.multi_model else {}),
                **self._environment,
                **self.served.environment,
            },
            self._folder,
            nice=0,
        )
        process = containers.start(container, lambda line: self._log([line]), self)
        for lines in process.lines():
            self._log(lines)
            self._tail.extend(line for line in lines if line.strip())
        try:
            return process.wait()
        except HostLost:
            return -9


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
