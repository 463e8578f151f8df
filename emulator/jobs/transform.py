"""Batch transform: each object of a prefix is posted to a container started for the job."""

import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx

from emulator.jobs import objects
from emulator.jobs.job import Job
from emulator.jobs.model_server import ModelServer, ServedModel
from emulator.jobs.objects import JobFailed

MEGABYTE = 1024 * 1024


def problem(request: dict[str, Any]) -> str:
    """Why a CreateTransformJob request cannot be run here, or an empty string."""
    given = request["TransformInput"]
    if given["DataSource"]["S3DataSource"]["S3DataType"] != "S3Prefix":
        return "TransformInput: S3DataType must be S3Prefix in the emulator."
    if given.get("SplitType", "None") != "None":
        return "TransformInput: SplitType must be None in the emulator; each object is a record."
    if given.get("CompressionType", "None") != "None":
        return "TransformInput: CompressionType must be None in the emulator."
    if request.get("BatchStrategy", "SingleRecord") != "SingleRecord":
        return "BatchStrategy must be SingleRecord in the emulator."
    if request.get("DataProcessing") or request.get("DataCaptureConfig"):
        return "DataProcessing and DataCaptureConfig are not supported by the emulator."
    return ""


def run(job: Job, model: ServedModel) -> None:
    """Transform every object; the answers are in S3, as `<key>.out`, when this returns.

    Raises:
        JobFailed: there is no input, the container does not start, or it refuses a record.
        JobStopped: the job was stopped.
    """
    request, place = job.request, job.place
    source = request["TransformInput"]["DataSource"]["S3DataSource"]["S3Uri"]
    found = list(objects.find(place.s3, source))
    if not found:
        raise JobFailed(f'ClientError: No S3 objects found under S3 URL "{source}".')
    concurrent = request.get("MaxConcurrentTransforms") or 1
    environment = {
        "SAGEMAKER_BATCH": "true",
        "SAGEMAKER_MAX_PAYLOAD_IN_MB": str(request.get("MaxPayloadInMB", 6)),
        "SAGEMAKER_MAX_CONCURRENT_TRANSFORMS": str(concurrent),
        **request.get("Environment", {}),
    }
    server = ModelServer(
        job.name, model, job.folder / "server", place.runtime, place.s3, job.log, environment
    )
    try:
        server.start()
        with (
            tempfile.TemporaryDirectory(dir=job.folder) as results,
            ThreadPoolExecutor(concurrent) as pool,
        ):
            done = pool.map(
                lambda item: _transform(job, server, item[0], item[1], Path(results)), found
            )
            for _ in done:
                job.check()
            objects.upload(place.s3, Path(results), request["TransformOutput"]["S3OutputPath"])
            place.refresh()
    finally:
        server.stop()


def _transform(job: Job, server: ModelServer, name: str, file: Path, results: Path) -> None:
    job.check()
    request = job.request
    limit = request.get("MaxPayloadInMB", 6)
    if limit and file.stat().st_size > limit * MEGABYTE:
        raise JobFailed(
            f"ClientError: {name} has {file.stat().st_size} bytes, more than MaxPayloadInMB "
            f"({limit})."
        )
    headers = {"accept": request["TransformOutput"].get("Accept", "*/*")}
    if kind := request["TransformInput"].get("ContentType"):
        headers["content-type"] = kind
    seconds = request.get("ModelClientConfig", {}).get("InvocationsTimeoutInSeconds", 600)
    attempts = 1 + request.get("ModelClientConfig", {}).get("InvocationsMaxRetries", 3)
    said = ""
    for _ in range(attempts):
        try:
            answer = server.client.post(
                "/invocations", content=file.read_bytes(), headers=headers, timeout=seconds
            )
        except httpx.TransportError as error:
            said = f"{type(error).__name__}: {error}"
            continue
        if answer.is_success:
            target = results / f"{name}.out"
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(answer.content)
            return
        said = f"{answer.status_code}: {answer.text}"
        if answer.status_code < 500:
            break
    raise JobFailed(f"AlgorithmError: the container refused {name}: {said}")
