"""The documents of jobs: made, read, ended for an emulator that went away, and forgotten."""

import shutil
import time
from typing import Any

from sagemaker_emulator.aws.dispatch import Context
from sagemaker_emulator.errors import in_use, invalid

INTERRUPTED = (
    "InternalServerError: the emulator stopped while the job ran; its container was ended and "
    "nothing of it was uploaded. Create the job again, under another name."
)


def name_key(kind: str) -> str:
    """`processing-job` -> `ProcessingJobName`."""
    return kind.title().replace("-", "") + "Name"


def create(
    context: Context, kind: str, request: dict[str, Any], problem: str, **document: Any
) -> dict[str, Any]:
    """Keep the document of a new job.

    Raises:
        ApiError: the request cannot be run here, or the name is taken.
    """
    if problem:
        raise invalid(problem)
    key = name_key(kind)
    arn = context.arn(kind, request[key])
    now = time.time()
    kept = {name: value for name, value in request.items() if name != "Tags"}
    made = {
        **kept,
        "Request": kept,
        key.replace("Name", "Arn"): arn,
        "CreationTime": now,
        "LastModifiedTime": now,
        **document,
    }
    with context.store.transaction():
        if not context.store.create(kind, request[key], made):
            raise in_use(
                "Job name must be unique within an AWS account and region, and a job with this "
                f"name already exists ({arn})"
            )
        context.tag(arn, request.get("Tags"))
    return made


def get(context: Context, kind: str, name: str) -> dict[str, Any]:
    """A job's document.

    Raises:
        ApiError: a ValidationException, which SageMaker answers here in place of the documented
            ResourceNotFound, and its waiters expect; clients know it by these words.
    """
    document = context.store.get(kind, name)
    if document is None:
        if kind == "training-job":
            raise invalid(f"Requested resource not found: there is no training job {name}.")
        raise invalid(f"Could not find requested job with name: {name}")
    return document


def delete(context: Context, kind: str, name: str) -> None:
    """Forget a job that has ended.

    Raises:
        ApiError: there is no such job, or it has not ended.
    """
    document = get(context, kind, name)
    if document[name_key(kind).replace("Name", "Status")] in ("InProgress", "Stopping"):
        raise in_use(f"The job {name} has not ended; stop it first.")
    context.store.delete(kind, name)
    context.store.delete("tags", document[name_key(kind).replace("Name", "Arn")])


def interrupted(context: Context, kind: str, **changes: Any) -> None:
    """Mark as Failed what ran when the previous server of this state ended; delete its folders."""
    for folder in (context.state / "jobs").glob(f"{kind}-*"):
        shutil.rmtree(folder, ignore_errors=True)
    status = name_key(kind).replace("Name", "Status")
    for document in context.store.list(kind):
        if document[status] in ("InProgress", "Stopping"):
            failed = ended_now(kind, INTERRUPTED)
            context.store.update(kind, document[name_key(kind)], **failed, **changes)


def ended_now(kind: str, reason: str) -> dict[str, Any]:
    """What changes in the document of a job that fails now."""
    now = time.time()
    status = name_key(kind).replace("Name", "Status")
    end = name_key(kind).replace("JobName", "EndTime")
    return {status: "Failed", end: now, "FailureReason": reason, "LastModifiedTime": now}
