"""One object of a transform job: posted to the container, again where that may help."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from sagemaker_emulator.errors import JobFailed
from sagemaker_emulator.sagemaker.endpoints.model_server import ModelServer
from sagemaker_emulator.sagemaker.jobs.job import Job
from sagemaker_emulator.sagemaker.transform.columns import DataProcessing
from sagemaker_emulator.sagemaker.transform.lines import batches

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


def limits_of(request: Mapping[str, Any], server: ModelServer) -> Limits:
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
    """Post one object, whole or in batches of lines, and write what was answered.

    Raises:
        ObjectFailed: it or a line is too large or lacks a column, or the container refused it or
            did not answer; nothing is written.
        JobStopped: the job was stopped.
    """
    lined = job.request["TransformOutput"].get("AssembleWith") == "Line"
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        with target.open("wb") as made:
            for content in _contents(job.request, limits, file):
                answer = _processed(job, server, content)
                made.write(answer)
                if lined and not answer.endswith(b"\n"):
                    made.write(b"\n")
    except BaseException:
        target.unlink(missing_ok=True)
        raise


def _contents(request: Mapping[str, Any], limits: Limits, file: Path) -> Iterator[bytes | Path]:
    """What each request sends; a file is sent in chunks.

    Raises:
        ObjectFailed: it is too large.
    """
    most = limits.megabytes * MEGABYTE
    if request["TransformInput"].get("SplitType") == "Line":
        for batch in batches(file, limits.strategy == STRATEGIES["SingleRecord"], most):
            _check_size("a line of the object", len(batch), limits)
            yield batch
        return
    _check_size("the object", file.stat().st_size, limits)
    # No limit means chunks, as on AWS; otherwise the object goes in one piece, its length before.
    yield file if limits.megabytes == 0 else file.read_bytes()


def _processed(job: Job, server: ModelServer, content: bytes | Path) -> bytes:
    """What is to be written of one request: of lines, the columns asked for."""
    if isinstance(content, Path):
        return _asked(job, server, content)
    processing = DataProcessing.of(job.request)
    try:
        answer = _asked(job, server, processing.request(content))
        return processing.result(content, answer)
    except ValueError as error:
        raise ObjectFailed(f"ClientError: {error}") from error


def _check_size(what: str, size: int, limits: Limits) -> None:
    if limits.megabytes and size > limits.megabytes * MEGABYTE:
        raise ObjectFailed(
            f"ClientError: {what} has {size} bytes, more than MaxPayloadInMB ({limits.megabytes})"
        )


def _asked(job: Job, server: ModelServer, content: bytes | Path) -> bytes:
    """The answer to one request, which is repeated where that may help."""
    config = job.request.get("ModelClientConfig", {})
    seconds = config.get("InvocationsTimeoutInSeconds", TIMEOUT)
    retries = config.get("InvocationsMaxRetries", RETRIES)
    attempt = 0
    while True:
        job.check()
        try:
            return _post(job.request, server, content, seconds)
        except ObjectFailed as error:
            job.check()  # a container that was ended with its job has not failed
            if attempt == retries or error.blame == "ClientError":
                raise
            _pause(job, server, PAUSE * 2**attempt)
            attempt += 1


def _post(
    request: Mapping[str, Any], server: ModelServer, content: bytes | Path, seconds: float
) -> bytes:
    headers = {"accept": request["TransformOutput"].get("Accept", "*/*")}
    if kind := request["TransformInput"].get("ContentType"):
        headers["content-type"] = kind
    sent = _chunks(content) if isinstance(content, Path) else content
    try:
        answer = server.client.post("/invocations", content=sent, headers=headers, timeout=seconds)
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
