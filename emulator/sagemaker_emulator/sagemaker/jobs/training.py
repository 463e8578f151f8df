"""Training jobs: the operations, and how one ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.aws.dispatch import Response, operation
from sagemaker_emulator.sagemaker.jobs import documents, training_container
from sagemaker_emulator.sagemaker.jobs.job import MAX_RUNTIME, Job
from sagemaker_emulator.sagemaker.jobs.kinds import TRAINING
from sagemaker_emulator.sagemaker.jobs.status import secondary_changes
from sagemaker_emulator.storage.store import Document

if TYPE_CHECKING:
    from types_boto3_sagemaker import type_defs as types


@operation("CreateTrainingJob")
def create_training_job(
    context: Context, request: types.CreateTrainingJobRequestTypeDef
) -> Response:
    """Create the job and start it."""
    problem = training_container.problem(request)
    return documents.create(context, TRAINING, request, problem, **secondary_changes("Starting"))


@operation("DescribeTrainingJob")
def describe_training_job(
    context: Context, request: types.DescribeTrainingJobRequestTypeDef
) -> Response:
    """The job as it was created, and how far it is."""
    return documents.get(context, TRAINING, request["TrainingJobName"])


@operation("ListTrainingJobs")
def list_training_jobs(context: Context, request: types.ListTrainingJobsRequestTypeDef) -> Response:
    """Jobs by part of the name, status and time."""
    return documents.list_page(context, TRAINING, request)


@operation("StopTrainingJob")
def stop_training_job(context: Context, request: types.StopTrainingJobRequestTypeDef) -> Response:
    """SIGTERM to the container, SIGKILL 20 seconds later (120 on AWS); the model is kept."""
    documents.stop(context, TRAINING, request["TrainingJobName"])
    return {}


@operation("DeleteTrainingJob")
def delete_training_job(
    context: Context, request: types.DeleteTrainingJobRequestTypeDef
) -> Response:
    """Forget a job that has ended."""
    documents.delete(context, TRAINING, request["TrainingJobName"])
    return {}


def run(job: Job) -> Document:
    """Run a job to its end and return what then changes in its document."""

    def show_progress(status: str) -> None:
        def changes(document: Document) -> Document:
            if document["SecondaryStatus"] == "Stopping":
                return {}  # it stays Stopping while what it made is uploaded
            return secondary_changes(status, document["SecondaryStatusTransitions"])

        job.inform(changes)

    ended, changes = training_container.run(job, show_progress)
    if ended.stopped:
        changes.pop("FailureReason", None)
        if ended.stopped == MAX_RUNTIME:
            changes["SecondaryStatus"] = MAX_RUNTIME
        return {"TrainingJobStatus": "Stopped", **changes}
    return {"TrainingJobStatus": "Failed" if ended.code else "Completed", **changes}
