"""Batch transform: each object of a prefix is posted, whole or by lines, to the job's container.

Contract: SageMaker developer guide, "Custom Inference Code with Batch Transform", and the API
reference of CreateTransformJob. An object that fails does not end the job: the others are
transformed and their results kept, the job is then Failed, and its data log has which object
failed and why.
"""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sagemaker_emulator.errors import JobFailed
from sagemaker_emulator.sagemaker.endpoints.model_server import ModelServer
from sagemaker_emulator.sagemaker.endpoints.served_model import ServedModel
from sagemaker_emulator.sagemaker.jobs.channels import objects_of
from sagemaker_emulator.sagemaker.jobs.job import Job
from sagemaker_emulator.sagemaker.jobs.kinds import TRANSFORM
from sagemaker_emulator.sagemaker.transform.columns import DataProcessing
from sagemaker_emulator.sagemaker.transform.objects import (
    STRATEGIES,
    Limits,
    ObjectFailed,
    limits_of,
    transform,
)
from sagemaker_emulator.storage import s3_files

HONOURED = """
    TransformJobName ModelName MaxConcurrentTransforms ModelClientConfig MaxPayloadInMB
    BatchStrategy Environment TransformInput DataCaptureConfig DataProcessing Tags
    TransformOutput{S3OutputPath Accept AssembleWith}
"""
KEPT = """
    TransformOutput{KmsKeyId}
    TransformResources{InstanceType InstanceCount VolumeKmsKeyId TransformAmiVersion}
"""
MOST = 100  # MB under way at once, and of one object
WATCH = 0.2  # seconds between two checks whether the job was stopped
SEE_LOGS = "See job logs for more information"


def problem(request: Mapping[str, Any]) -> str:
    """Why a CreateTransformJob request cannot be run here, or an empty string."""
    source = request["TransformInput"]
    megabytes, together = request.get("MaxPayloadInMB"), request.get("MaxConcurrentTransforms")
    if source["DataSource"]["S3DataSource"]["S3DataType"] not in ("S3Prefix", "ManifestFile"):
        return "TransformInput: S3DataType must be S3Prefix or ManifestFile."
    if request.get("DataCaptureConfig"):
        return (
            "DataCaptureConfig is not supported by the emulator: leave it out; TransformInput and "
            "TransformOutput have what it would capture."
        )
    if (megabytes or 0) > MOST:
        return f"MaxPayloadInMB is {megabytes}; it cannot be greater than {MOST}."
    if (megabytes or 0) * (together or 0) > MOST:
        return (
            f"MaxConcurrentTransforms * MaxPayloadInMB is {together} * {megabytes}; it cannot be "
            f"greater than {MOST}."
        )
    return DataProcessing.of(request).problem(request)


def run(job: Job, model: ServedModel) -> None:
    """Transform every object: the responses are in S3 as `<key>.out` when this ends.

    Args:
        job: the job.
        model: what its container serves.

    Raises:
        JobFailed: there is no input, the container does not start, or an object failed; the
            results of the others are in S3.
        JobStopped: the job was stopped; nothing of it is in S3.
    """
    request = job.request
    source = request["TransformInput"]["DataSource"]["S3DataSource"]
    objects = objects_of(job.s3, source["S3Uri"], source["S3DataType"])

    def log(container: str, lines: list[str]) -> None:
        stream = "/".join(filter(None, (job.stream, container)))
        job.context.logs.append(TRANSFORM.log_group, stream, lines)

    if not objects:
        raise JobFailed(f'ClientError: No S3 objects found under S3 URL "{source["S3Uri"]}".')
    server = ModelServer(
        job.context, job.name, model, job.folder / "server", log, _environment(request)
    )
    with tempfile.TemporaryDirectory(dir=job.folder) as folder, _serving(job, server):
        limits = limits_of(request, server)
        _log_data(job, str(limits))
        results = Path(folder)
        failed = _transform_all(job, server, limits, objects, results)
        job.check()
        uri = request["TransformOutput"]["S3OutputPath"]
        s3_files.upload(job.s3, results, uri)
    if failed:
        name, error = failed[0]
        raise JobFailed(
            f"{error.blame}: {SEE_LOGS}. {len(failed)} of {len(objects)} objects failed, "
            f"the first of them {name}: {error}"
        )


@contextmanager
def _serving(job: Job, server: ModelServer) -> Iterator[None]:
    """The server up; ended with the block, and within it as soon as the job is stopped.

    Raises:
        JobFailed: it does not come up.
    """
    over = threading.Event()

    def watch() -> None:
        while not over.wait(WATCH):
            if job.stopped is not None:
                server.stop()  # so that no response under way is waited for
                return

    watching = threading.Thread(target=watch, name=f"stop {job.name}", daemon=True)
    try:
        try:
            server.start(check=job.check)
        except JobFailed as error:
            raise JobFailed(str(error).replace("this endpoint", "this transform job")) from None
        watching.start()
        yield
    finally:
        over.set()
        if watching.is_alive():
            watching.join()
        server.stop()


def _transform_all(
    job: Job,
    server: ModelServer,
    limits: Limits,
    objects: list[tuple[str, Path]],
    results: Path,
) -> list[tuple[str, ObjectFailed]]:
    """Transform the objects, some at once, and return which failed, in the order of the keys."""
    failed: dict[str, ObjectFailed] = {}
    with ThreadPoolExecutor(limits.together, thread_name_prefix=job.name) as pool:
        under_way = {
            pool.submit(transform, job, server, limits, file, results / f"{name}.out"): (
                name,
                file,
            )
            for name, file in objects
        }
        try:
            for done in as_completed(under_way):
                name, file = under_way[done]
                error = done.exception()
                if isinstance(error, ObjectFailed):
                    failed[name] = error
                    path = file.relative_to(job.s3)
                    _log_data(job, *(f"{path}: {line}" for line in error.lines))
                elif error is not None:
                    raise error
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return [(name, failed[name]) for name, _ in objects if name in failed]


def _environment(request: Mapping[str, Any]) -> dict[str, str]:
    """The variables of the job; none for a member that the request leaves out."""
    environment = {"SAGEMAKER_BATCH": "true"}
    if "MaxPayloadInMB" in request:
        environment["SAGEMAKER_MAX_PAYLOAD_IN_MB"] = str(request["MaxPayloadInMB"])
    if request.get("MaxConcurrentTransforms"):
        together = str(request["MaxConcurrentTransforms"])
        environment["SAGEMAKER_MAX_CONCURRENT_TRANSFORMS"] = together
    if "BatchStrategy" in request:
        environment["SAGEMAKER_BATCH_STRATEGY"] = STRATEGIES[request["BatchStrategy"]]
    return environment | dict(request.get("Environment", {}))


def _log_data(job: Job, *lines: str) -> None:
    """Add lines to the job's data log, each with SageMaker's head."""
    now = datetime.now(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00")
    texts = [f"{now}:[sagemaker logs]: {line}" for line in lines]
    job.context.logs.append(TRANSFORM.log_group, f"{job.stream}/data-log", texts)
