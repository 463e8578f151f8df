"""One object of a transform job: posted to the container, again where that may help."""

import gzip
import shutil
import time
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from sagemaker_emulator.errors import JobFailed
from sagemaker_emulator.sagemaker.endpoints.model_server import ModelServer, NoAnswer
from sagemaker_emulator.sagemaker.endpoints.served_model import PRIMARY
from sagemaker_emulator.sagemaker.jobs.job import Job
from sagemaker_emulator.sagemaker.transform.columns import DataProcessing
from sagemaker_emulator.sagemaker.transform.records import batches, split

MEGABYTE = 1024 * 1024
PAYLOAD, TOGETHER = 6, 1  # AWS's defaults: MB of an object, requests at once
TIMEOUT, RETRIES = 600, 3  # AWS's defaults of ModelClientConfig
PAUSE = 0.25  # seconds before the first retry; each later pause is twice as long
RECOVERY = 60.0  # seconds for a container that ended to come up again
STRATEGIES = {"SingleRecord": "SINGLE_RECORD", "MultiRecord": "MULTI_RECORD"}


@dataclass(frozen=True)
class Limits:
    """Limits of requests: the job's, else the container's, else AWS's defaults."""

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
    """An object was not transformed; the lines are its part of the data log."""

    def __init__(self, *lines: str) -> None:
        super().__init__(" ".join(line for line in lines if line))
        self.lines = lines

    @property
    def blame(self) -> str:
        """Whose fault it is, as the head of a FailureReason."""
        return "ClientError" if self.lines[0].startswith("ClientError") else "AlgorithmError"


def limits_of(request: Mapping[str, Any], server: ModelServer) -> Limits:
    """The limits; the container is asked for what the request leaves open, and most have none.

    Raises:
        JobFailed: its limits are not numbers.
    """
    offered: dict[str, Any] = {}
    try:
        response = server.execution_parameters()
        if response.status_code == 200 and isinstance(response.json(), dict):
            offered = response.json()
    except (httpx.TransportError, ValueError):
        offered = {}  # as if it had no such path
    strategy = STRATEGIES.get(request.get("BatchStrategy", ""))
    megabytes = request.get("MaxPayloadInMB", offered.get("MaxPayloadInMB", PAYLOAD))
    together = request.get("MaxConcurrentTransforms") or offered.get("MaxConcurrentTransforms")
    try:
        return Limits(
            int(together or TOGETHER),
            int(megabytes),
            strategy or str(offered.get("BatchStrategy", "MULTI_RECORD")),
        )
    except (ValueError, TypeError):
        raise JobFailed(
            f"AlgorithmError: /execution-parameters returned {offered}; its limits must be numbers."
        ) from None


def transform(job: Job, server: ModelServer, limits: Limits, file: Path, target: Path) -> None:
    """Post one object, whole or in batches of records, and write the responses.

    Raises:
        ObjectFailed: it or a record is too large, damaged or lacks a column, or the container
            refused it or did not respond; nothing is written.
        JobStopped: the job was stopped.
    """
    lined = job.request["TransformOutput"].get("AssembleWith") == "Line"
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        with target.open("wb") as output, _decompressed(job.request, file, target) as plain:
            for content in _contents(job.request, limits, plain):
                response = _processed(job, server, content)
                output.write(response)
                if lined and not response.endswith(b"\n"):
                    output.write(b"\n")
    except BaseException:
        target.unlink(missing_ok=True)
        raise


@contextmanager
def _decompressed(request: Mapping[str, Any], file: Path, target: Path) -> Iterator[Path]:
    """An object's file; of CompressionType Gzip, one that holds what the object packs.

    Raises:
        ObjectFailed: it is no such archive.
    """
    if request["TransformInput"].get("CompressionType", "None") != "Gzip":
        yield file
        return
    plain = target.with_name(f"{target.name}.input")
    try:
        try:
            with gzip.open(file) as packed, plain.open("wb") as unpacked:
                shutil.copyfileobj(packed, unpacked, MEGABYTE)
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            message = f"ClientError: the object cannot be decompressed: {error}"
            raise ObjectFailed(message) from None
        yield plain
    finally:
        plain.unlink(missing_ok=True)


def _contents(request: Mapping[str, Any], limits: Limits, file: Path) -> Iterator[bytes | Path]:
    """What each request sends; a file is sent in chunks.

    Raises:
        ObjectFailed: it is too large.
    """
    most = limits.megabytes * MEGABYTE
    kind = request["TransformInput"].get("SplitType", "None")
    if kind != "None":
        name = "line" if kind == "Line" else "record"
        single = limits.strategy == STRATEGIES["SingleRecord"]
        try:
            for batch in batches(split(file, kind), single, most):
                _check_size(f"a {name} of the object", len(batch), limits)
                yield batch
        except ValueError as error:
            raise ObjectFailed(f"ClientError: the object cannot be split: {error}") from None
        return
    _check_size("the object", file.stat().st_size, limits)
    # No limit means chunks, as on AWS; otherwise the object goes in one piece, its length before.
    yield file if limits.megabytes == 0 else file.read_bytes()


def _processed(job: Job, server: ModelServer, content: bytes | Path) -> bytes:
    """The output of one request; of lines, the requested columns."""
    if isinstance(content, Path):
        return _response(job, server, content)
    processing = DataProcessing.of(job.request)
    try:
        response = _response(job, server, processing.request(content))
        return processing.result(content, response)
    except ValueError as error:
        raise ObjectFailed(f"ClientError: {error}") from error


def _check_size(what: str, size: int, limits: Limits) -> None:
    if limits.megabytes and size > limits.megabytes * MEGABYTE:
        raise ObjectFailed(
            f"ClientError: {what} has {size} bytes, more than MaxPayloadInMB ({limits.megabytes})"
        )


def _response(job: Job, server: ModelServer, content: bytes | Path) -> bytes:
    """The response to one request, which is repeated where that may help."""
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
        answer = server.invoke(sent, headers, seconds)
    except NoAnswer as silence:
        of = _of(silence.container)
        if silence.timed_out:
            raise ObjectFailed(
                f"Model server{of} did not respond to /invocations request within {seconds} seconds"
            ) from None
        raise ObjectFailed(f"Unable to get response from algorithm{of}: {silence}") from None
    response = answer.response
    if response.is_success:
        return response.content
    head = "Bad HTTP status received from algorithm"
    if response.status_code < 500:
        head = "ClientError"
    raise ObjectFailed(
        f"{head}: {response.status_code}{_of(answer.container)}",
        "",
        "Message:",
        *response.text.splitlines(),
    )


def _of(container: str) -> str:
    """What a message has of the container that failed; nothing where there is only one."""
    return "" if container == PRIMARY else f" ({container})"


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
