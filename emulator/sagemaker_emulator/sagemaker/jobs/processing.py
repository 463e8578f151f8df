"""Processing jobs: the operations, and how one ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.aws.dispatch import Response, operation
from sagemaker_emulator.sagemaker.jobs import documents, processing_container
from sagemaker_emulator.sagemaker.jobs.job import MAX_RUNTIME, REASON_LENGTH, Job
from sagemaker_emulator.sagemaker.jobs.kinds import PROCESSING
from sagemaker_emulator.storage.store import Document

if TYPE_CHECKING:
    from types_boto3_sagemaker import type_defs as types


@operation("CreateProcessingJob")
def create_processing_job(
    context: Context, request: types.CreateProcessingJobRequestTypeDef
) -> Response:
    """Create the job and start it."""
    return documents.create(context, PROCESSING, request, processing_container.problem(request))


@operation("DescribeProcessingJob")
def describe_processing_job(
    context: Context, request: types.DescribeProcessingJobRequestTypeDef
) -> Response:
    """The job as it was created, and how far it is."""
    return documents.get(context, PROCESSING, request["ProcessingJobName"])


@operation("ListProcessingJobs")
def list_processing_jobs(
    context: Context, request: types.ListProcessingJobsRequestTypeDef
) -> Response:
    """Jobs by part of the name, status and time."""
    return documents.list_page(context, PROCESSING, request)


@operation("StopProcessingJob")
def stop_processing_job(
    context: Context, request: types.StopProcessingJobRequestTypeDef
) -> Response:
    """SIGTERM to the container, SIGKILL 20 seconds later (120 on AWS)."""
    documents.stop(context, PROCESSING, request["ProcessingJobName"])
    return {}


@operation("DeleteProcessingJob")
def delete_processing_job(
    context: Context, request: types.DeleteProcessingJobRequestTypeDef
) -> Response:
    """Forget a job that has ended."""
    documents.delete(context, PROCESSING, request["ProcessingJobName"])
    return {}


def run(job: Job) -> Document:
    """Run a job to its end and return what then changes in its document."""
    ended, message = processing_container.run(job)
    if ended.stopped == MAX_RUNTIME:
        seconds = job.request["StoppingCondition"]["MaxRuntimeInSeconds"]
        message = message or f"The job ran longer than MaxRuntimeInSeconds ({seconds})."
    changes: Document = {"ExitMessage": message} if message else {}
    if ended.stopped:
        return {"ProcessingJobStatus": "Stopped", **changes}
    if ended.code:
        changes.setdefault("ExitMessage", "\n".join(ended.tail)[-REASON_LENGTH:])
        reason = ended.reason(message)
        return {"ProcessingJobStatus": "Failed", "FailureReason": reason, **changes}
    return {"ProcessingJobStatus": "Completed", **changes}
