"""Batch transform: each object of a prefix is posted, whole or by lines, to the job's container.

Contract: SageMaker developer guide, "Custom Inference Code with Batch Transform", and the API
reference of CreateTransformJob. An object that fails does not end the job: the others are
transformed and their results kept, the job is then Failed, and its data log says which object
failed and why.
"""

import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sagemaker_emulator.sagemaker.endpoints.model_server import ModelServer, ServedModel
from sagemaker_emulator.sagemaker.jobs.job import Job, LogLines
from sagemaker_emulator.sagemaker.transform.columns import DataProcessing
from sagemaker_emulator.sagemaker.transform.objects import (
    STRATEGIES,
    Limits,
    ObjectFailed,
    limits_of,
    transform,
)
from sagemaker_emulator.storage import s3_files
from sagemaker_emulator.storage.s3_files import JobFailed

MOST = 100  # MB under way at once, and of one object
WATCH = 0.2  # seconds between two looks at whether the job was stopped
SEE_LOGS = "See job logs for more information"


def problem(request: dict[str, Any]) -> str:
    """Why a CreateTransformJob request cannot be run here, or an empty string."""
    given = request["TransformInput"]
    megabytes, together = request.get("MaxPayloadInMB"), request.get("MaxConcurrentTransforms")
    if given["DataSource"]["S3DataSource"]["S3DataType"] != "S3Prefix":
        return "TransformInput: S3DataType must be S3Prefix in the emulator."
    if given.get("SplitType", "None") not in ("None", "Line"):
        return "TransformInput: SplitType must be None or Line in the emulator."
    if given.get("CompressionType", "None") != "None":
        return "TransformInput: CompressionType must be None in the emulator."
    if request.get("DataCaptureConfig"):
        return "DataCaptureConfig is not supported by the emulator."
    if request["TransformResources"]["InstanceCount"] != 1:
        return "TransformResources.InstanceCount: the emulator runs one instance."
    if (megabytes or 0) > MOST:
        return f"MaxPayloadInMB is {megabytes}; it cannot be greater than {MOST}."
    if (megabytes or 0) * (together or 0) > MOST:
        return (
            f"MaxConcurrentTransforms * MaxPayloadInMB is {together} * {megabytes}; it cannot be "
            f"greater than {MOST}."
        )
    return DataProcessing.of(request).problem(request)


def run(job: Job, model: ServedModel, data_log: LogLines) -> None:
    """Transform every object: the answers are in S3 as `<key>.out` when this ends.

    Args:
        job: the job.
        model: what its container serves.
        data_log: takes the lines about single objects.

    Raises:
        JobFailed: there is no input, the container does not start, or an object failed; the
            results of the others are in S3.
        JobStopped: the job was stopped; nothing of it is in S3.
    """
    place, request = job.place, job.request
    source = request["TransformInput"]["DataSource"]["S3DataSource"]["S3Uri"]
    found = list(s3_files.find(place.s3, source))
    if not found:
        raise JobFailed(f'ClientError: No S3 objects found under S3 URL "{source}".')
    server = ModelServer(
        job.name,
        model,
        job.folder / "server",
        place.runtime,
        place.s3,
        job.log,
        _environment(request),
    )
    with tempfile.TemporaryDirectory(dir=job.folder) as folder, _serving(job, server):
        limits = limits_of(request, server)
        data_log([_said(str(limits))])
        results = Path(folder)
        failed = _transform_all(job, server, limits, found, results, data_log)
        job.check()
        uri = request["TransformOutput"]["S3OutputPath"]
        s3_files.upload(place.s3, results, uri)
        place.refresh(uri)
    if failed:
        name, error = failed[0]
        raise JobFailed(
            f"{error.blame}: {SEE_LOGS}. {len(failed)} of {len(found)} objects failed, "
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
                server.stop()  # so that no answer under way is waited for
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
    found: list[tuple[str, Path]],
    results: Path,
    data_log: LogLines,
) -> list[tuple[str, ObjectFailed]]:
    """Transform the objects, so many at once, and answer which failed, in the order of the keys."""
    bucket_folder = job.place.s3
    failed: dict[str, ObjectFailed] = {}
    with ThreadPoolExecutor(limits.together, thread_name_prefix=job.name) as pool:
        under_way = {
            pool.submit(transform, job, server, limits, file, results / f"{name}.out"): (
                name,
                file,
            )
            for name, file in found
        }
        try:
            for done in as_completed(under_way):
                name, file = under_way[done]
                error = done.exception()
                if isinstance(error, ObjectFailed):
                    failed[name] = error
                    place = file.relative_to(bucket_folder)
                    data_log([_said(f"{place}: {line}") for line in error.lines])
                elif error is not None:
                    raise error
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return [(name, failed[name]) for name, _ in found if name in failed]


def _environment(request: dict[str, Any]) -> dict[str, str]:
    """The variables of the job; what the request does not say, the container is not told."""
    environment = {"SAGEMAKER_BATCH": "true"}
    if "MaxPayloadInMB" in request:
        environment["SAGEMAKER_MAX_PAYLOAD_IN_MB"] = str(request["MaxPayloadInMB"])
    if request.get("MaxConcurrentTransforms"):
        together = str(request["MaxConcurrentTransforms"])
        environment["SAGEMAKER_MAX_CONCURRENT_TRANSFORMS"] = together
    if "BatchStrategy" in request:
        environment["SAGEMAKER_BATCH_STRATEGY"] = STRATEGIES[request["BatchStrategy"]]
    return environment | dict(request.get("Environment", {}))


def _said(text: str) -> str:
    """A line of the data log, as SageMaker writes it."""
    now = datetime.now(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00")
    return f"{now}:[sagemaker logs]: {text}"
