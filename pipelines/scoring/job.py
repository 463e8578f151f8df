"""The transform jobs that count images, with what they need: uploaded images and a model."""

import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from model_registry.versions import APPROVED, ModelVersion, create_model, describe_approved
from pipelines import NAME
from pipelines.errors import UserError
from pipelines.scoring.images import Found
from pipelines.serving.package_group import find, newest
from pipelines.settings.model import Settings

if TYPE_CHECKING:
    import boto3

# Many images under way let the server count them together; times the payload, AWS allows 100 MB.
TOGETHER, MEGABYTES = 16, 6
RUNNING = ("InProgress", "Stopping")
LOG_GROUP = "/aws/sagemaker/TransformJobs"


class ScoringError(UserError):
    """The images could not be counted."""


@dataclass(frozen=True)
class TransformJob:
    """One job: the images of one content type.

    Attributes:
        name: The job's name.
        kind: The content type.
        images: Their names below `source`.
        source: The s3:// prefix of the images, ending in "/".
        output: The s3:// prefix of the answers, ending in "/".
        uploaded: Whether the images were put there for this job.
    """

    name: str
    kind: str
    images: tuple[str, ...]
    source: str
    output: str
    uploaded: bool

    @property
    def log(self) -> str:
        """Where its container and SageMaker wrote."""
        return f"{LOG_GROUP} {self.name}"


def choose(client: Any, number: int | None) -> ModelVersion:
    """The version of that number, or the newest approved one.

    Args:
        client: A boto3 SageMaker client.
        number: A version's number, or None.

    Raises:
        RegistryError: There is no such version, or it is not approved.
        ScoringError: No version is approved.
    """
    if number is not None:
        return describe_approved(client, find(client, NAME, number).arn)
    version = newest(client, NAME, APPROVED)
    if version is None:
        raise ScoringError(
            f"No version of {NAME} is approved, and only an approved version counts in batch. "
            "`python pipeline.py models` lists the versions, `python pipeline.py approve` approves."
        )
    return version


def plan(settings: Settings, version: ModelVersion, found: Found) -> tuple[TransformJob, ...]:
    """The jobs for what was found, one for each content type, under names nobody has used."""
    moment = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    stem = f"{NAME}-score-v{version.version}-{moment}-{uuid.uuid4().hex[:4]}"
    jobs = []
    for kind, names in found.of_kind().items():
        name = f"{stem}-{kind.partition('/')[2]}"
        place = f"s3://{settings.bucket_name}/{NAME}/scores/{name}"
        source = found.address or f"{place}/input/"
        jobs.append(TransformJob(name, kind, names, source, f"{place}/output/", not found.address))
    return tuple(jobs)


def upload(session: "boto3.Session", settings: Settings, found: Found, job: TransformJob) -> None:
    """Put the images of a local folder where the job reads them."""
    from pipelines.upload import objects

    if found.folder is not None:
        prefix = _key(job.source)
        files = {prefix + name: found.folder / name for name in job.images}
        store = objects.open_bucket(session, settings)
        objects.put_files(store, files, dict.fromkeys(files, job.kind))


def request(job: TransformJob, model: str, instance_type: str) -> dict[str, Any]:
    """The CreateTransformJob request."""
    source = {"S3DataType": "S3Prefix", "S3Uri": job.source}
    return {
        "TransformJobName": job.name,
        "ModelName": model,
        "MaxConcurrentTransforms": TOGETHER,
        "MaxPayloadInMB": MEGABYTES,
        "TransformInput": {
            "DataSource": {"S3DataSource": source},
            "ContentType": job.kind,
            "SplitType": "None",
        },
        "TransformOutput": {"S3OutputPath": job.output, "Accept": "application/json"},
        "TransformResources": {"InstanceType": instance_type, "InstanceCount": 1},
        "Tags": [{"Key": "project", "Value": NAME}],
    }


def run(
    session: "boto3.Session",
    settings: Settings,
    version: ModelVersion,
    found: Found,
    show: Callable[[str, float], None],
    *,
    keep: bool = False,
) -> dict[TransformJob, dict[str, Any]]:
    """Upload the images, make the model, run the jobs to their end, and clear up.

    Args:
        session: The target's session.
        settings: Resolved settings.
        version: The model version that counts.
        found: The images.
        show: Called again and again with what is going on and for how many seconds.
        keep: Leave the model and the uploaded images there.

    Returns:
        DescribeTransformJob's answer for each job; an object that failed makes its job Failed.

    Raises:
        ScoringError: A job was stopped.
    """
    client = session.client("sagemaker")
    jobs = plan(settings, version, found)
    model = jobs[0].name.rpartition("-")[0]
    started: list[TransformJob] = []
    made = False
    try:
        for job in jobs:
            upload(session, settings, found, job)
        create_model(client, model, version, settings.role_arn)
        made = True
        for job in jobs:
            client.create_transform_job(**request(job, model, settings.instances.inference))
            started.append(job)
        return _wait(client, started, show)
    except BaseException:  # Ctrl-C too: nobody waits for the answers any more
        _stop(client, started)
        raise
    finally:
        if not keep:
            with _said_if_it_fails(show):
                if made:
                    client.delete_model(ModelName=model)
                _delete_uploads(session, settings, jobs)


@contextmanager
def _said_if_it_fails(show: Callable[[str, float], None]) -> Iterator[None]:
    """Around clearing up, which must not cost the answers that are there."""
    import obstore.exceptions

    try:
        yield
    except (ClientError, obstore.exceptions.BaseError) as error:
        show(f"Not everything could be cleared up: {error}", 0.0)


def _wait(
    client: Any, jobs: list[TransformJob], show: Callable[[str, float], None]
) -> dict[TransformJob, dict[str, Any]]:
    began = time.monotonic()
    while True:
        now = {job: client.describe_transform_job(TransformJobName=job.name) for job in jobs}
        statuses = [str(described["TransformJobStatus"]) for described in now.values()]
        seconds = time.monotonic() - began
        words = [
            f"{job.name} ({len(job.images)} image{'s' * (len(job.images) > 1)}) is {status}"
            for job, status in zip(now, statuses, strict=True)
        ]
        show("; ".join(words), seconds)
        if not set(statuses) & set(RUNNING):
            break
        time.sleep(min(5.0, 0.5 + seconds / 60))
    for job, status in zip(now, statuses, strict=True):
        if status == "Stopped":
            raise ScoringError(f"Transform job {job.name} was stopped before its end.")
    return now


def _stop(client: Any, jobs: list[TransformJob]) -> None:
    for job in jobs:
        described = client.describe_transform_job(TransformJobName=job.name)
        if described["TransformJobStatus"] == "InProgress":
            client.stop_transform_job(TransformJobName=job.name)


def _delete_uploads(
    session: "boto3.Session", settings: Settings, jobs: tuple[TransformJob, ...]
) -> None:
    import obstore

    from pipelines.upload import objects

    store = objects.open_bucket(session, settings)
    for job in jobs:
        if job.uploaded:
            prefix = _key(job.source)
            there = [entry["path"] for page in obstore.list(store, prefix=prefix) for entry in page]
            if there:
                obstore.delete(store, there)


def _key(address: str) -> str:
    """`s3://bucket/a/b/` -> `a/b/`."""
    return address.split("/", 3)[3]
