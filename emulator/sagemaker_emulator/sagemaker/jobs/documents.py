"""The documents of jobs: created, read, and ended where a server was killed."""

import shutil
import time
from collections.abc import Mapping
from typing import Any

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.errors import in_use, invalid
from sagemaker_emulator.sagemaker import tags
from sagemaker_emulator.sagemaker.experiments import job_components
from sagemaker_emulator.sagemaker.jobs import status_events
from sagemaker_emulator.sagemaker.jobs.kinds import RUNNING, TRAINING, JobKind
from sagemaker_emulator.sagemaker.jobs.status import status_changes
from sagemaker_emulator.storage.store import Document

INTERRUPTED = (
    "InternalServerError: the emulator stopped while the job ran; its container was ended. Only "
    "checkpoints and what is uploaded continuously are in S3. Create the job again, under another "
    "name."
)


def create(
    context: Context, kind: JobKind, request: Mapping[str, Any], problem: str, **members: object
) -> dict[str, str]:
    """Create a job's document and start the job.

    Args:
        context: the server.
        kind: the job's kind.
        request: the Create request.
        problem: why the request cannot be run here, or an empty string.
        members: what the document holds beside the request.

    Returns:
        The Create operation's response.

    Raises:
        ApiError: the request cannot be run here, or the name is taken.
    """
    if problem:
        raise invalid(problem)
    name = request[kind.name_key]
    arn = context.arn(kind.resource, name)
    now = time.time()
    kept = {key: value for key, value in request.items() if key != "Tags"}
    document: Document = {
        **kept,
        "Request": kept,
        kind.arn_key: arn,
        kind.status_key: "InProgress",
        "CreationTime": now,
        "LastModifiedTime": now,
        **members,
    }
    with context.store.transaction():
        if not context.store.create(kind.resource, name, document):
            raise in_use(
                "Job name must be unique within an AWS account and region, and a job with this "
                f"name already exists ({arn})"
            )
        tags.add(context, arn, request.get("Tags"))
        job_components.begin(context, kind, document)
    status_events.emit_status(context, kind, document)
    context.jobs.begin(kind.resource, document)
    return {kind.arn_key: arn}


def get(context: Context, kind: JobKind, name: str) -> Document:
    """A job's document.

    Raises:
        ApiError: a ValidationException, which SageMaker returns here in place of the documented
            ResourceNotFound, and its waiters expect; clients match these words.
    """
    document = context.store.get(kind.resource, name)
    if document is None:
        if kind == TRAINING:
            raise invalid(f"Requested resource not found: there is no training job {name}.")
        raise invalid(f"Could not find requested job with name: {name}")
    return document


def fail_interrupted(context: Context, kind: JobKind) -> None:
    """Mark as Failed what ran when the previous server of this state ended; delete its folders."""
    for folder in (context.state / "jobs").glob(f"{kind.resource}-*"):
        shutil.rmtree(folder, ignore_errors=True)
    for document in context.store.list(kind.resource):
        if document[kind.status_key] in RUNNING:
            changes = status_changes(document, kind, "Failed", FailureReason=INTERRUPTED)
            with context.store.transaction():  # a kill here leaves both for the next start
                ended = context.store.update(kind.resource, document[kind.name_key], **changes)
                job_components.end(context, kind, ended)
