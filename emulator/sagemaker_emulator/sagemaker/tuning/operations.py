"""Hyperparameter tuning jobs: the operations. `tuner` does the work."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.aws.dispatch import Response, operation
from sagemaker_emulator.aws.members import paths
from sagemaker_emulator.aws.pages import MODIFIED, SORTED, Stored, page
from sagemaker_emulator.errors import in_use, invalid, not_found
from sagemaker_emulator.sagemaker import tags
from sagemaker_emulator.sagemaker.jobs.kinds import RUNNING, TUNING
from sagemaker_emulator.sagemaker.tuning import warm_start
from sagemaker_emulator.sagemaker.tuning.definitions import definitions_of
from sagemaker_emulator.sagemaker.tuning.request import HONOURED, KEPT, problem
from sagemaker_emulator.storage.store import Document

if TYPE_CHECKING:
    from types_boto3_sagemaker import type_defs as types


def _no_image(context: Context, request: types.CreateHyperParameterTuningJobRequestTypeDef) -> str:
    for definition in definitions_of(request):
        image = definition.request["AlgorithmSpecification"].get("TrainingImage")
        if image and (problem := context.containers.problem(image)):
            return f"Cannot find the requested image: {problem}"
    return ""


@operation("CreateHyperParameterTuningJob", honours=paths(HONOURED), keeps=paths(KEPT))
def create_tuning_job(
    context: Context, request: types.CreateHyperParameterTuningJobRequestTypeDef
) -> Response:
    """Check a tuning job and begin it."""
    # The image first: of an algorithm that is not run here, the objective is not known either.
    why = (
        _no_image(context, request)
        or problem(request)
        or warm_start.problem(context.store, request)
    )
    if why:
        raise invalid(why)
    name = request["HyperParameterTuningJobName"]
    arn = context.arn(TUNING.resource, name)
    now = time.time()
    counters = dict.fromkeys(
        ("Completed", "InProgress", "RetryableError", "NonRetryableError", "Stopped"), 0
    )
    document = {
        **{key: value for key, value in request.items() if key != "Tags"},
        "HyperParameterTuningJobArn": arn,
        "HyperParameterTuningJobStatus": "InProgress",
        "CreationTime": now,
        "LastModifiedTime": now,
        "TrainingJobStatusCounters": counters,
        "ObjectiveStatusCounters": {"Succeeded": 0, "Pending": 0, "Failed": 0},
        "Trials": [],
    }
    with context.store.transaction():
        if not context.store.create(TUNING.resource, name, document):
            raise in_use(f"Hyperparameter tuning job names must be unique; {arn} already exists.")
        tags.add(context, arn, request.get("Tags"))
    context.tuning.begin(name)
    return {"HyperParameterTuningJobArn": arn}


@operation("DescribeHyperParameterTuningJob", honours=paths("HyperParameterTuningJobName"))
def describe_tuning_job(
    context: Context, request: types.DescribeHyperParameterTuningJobRequestTypeDef
) -> Response:
    """A tuning job with its counters and best trial so far."""
    return _get(context, request["HyperParameterTuningJobName"])


@operation("ListHyperParameterTuningJobs", honours=paths(MODIFIED))
def list_tuning_jobs(
    context: Context, request: types.ListHyperParameterTuningJobsRequestTypeDef
) -> Response:
    """Tuning jobs by part of the name, status and time."""
    jobs = Stored(
        context.store,
        TUNING.resource,
        show=lambda job: {
            **job,
            "Strategy": job["HyperParameterTuningJobConfig"]["Strategy"],
            "ResourceLimits": job["HyperParameterTuningJobConfig"]["ResourceLimits"],
        },
        name_holds=request.get("NameContains", ""),
    )
    return page(
        "ListHyperParameterTuningJobs",
        request,
        jobs,
        TUNING.summaries_key,
        "HyperParameterTuningJob",
        sort_by="Name",
        order="Ascending",
    )


@operation(
    "ListTrainingJobsForHyperParameterTuningJob",
    honours=paths(SORTED + "HyperParameterTuningJobName StatusEquals"),
)
def list_trials(
    context: Context, request: types.ListTrainingJobsForHyperParameterTuningJobRequestTypeDef
) -> Response:
    """A tuning job's trials by status, in the requested order."""
    by = "FinalObjectiveMetricValue"
    trials = [
        {**trial, by: (trial.get(_OBJECTIVE) or {}).get("Value")}
        for trial in _get(context, request["HyperParameterTuningJobName"])["Trials"]
    ]
    if request.get("SortBy") == by:
        # Trials without a value are left out of this order, as the service does.
        trials = [trial for trial in trials if trial[by] is not None]
    return page(
        "ListTrainingJobsForHyperParameterTuningJob",
        request,
        trials,
        "TrainingJobSummaries",
        "TrainingJob",
        sort_by="Name",
        order="Ascending",
    )


_OBJECTIVE = "FinalHyperParameterTuningJobObjectiveMetric"


@operation("StopHyperParameterTuningJob", honours=paths("HyperParameterTuningJobName"))
def stop_tuning_job(
    context: Context, request: types.StopHyperParameterTuningJobRequestTypeDef
) -> Response:
    """Stop the trials that run and begin no more; nothing to do for a job that has ended."""
    name = request["HyperParameterTuningJobName"]
    with context.store.transaction():
        if _get(context, name)["HyperParameterTuningJobStatus"] == "InProgress":
            context.store.update(
                TUNING.resource,
                name,
                HyperParameterTuningJobStatus="Stopping",
                LastModifiedTime=time.time(),
            )
    return {}


@operation("DeleteHyperParameterTuningJob", honours=paths("HyperParameterTuningJobName"))
def delete_tuning_job(
    context: Context, request: types.DeleteHyperParameterTuningJobRequestTypeDef
) -> Response:
    """Forget a tuning job that has ended; its training jobs stay, as on AWS."""
    name = request["HyperParameterTuningJobName"]
    with context.store.transaction():
        document = _get(context, name)
        if document["HyperParameterTuningJobStatus"] in RUNNING:
            raise in_use(f"The job {name} has not ended; stop it first.")
        context.store.delete(TUNING.resource, name)
        context.store.delete("tags", document["HyperParameterTuningJobArn"])
    return {}


def _get(context: Context, name: str) -> Document:
    document = context.store.get(TUNING.resource, name)
    if document is None:
        raise not_found(f"Hyperparameter tuning job {name} does not exist.")
    return document
