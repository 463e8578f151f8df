"""The inference image's `serve` as a process, and an HTTP client for it."""

import http.client
import io
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

BIN = Path(__file__).parents[4] / "containers" / "tally-inference" / "bin"
JPEG = {"Content-Type": "image/jpeg"}


@dataclass(frozen=True)
class Endpoint:
    """A running server."""

    port: int
    process: subprocess.Popen[bytes]
    log: Path

    def ask(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
    ) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, body, headers or {})
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def ping(self) -> int | None:
        try:
            return self.ask("GET", "/ping")[0]
        except OSError:
            return None

    def invoke(self, body: bytes, **headers: str) -> tuple[int, dict[str, Any]]:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        status, answer = self.ask("POST", "/invocations", body, JPEG | named)
        return status, json.loads(answer)


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


@contextmanager
def serving(root: Path, **environment: str) -> Iterator[Endpoint]:
    """Run `serve` for the model in <root>/model, with the variables that SageMaker sets."""
    port, log = free_port(), root / "log.txt"
    search = os.pathsep.join([str(BIN), str(Path(sys.executable).parent), os.environ["PATH"]])
    given = {
        **os.environ, "PATH": search, "OPT_ML": str(root), "SAGEMAKER_BIND_TO_PORT": str(port),
        "SERVE_HOST": "127.0.0.1", "SAGEMAKER_PROGRAM": "inference.py",
        "SAGEMAKER_SUBMIT_DIRECTORY": str(root / "model" / "code"), **environment,
    }  # fmt: skip
    with log.open("w") as output:
        process = subprocess.Popen(
            ["serve"], env=given, stdout=output, stderr=subprocess.STDOUT, cwd=root
        )
    try:
        yield Endpoint(port, process, log)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(10)


def wait(condition: Callable[[], object], what: str, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.02)


def encoded(image: Image.Image, kind: str = "JPEG") -> bytes:
    file = io.BytesIO()
    image.save(file, kind)
    return file.getvalue()
