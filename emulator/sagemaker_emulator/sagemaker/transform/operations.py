"""Transform jobs."""

import time
from typing import Any

from sagemaker_emulator.aws.dispatch import Context, operation
from sagemaker_emulator.aws.pages import page
from sagemaker_emulator.sagemaker.endpoints.model_server import ServedModel
from sagemaker_emulator.sagemaker.jobs import documents, failures, running
from sagemaker_emulator.sagemaker.jobs.job import Job, JobStopped
from sagemaker_emulator.sagemaker.transform import batch

KIND = "transform-job"
GROUP = "/aws/sagemaker/TransformJobs"


@operation("CreateTransformJob")
def create_transform_job(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Keep the job and start it."""
    context.call("DescribeModel", ModelName=request["ModelName"])
    problem = batch.problem(request)
    document = documents.create(context, KIND, request, problem, TransformJobStatus="InProgress")
    jobs = running.of(context)
    jobs.begin(KIND, document, GROUP, lambda job: _run(jobs, job))
    return {"TransformJobArn": document["TransformJobArn"]}


@operation("DescribeTransformJob")
def describe_transform_job(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """The job as it was created, and how far it is."""
    return documents.get(context, KIND, request["TransformJobName"])


@operation("ListTransformJobs")
def list_transform_jobs(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Jobs by name part, status and time."""
    return page(
        request,
        context.store.list(KIND),
        "TransformJobSummaries",
        name="TransformJobName",
        sort={"Name": "TransformJobName", "Status": "TransformJobStatus"},
        status="TransformJobStatus",
    )


@operation("StopTransformJob")
def stop_transform_job(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """End the job after the records under way."""
    running.request_stop(context, KIND, request["TransformJobName"], lambda _: {})
    return {}


def start(context: Context) -> None:
    """End what the previous server left running."""
    documents.interrupted(context, KIND)


def _run(jobs: running.Running, job: Job) -> None:
    jobs.update(KIND, job, TransformStartTime=time.time())
    changes: dict[str, Any] = {"TransformJobStatus": "Completed"}
    stream = f"{job.name}/algo-1-{int(time.time())}/data-log"
    try:
        model = ServedModel.describe(jobs.context.call, job.request["ModelName"])
        batch.run(job, model, lambda lines: jobs.context.log(GROUP, stream, lines))
    except JobStopped:
        changes["TransformJobStatus"] = "Stopped"
    except Exception as error:
        if job.stopped:  # whoever stopped it may have deleted its input at once
            changes["TransformJobStatus"] = "Stopped"
        else:
            changes["TransformJobStatus"] = "Failed"
            changes["FailureReason"] = failures.failure(job, error)
    jobs.ended(KIND, jobs.update(KIND, job, TransformEndTime=time.time(), **changes))
