"""Processing jobs."""

import time
from typing import Any

from sagemaker_emulator.aws.dispatch import Context, operation
from sagemaker_emulator.aws.pages import page
from sagemaker_emulator.sagemaker.jobs import documents, failures, processing_container, running
from sagemaker_emulator.sagemaker.jobs.job import MAX_RUNTIME, Job, JobStopped

KIND = "processing-job"
GROUP = "/aws/sagemaker/ProcessingJobs"


@operation("CreateProcessingJob")
def create_processing_job(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Keep the job and start it."""
    problem = processing_container.problem(request)
    document = documents.create(context, KIND, request, problem, ProcessingJobStatus="InProgress")
    jobs = running.of(context)
    jobs.begin(KIND, document, GROUP, lambda job: _run(jobs, job))
    return {"ProcessingJobArn": document["ProcessingJobArn"]}


@operation("DescribeProcessingJob")
def describe_processing_job(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """The job as it was created, and how far it is."""
    return documents.get(context, KIND, request["ProcessingJobName"])


@operation("ListProcessingJobs")
def list_processing_jobs(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Jobs by name part, status and time."""
    return page(
        request,
        context.store.list(KIND),
        "ProcessingJobSummaries",
        name="ProcessingJobName",
        sort={"Name": "ProcessingJobName", "Status": "ProcessingJobStatus"},
        status="ProcessingJobStatus",
    )


@operation("StopProcessingJob")
def stop_processing_job(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """SIGTERM to the container, SIGKILL 20 seconds later (120 on AWS)."""
    running.request_stop(context, KIND, request["ProcessingJobName"], lambda _: {})
    return {}


@operation("DeleteProcessingJob")
def delete_processing_job(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Forget a job that has ended."""
    documents.delete(context, KIND, request["ProcessingJobName"])
    return {}


def start(context: Context) -> None:
    """Probe the sandbox, and end what the previous server left running."""
    running.of(context)
    documents.interrupted(context, KIND)


def stop(context: Context) -> None:
    """End what runs, of every kind of job."""
    running.close(context)


def _run(jobs: running.Running, job: Job) -> None:
    jobs.update(KIND, job, ProcessingStartTime=time.time())
    changes: dict[str, Any] = {}
    try:
        ended, message = processing_container.run(job)
        if ended.stopped == MAX_RUNTIME:
            seconds = job.request["StoppingCondition"]["MaxRuntimeInSeconds"]
            message = message or f"The job ran longer than MaxRuntimeInSeconds ({seconds})."
        if message:
            changes["ExitMessage"] = message
        if ended.stopped:
            changes["ProcessingJobStatus"] = "Stopped"
        elif ended.code:
            changes["ProcessingJobStatus"] = "Failed"
            changes["FailureReason"] = ended.reason(message)
            changes.setdefault("ExitMessage", "\n".join(ended.tail)[-1024:])
        else:
            changes["ProcessingJobStatus"] = "Completed"
    except JobStopped:
        changes["ProcessingJobStatus"] = "Stopped"
    except Exception as error:
        changes["ProcessingJobStatus"] = "Failed"
        changes["FailureReason"] = failures.failure(job, error)
    jobs.ended(KIND, jobs.update(KIND, job, ProcessingEndTime=time.time(), **changes))
