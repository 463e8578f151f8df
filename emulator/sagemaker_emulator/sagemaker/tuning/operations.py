"""Hyperparameter tuning jobs: the operations. `tuner` does the work."""

from __future__ import annotations

import contextlib
import re
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sagemaker_emulator.aws.dispatch import Context, call, operation
from sagemaker_emulator.aws.pages import page
from sagemaker_emulator.errors import ApiError, in_use, invalid, not_found
from sagemaker_emulator.sagemaker.tuning.request import problem
from sagemaker_emulator.sagemaker.tuning.tuner import ENDED, KIND, Tuner

_TRAINING_LOGS = "/aws/sagemaker/TrainingJobs"


@dataclass
class _Tuners:
    """The tuning jobs that this process runs."""

    closing: threading.Event = field(default_factory=threading.Event)
    running: list[Tuner] = field(default_factory=list)


_tuners: dict[Path, _Tuners] = {}


def start(context: Context) -> None:
    """Go on with the tuning jobs that an earlier process left unfinished."""
    for document in context.store.list(KIND):
        if document["HyperParameterTuningJobStatus"] not in ENDED:
            _begin(context, document["HyperParameterTuningJobName"])


def stop(context: Context) -> None:
    """End the threads of running tuning jobs; the next `start` goes on with them."""
    tuners = _tuners.pop(context.state, None)
    if tuners is None:
        return
    tuners.closing.set()
    for tuner in tuners.running:
        tuner.join(3)


def _begin(context: Context, name: str) -> None:
    tuners = _tuners.setdefault(context.state, _Tuners())
    tuner = Tuner(context, name, tuners.closing, lambda job, metric: _history(context, job, metric))
    tuners.running = [other for other in tuners.running if other.is_alive()] + [tuner]
    tuner.start()


@operation("CreateHyperParameterTuningJob")
def create_tuning_job(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Check a tuning job and begin it."""
    why = problem(request)
    if why:
        raise invalid(why)
    name = request["HyperParameterTuningJobName"]
    arn = context.arn("hyper-parameter-tuning-job", name)
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
    if not context.store.create(KIND, name, document):
        raise in_use(f"Hyperparameter tuning job names must be unique; {arn} already exists.")
    context.tag(arn, request.get("Tags"))
    _begin(context, name)
    return {"HyperParameterTuningJobArn": arn}


@operation("DescribeHyperParameterTuningJob")
def describe_tuning_job(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """A tuning job with its counters and best trial so far."""
    return _get(context, request["HyperParameterTuningJobName"])


@operation("ListHyperParameterTuningJobs")
def list_tuning_jobs(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Tuning jobs by name part, status and time."""
    jobs = [
        {
            **job,
            "Strategy": job["HyperParameterTuningJobConfig"]["Strategy"],
            "ResourceLimits": job["HyperParameterTuningJobConfig"]["ResourceLimits"],
        }
        for job in context.store.list(KIND)
    ]
    return page(
        request,
        jobs,
        "HyperParameterTuningJobSummaries",
        name="HyperParameterTuningJobName",
        sort={
            "Name": "HyperParameterTuningJobName",
            "Status": "HyperParameterTuningJobStatus",
        },
        status="HyperParameterTuningJobStatus",
    )


@operation("ListTrainingJobsForHyperParameterTuningJob")
def list_trials(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """A tuning job's trials by status, in the order asked for."""
    trials = [
        {**trial, "Objective": (trial.get(_OBJECTIVE) or {}).get("Value")}
        for trial in _get(context, request["HyperParameterTuningJobName"])["Trials"]
    ]
    if request.get("SortBy") == "FinalObjectiveMetricValue":
        # Trials without a value are left out of this order, as the service does.
        trials = [trial for trial in trials if trial["Objective"] is not None]
    return page(
        request,
        trials,
        "TrainingJobSummaries",
        name="TrainingJobName",
        sort={
            "Name": "TrainingJobName",
            "Status": "TrainingJobStatus",
            "FinalObjectiveMetricValue": "Objective",
        },
        status="TrainingJobStatus",
    )


_OBJECTIVE = "FinalHyperParameterTuningJobObjectiveMetric"


@operation("StopHyperParameterTuningJob")
def stop_tuning_job(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Stop the trials that run and begin no more; nothing to do for a job that has ended."""
    name = request["HyperParameterTuningJobName"]
    with context.store.transaction():
        if _get(context, name)["HyperParameterTuningJobStatus"] == "InProgress":
            context.store.update(
                KIND, name, HyperParameterTuningJobStatus="Stopping", LastModifiedTime=time.time()
            )
    return {}


def _get(context: Context, name: str) -> dict[str, Any]:
    document = context.store.get(KIND, name)
    if document is None:
        raise not_found(f"Hyperparameter tuning job {name} does not exist.")
    return document


def _history(context: Context, job: str, metric: str) -> list[float]:
    """The values of a metric that a training job has logged, in order."""
    described = context.call("DescribeTrainingJob", TrainingJobName=job)
    patterns = [
        re.compile(entry["Regex"])
        for entry in described["AlgorithmSpecification"].get("MetricDefinitions", [])
        if entry["Name"] == metric
    ]
    query: dict[str, Any] = {"logGroupName": _TRAINING_LOGS, "logStreamNamePrefix": f"{job}/"}
    values: list[float] = []
    while patterns:
        try:
            answer = call(context, "logs", "FilterLogEvents", query)
        except ApiError:
            # Nothing was logged yet.
            break
        for event in answer["events"]:
            found = patterns[0].search(event["message"])
            if found and found.groups():
                with contextlib.suppress(TypeError, ValueError):  # as `Metrics` passes it over
                    values.append(float(found[1]))
        if not answer.get("nextToken"):
            break
        query["nextToken"] = answer["nextToken"]
    return values
