"""Training jobs."""

import time
from typing import Any

from sagemaker_emulator.aws.dispatch import Context, operation
from sagemaker_emulator.aws.pages import page
from sagemaker_emulator.sagemaker.jobs import documents, failures, running, training_container
from sagemaker_emulator.sagemaker.jobs.job import MAX_RUNTIME, Job, JobStopped

KIND = "training-job"
GROUP = "/aws/sagemaker/TrainingJobs"
_MESSAGES = {
    "Starting": "Preparing the instances for training",
    "Downloading": "Downloading input data",
    "Training": "Training image download completed. Training in progress.",
    "Uploading": "Uploading generated training model",
    "Completed": "Training job completed",
    "Failed": "Training job failed",
    "Stopping": "Stopping the training job",
    "Stopped": "Training job stopped",
    "MaxRuntimeExceeded": "Training job runtime exceeded MaxRuntimeInSeconds",
}


@operation("CreateTrainingJob")
def create_training_job(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Keep the job and start it."""
    document = documents.create(
        context,
        KIND,
        request,
        training_container.problem(request),
        TrainingJobStatus="InProgress",
        SecondaryStatus="Starting",
        SecondaryStatusTransitions=_moved([], "Starting"),
    )
    jobs = running.of(context)
    jobs.begin(KIND, document, GROUP, lambda job: _run(jobs, job))
    return {"TrainingJobArn": document["TrainingJobArn"]}


@operation("DescribeTrainingJob")
def describe_training_job(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """The job as it was created, and how far it is."""
    return documents.get(context, KIND, request["TrainingJobName"])


@operation("ListTrainingJobs")
def list_training_jobs(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Jobs by name part, status and time."""
    return page(
        request,
        context.store.list(KIND),
        "TrainingJobSummaries",
        name="TrainingJobName",
        sort={"Name": "TrainingJobName", "Status": "TrainingJobStatus"},
        status="TrainingJobStatus",
    )


@operation("StopTrainingJob")
def stop_training_job(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """SIGTERM to the container, SIGKILL 20 seconds later (120 on AWS); the model is kept."""
    running.request_stop(
        context,
        KIND,
        request["TrainingJobName"],
        lambda document: {
            "SecondaryStatus": "Stopping",
            "SecondaryStatusTransitions": _moved(
                document["SecondaryStatusTransitions"], "Stopping"
            ),
        },
    )
    return {}


@operation("DeleteTrainingJob")
def delete_training_job(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Forget a job that has ended."""
    documents.delete(context, KIND, request["TrainingJobName"])
    return {}


def start(context: Context) -> None:
    """End what the previous server left running."""
    documents.interrupted(context, KIND, SecondaryStatus="Failed")


def _moved(transitions: list[dict[str, Any]], status: str) -> list[dict[str, Any]]:
    """The transitions with a new one; the last before it ends."""
    now = time.time()
    for transition in transitions[-1:]:
        transition.setdefault("EndTime", now)
    added = {"Status": status, "StartTime": now, "StatusMessage": _MESSAGES[status]}
    if status in ("Completed", "Failed", "Stopped", "MaxRuntimeExceeded"):
        added["EndTime"] = now
    return [*transitions, added]


def _run(jobs: running.Running, job: Job) -> None:
    def progress(status: str, **changes: Any) -> dict[str, Any]:
        ends, store = "TrainingJobStatus" in changes, jobs.context.store

        def write() -> dict[str, Any]:
            with store.transaction():
                document = store.get(KIND, job.name) or {}
                moved = _moved(document["SecondaryStatusTransitions"], status)
                if document["SecondaryStatus"] == "Stopping" and not ends:
                    return document  # it stays Stopping while what it made is uploaded
                moves = {"SecondaryStatus": status, "SecondaryStatusTransitions": moved}
                now = time.time()
                return store.update(KIND, job.name, LastModifiedTime=now, **changes, **moves)

        return jobs.write(job, write, ends)

    jobs.update(KIND, job, TrainingStartTime=time.time())
    changes: dict[str, Any] = {}
    try:
        ended, changes = training_container.run(job, progress)
        if ended.stopped == MAX_RUNTIME:
            status, secondary = "Stopped", MAX_RUNTIME
        elif ended.stopped:
            status = secondary = "Stopped"
        else:
            status = secondary = "Failed" if ended.code else "Completed"
        if status == "Stopped":
            changes.pop("FailureReason", None)
    except JobStopped:
        status = secondary = "Stopped"
    except Exception as error:
        status = secondary = "Failed"
        changes["FailureReason"] = failures.failure(job, error)
    changes |= {"TrainingJobStatus": status, "TrainingEndTime": time.time()}
    jobs.ended(KIND, progress(secondary, **changes))
