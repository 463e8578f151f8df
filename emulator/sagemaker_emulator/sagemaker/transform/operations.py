"""Transform jobs: how one is created, and how it ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.aws.dispatch import Response, operation
from sagemaker_emulator.aws.members import paths
from sagemaker_emulator.sagemaker.endpoints.served_model import ServedModel
from sagemaker_emulator.sagemaker.experiments import job_components
from sagemaker_emulator.sagemaker.jobs import documents
from sagemaker_emulator.sagemaker.jobs.job import Job, JobStopped
from sagemaker_emulator.sagemaker.jobs.kinds import TRANSFORM
from sagemaker_emulator.sagemaker.registry.models import containers_of, is_direct, is_multi_model
from sagemaker_emulator.sagemaker.transform import batch
from sagemaker_emulator.storage.store import Document

if TYPE_CHECKING:
    from types_boto3_sagemaker import type_defs as types


@operation(
    "CreateTransformJob",
    honours=paths(batch.HONOURED + job_components.HONOURED),
    keeps=paths(batch.KEPT),
)
def create_job(context: Context, request: types.CreateTransformJobRequestTypeDef) -> Response:
    """Create the job and start it."""
    model = context.call("DescribeModel", ModelName=request["ModelName"])
    problem = batch.problem(request)
    if is_direct(model):
        problem = (
            f"Model {request['ModelName']} has InferenceExecutionConfig Mode Direct, which is for "
            "endpoints: create a model of the container that is to transform, or one of the Mode "
            "Serial."
        )
    if any(is_multi_model(container) for container in containers_of(model)):
        problem = (
            f"Model {request['ModelName']} has a container of Mode MultiModel, which is for "
            "endpoints: create a model whose ModelDataUrl is the one model that is to transform."
        )
    return documents.create(context, TRANSFORM, request, problem)


def run(job: Job) -> Document:
    """Run a job to its end and return what then changes in its document."""
    try:
        batch.run(job, ServedModel.describe(job.context, job.request["ModelName"]))
    except Exception:
        if job.stopped:  # its input may have been deleted right after the stop
            raise JobStopped from None
        raise
    return {"TransformJobStatus": "Completed"}
