"""One object of a transform job: posted to the container, again where that may help."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from emulator.jobs.job import Job
from emulator.jobs.model_server import ModelServer
from emulator.jobs.objects import JobFailed

MEGABYTE = 1024 * 1024
PAYLOAD, TOGETHER = 6, 1  # AWS's defaults: MB of an object, requests at once
TIMEOUT, RETRIES = 600, 3  # AWS's defaults of ModelClientConfig
PAUSE = 0.25  # seconds before the first retry; each later pause is twice as long
RECOVERY = 60.0  # seconds for a container that ended to come up again
STRATEGIES = {"SingleRecord": "SINGLE_RECORD", "MultiRecord": "MULTI_RECORD"}


@dataclass(frozen=True)
class Limits:
    """How a container is asked: the request's word, else the container's, else AWS's default."""

    together: int
    megabytes: int
    strategy: str

    def __str__(self) -> str:
        """As the head of the data log has it."""
        return (
            f"MaxConcurrentTransforms={self.together}, MaxPayloadInMB={self.megabytes}, "
            f"BatchStrategy={self.strategy}"
        )


class ObjectFailed(Exception):
    """An object was not transformed; the lines are what the data log says of it."""

    def __init__(self, *lines: str) -> None:
        super().__init__(" ".join(line for line in lines if line))
        self.lines = lines

    @property
    def blame(self) -> str:
        """Whose fault it is, as the head of a FailureReason says it."""
        return "ClientError" if self.lines[0].startswith("ClientError") else "AlgorithmError"


def limits_of(request: dict[str, Any], server: ModelServer) -> Limits:
    """Ask the container for what the request leaves open; most containers have no answer.

    Raises:
        JobFailed: it answers with limits that are no numbers.
    """
    asked: dict[str, Any] = {}
    try:
        answer = server.client.get("/execution-parameters")
        if answer.status_code == 200 and isinstance(answer.json(), dict):
            asked = answer.json()
    except (httpx.TransportError, ValueError):
        asked = {}  # as if it had no such address
    strategy = STRATEGIES.get(request.get("BatchStrategy", ""))
    megabytes = request.get("MaxPayloadInMB", asked.get("MaxPayloadInMB", PAYLOAD))
    together = request.get("MaxConcurrentTransforms") or asked.get("MaxConcurrentTransforms")
    try:
        return Limits(
            int(together or TOGETHER),
            int(megabytes),
            strategy or str(asked.get("BatchStrategy", "MULTI_RECORD")),
        )
    except (ValueError, TypeError):
        raise JobFailed(
            f"AlgorithmError: /execution-parameters answered {asked}; its limits must be numbers."
        ) from None


def transform(job: Job, server: ModelServer, limits: Limits, file: Path, target: Path) -> None:
    """Post one object, again where that may help, and write the answer.

    Raises:
        ObjectFailed: it is too large, or the container refused it or did not answer.
        JobStopped: the job was stopped.
    """
    size = file.stat().st_size
    if limits.megabytes and size > limits.megabytes * MEGABYTE:
        raise ObjectFailed(
            f"ClientError: the object has {size} bytes, more than MaxPayloadInMB "
            f"({limits.megabytes})"
        )
    config = job.request.get("ModelClientConfig", {})
    seconds = config.get("InvocationsTimeoutInSeconds", TIMEOUT)
    retries = config.get("InvocationsMaxRetries", RETRIES)
    for attempt in range(retries + 1):
        job.check()
        try:
            answer = _post(job.request, server, limits, file, seconds)
        except ObjectFailed as error:
            job.check()  # a container that was ended with its job has not failed
            if attempt == retries or error.blame == "ClientError":
                raise
            _pause(job, server, PAUSE * 2**attempt)
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(answer)
        return


def _post(
    request: dict[str, Any], server: ModelServer, limits: Limits, file: Path, seconds: float
) -> bytes:
    headers = {"accept": request["TransformOutput"].get("Accept", "*/*")}
    if kind := request["TransformInput"].get("ContentType"):
        headers["content-type"] = kind
    # No limit means chunks, as on AWS; otherwise the object goes in one piece, its length before.
    content = _chunks(file) if limits.megabytes == 0 else file.read_bytes()
    try:
        answer = server.client.post(
            "/invocations", content=content, headers=headers, timeout=seconds
        )
    except httpx.TimeoutException:
        raise ObjectFailed(
            f"Model server did not respond to /invocations request within {seconds} seconds"
        ) from None
    except (httpx.TransportError, RuntimeError) as error:  # RuntimeError: the client was closed
        raise ObjectFailed(f"Unable to get response from algorithm: {error}") from None
    if answer.is_success:
        return answer.content
    head = "Bad HTTP status received from algorithm"
    if answer.status_code < 500:
        head = "ClientError"
    raise ObjectFailed(f"{head}: {answer.status_code}", "", "Message:", *answer.text.splitlines())


def _chunks(file: Path) -> Iterator[bytes]:
    with file.open("rb") as opened:
        while chunk := opened.read(MEGABYTE):
            yield chunk


def _pause(job: Job, server: ModelServer, seconds: float) -> None:
    """Wait before a retry; for a container that ended, until it is up again."""
    began = time.monotonic()
    while (past := time.monotonic() - began) < seconds or (past < RECOVERY and not server.ping()):
        job.check()
        time.sleep(0.05)
