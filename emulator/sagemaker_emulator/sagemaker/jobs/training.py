"""Training jobs: how one is created, and how it ends."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.aws.dispatch import Response, operation
from sagemaker_emulator.aws.members import paths
from sagemaker_emulator.errors import invalid
from sagemaker_emulator.sagemaker.experiments import job_components
from sagemaker_emulator.sagemaker.jobs import documents, training_container, warm_pool
from sagemaker_emulator.sagemaker.jobs.job import MAX_RUNTIME, Job, JobStopped
from sagemaker_emulator.sagemaker.jobs.kinds import TRAINING
from sagemaker_emulator.sagemaker.jobs.status import secondary_changes
from sagemaker_emulator.storage import s3_files
from sagemaker_emulator.storage.store import Document

if TYPE_CHECKING:
    from types_boto3_sagemaker import type_defs as types


@operation(
    "CreateTrainingJob",
    honours=paths(training_container.HONOURED + job_components.HONOURED),
    keeps=paths(training_container.KEPT),
)
def create_job(context: Context, request: types.CreateTrainingJobRequestTypeDef) -> Response:
    """Create the job and start it."""
    problem = (
        training_container.problem(request)
        or _no_image(context, request)
        or _empty_channel(context, request)
    )
    created = documents.create(context, TRAINING, request, problem, **secondary_changes("Starting"))
    warm_pool.reuse(context, request["TrainingJobName"], request)
    return created


@operation(
    "UpdateTrainingJob", honours=paths("TrainingJobName ResourceConfig{KeepAlivePeriodInSeconds}")
)
def update_job(context: Context, request: types.UpdateTrainingJobRequestTypeDef) -> Response:
    """Keep the warm pool of a job that has ended for longer or shorter; for 0 seconds, end it."""
    name = request["TrainingJobName"]
    with context.store.transaction():
        document = documents.get(context, TRAINING, name)
        pool = warm_pool.status_of(document, time.time())
        if pool is None or pool["Status"] != "Available":
            status = "no warm pool" if pool is None else f"a warm pool that is {pool['Status']}"
            raise invalid(f"The training job {name} has {status}; only an Available one changes.")
        if "ResourceConfig" in request:
            seconds = request["ResourceConfig"]["KeepAlivePeriodInSeconds"]
            if seconds:
                changed = {**document["ResourceConfig"], "KeepAlivePeriodInSeconds": seconds}
                context.store.update(TRAINING.resource, name, ResourceConfig=changed)
            else:
                warm_pool.end(context, name)
    return {TRAINING.arn_key: document[TRAINING.arn_key]}


def _no_image(context: Context, request: types.CreateTrainingJobRequestTypeDef) -> str:
    """Why there is no such image, or an empty string; SageMaker looks before it creates a job."""
    problem = context.containers.problem(request["AlgorithmSpecification"]["TrainingImage"])
    return f"Cannot find the requested image: {problem}" if problem else ""


def _empty_channel(context: Context, request: types.CreateTrainingJobRequestTypeDef) -> str:
    """Why there are no data, or an empty string; SageMaker looks before it creates a job.

    Raises:
        ApiError: A channel's URI is none, or leads out of its bucket.
    """
    for channel in request.get("InputDataConfig", []):
        uri = channel["DataSource"]["S3DataSource"]["S3Uri"]  # `problem` allows no other source
        if not context.s3.anything_under(uri):
            return s3_files.nothing_under(uri, request["RoleArn"], context.region)
    return ""


def run(job: Job) -> Document:
    """Run a job to its end and return what then changes in its document."""

    def show_progress(status: str) -> None:
        def changes(document: Document) -> Document:
            if document["SecondaryStatus"] == "Stopping":
                return {}  # it stays Stopping while its output is uploaded
            return secondary_changes(status, document["SecondaryStatusTransitions"])

        job.inform(changes)

    try:
        ended, changes = training_container.run(job, show_progress)
    except JobStopped:
        if job.stopped != MAX_RUNTIME:
            raise
        return {"TrainingJobStatus": "Stopped", "SecondaryStatus": MAX_RUNTIME}
    if ended.stopped:
        changes.pop("FailureReason", None)
        if job.stopped == MAX_RUNTIME:
            changes["SecondaryStatus"] = MAX_RUNTIME
        return {"TrainingJobStatus": "Stopped", **changes}
    return {"TrainingJobStatus": "Failed" if ended.code else "Completed", **changes}
