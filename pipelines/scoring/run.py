"""Run transform jobs: upload the images, create the model, wait, and delete both again."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from model_registry.versions import ModelVersion, create_model
from pipelines.provisioning import promoter
from pipelines.scoring.images import ImageSet
from pipelines.scoring.job import ScoringError, TransformJob, plan, request
from pipelines.scoring.records import Records
from pipelines.serving.stock_record import StockRecord
from pipelines.settings.model import Settings

if TYPE_CHECKING:
    import boto3
    from obstore.store import S3Store
    from types_boto3_sagemaker import SageMakerClient

RUNNING = ("InProgress", "Stopping")
# Called repeatedly with the jobs' statuses, and the seconds that they have run.
ShowProgress = Callable[[str, float], None]


def run(
    session: "boto3.Session",
    settings: Settings,
    version: ModelVersion,
    images: ImageSet,
    records: Records,
    show: ShowProgress,
    *,
    keep: bool = False,
) -> dict[TransformJob, str]:
    """Count images with transform jobs, and wait until they end; an interrupt stops the jobs.

    `records` are sent beside their images. `keep` keeps the SageMaker model and the uploads.

    Returns:
        Why each job failed, or ""; SageMaker fails a job when a single image failed.

    Raises:
        ScoringError: A job was stopped.
    """
    from pipelines.upload.objects import open_bucket

    client, store = session.client("sagemaker"), open_bucket(session, settings)
    jobs = plan(settings, version, images, records)
    model = jobs[0].name.rpartition("-")[0]
    started: list[TransformJob] = []
    model_created = False
    try:
        for job in jobs:
            _upload(session, store, images, records, job)
        network = promoter.security(settings).of_model
        create_model(client, model, version, settings.role_arn, settings.tag_list, network)
        model_created = True
        for job in jobs:
            client.create_transform_job(**request(job, model, settings))
            started.append(job)
        return _wait(client, started, show)
    except BaseException:  # an interrupt too: nobody waits for the answers any more
        _stop(client, started)
        raise
    finally:
        if not keep:
            with _report_failure(show):
                if model_created:
                    client.delete_model(ModelName=model)
                _delete_uploads(store, jobs)


@contextmanager
def _report_failure(show: ShowProgress) -> Iterator[None]:
    """Report that the deletion failed, without losing the answers that are there."""
    import obstore.exceptions

    try:
        yield
    except (ClientError, obstore.exceptions.BaseError) as error:
        show(f"The model or the uploaded images could not all be deleted: {error}", 0.0)


def _wait(
    client: "SageMakerClient", jobs: Sequence[TransformJob], show: ShowProgress
) -> dict[TransformJob, str]:
    began = time.monotonic()
    while True:
        jobs_now = {job: client.describe_transform_job(TransformJobName=job.name) for job in jobs}
        statuses = {job: described["TransformJobStatus"] for job, described in jobs_now.items()}
        seconds = time.monotonic() - began
        parts = [
            f"{job.name} ({len(job.images)} image{'s' * (len(job.images) > 1)}) is {status}"
            for job, status in statuses.items()
        ]
        show("; ".join(parts), seconds)
        if not set(statuses.values()) & set(RUNNING):
            break
        time.sleep(min(5.0, 0.5 + seconds / 60))
    for job, status in statuses.items():
        if status == "Stopped":
            raise ScoringError(f"Transform job {job.name} was stopped before it ended.")
    return {job: described.get("FailureReason", "") for job, described in jobs_now.items()}


def _stop(client: "SageMakerClient", jobs: Sequence[TransformJob]) -> None:
    for job in jobs:
        described = client.describe_transform_job(TransformJobName=job.name)
        if described["TransformJobStatus"] == "InProgress":
            client.stop_transform_job(TransformJobName=job.name)


def _upload(
    session: "boto3.Session",
    store: "S3Store",
    images: ImageSet,
    records: Records,
    job: TransformJob,
) -> None:
    """Upload the requests of a job to its source prefix: images, or JSON with their records."""
    from pipelines.upload.objects import put_files

    if not job.uploaded:
        return
    s3 = session.client("s3") if images.address else None

    def read(image: str) -> bytes:
        if images.folder is not None:
            return (images.folder / image).read_bytes()
        assert s3 is not None
        bucket, _, prefix = images.address.removeprefix("s3://").partition("/")
        return s3.get_object(Bucket=bucket, Key=prefix + image)["Body"].read()

    def content(image: str) -> Path | Callable[[], bytes]:
        if job.with_records:
            return lambda: records.get(image, StockRecord()).request(read(image))
        assert images.folder is not None
        return images.folder / image

    files = {_key(job.source) + job.key(image): content(image) for image in job.images}
    put_files(store, files, dict.fromkeys(files, job.content_type))


def _delete_uploads(store: "S3Store", jobs: Sequence[TransformJob]) -> None:
    import obstore

    for job in jobs:
        if job.uploaded:
            pages = obstore.list(store, prefix=_key(job.source))
            if keys := [entry["path"] for page in pages for entry in page]:
                obstore.delete(store, keys)


def _key(address: str) -> str:
    """`s3://bucket/a/b/` -> `a/b/`."""
    return address.split("/", 3)[3]
