"""Processing jobs: how one is created, and how it ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.aws.dispatch import Response, operation
from sagemaker_emulator.aws.members import paths
from sagemaker_emulator.sagemaker.experiments import job_components
from sagemaker_emulator.sagemaker.jobs import documents, processing_container
from sagemaker_emulator.sagemaker.jobs.instance import REASON_LENGTH
from sagemaker_emulator.sagemaker.jobs.job import MAX_RUNTIME, Job, JobStopped
from sagemaker_emulator.sagemaker.jobs.kinds import PROCESSING
from sagemaker_emulator.storage.store import Document

if TYPE_CHECKING:
    from types_boto3_sagemaker import type_defs as types


@operation(
    "CreateProcessingJob",
    honours=paths(processing_container.HONOURED + job_components.HONOURED),
    keeps=paths(processing_container.KEPT),
)
def create_job(context: Context, request: types.CreateProcessingJobRequestTypeDef) -> Response:
    """Create the job and start it."""
    return documents.create(context, PROCESSING, request, processing_container.problem(request))


def run(job: Job) -> Document:
    """Run a job to its end and return what then changes in its document."""
    try:
        ended, message = processing_container.run(job)
    except JobStopped:
        if job.stopped != MAX_RUNTIME:
            raise
        return {"ProcessingJobStatus": "Stopped", "ExitMessage": _too_long(job)}
    if ended.stopped == MAX_RUNTIME:
        message = message or _too_long(job)
    changes: Document = {"ExitMessage": message} if message else {}
    if ended.stopped:
        return {"ProcessingJobStatus": "Stopped", **changes}
    if ended.code:
        changes.setdefault("ExitMessage", "\n".join(ended.tail)[-REASON_LENGTH:])
        reason = ended.reason(message)
        return {"ProcessingJobStatus": "Failed", "FailureReason": reason, **changes}
    return {"ProcessingJobStatus": "Completed", **changes}


def _too_long(job: Job) -> str:
    seconds = job.request["StoppingCondition"]["MaxRuntimeInSeconds"]
    return f"The job ran longer than MaxRuntimeInSeconds ({seconds})."
