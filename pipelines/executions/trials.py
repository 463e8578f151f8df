"""The trials of a tuning job: their hyperparameters, their results, and which was best."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from pipelines.executions.progress import Progress

if TYPE_CHECKING:
    from types_boto3_sagemaker import SageMakerClient
    from types_boto3_sagemaker.type_defs import HyperParameterTrainingJobSummaryTypeDef


@dataclass(frozen=True)
class Trial:
    """One training job of a tuning job."""

    name: str
    status: str
    hyperparameters: dict[str, str]
    metric: str
    objective: float | None
    seconds: float | None
    best: bool
    failure: str

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self)


def list_trials(client: SageMakerClient, tuning_job: str) -> list[Trial]:
    """Every trial of the tuning job with this name, in the order of their creation."""
    job = client.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=tuning_job)
    best = job["BestTrainingJob"]["TrainingJobName"] if "BestTrainingJob" in job else None
    pages = client.get_paginator("list_training_jobs_for_hyper_parameter_tuning_job").paginate(
        HyperParameterTuningJobName=tuning_job, SortBy="CreationTime", SortOrder="Ascending"
    )
    return [_trial(summary, best) for page in pages for summary in page["TrainingJobSummaries"]]


def running(client: SageMakerClient, tuning_job: str) -> list[tuple[int, str]]:
    """The trials that run: their numbers, from 1 in the order of their creation, and their jobs."""
    pages = client.get_paginator("list_training_jobs_for_hyper_parameter_tuning_job").paginate(
        HyperParameterTuningJobName=tuning_job, SortBy="CreationTime", SortOrder="Ascending"
    )
    summaries = (summary for page in pages for summary in page["TrainingJobSummaries"])
    return [
        (number, summary["TrainingJobName"])
        for number, summary in enumerate(summaries, 1)
        if summary["TrainingJobStatus"] == "InProgress"
    ]


def summary(client: SageMakerClient, tuning_job: str, progress: Progress | None = None) -> str:
    """One line: what the running trial does, or how many have ended, and the best objective so far.

    Args:
        client: A boto3 SageMaker client.
        tuning_job: The tuning job's name.
        progress: Reads how far the running trial is; None: only what the tuning job tells.
    """
    job = client.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=tuning_job)
    counters = job["TrainingJobStatusCounters"]
    most = job["HyperParameterTuningJobConfig"]["ResourceLimits"].get("MaxNumberOfTrainingJobs")
    parts, separator = [f"{counters.get('Completed', 0)} of {most} trials"], ", "
    if progress and job["HyperParameterTuningJobStatus"] == "InProgress":
        now = progress.now(tuning_job, lambda: running(client, tuning_job))
        if now:
            (number, shown), others = now[0], len(now) - 1
            more = f" (and {others} more at the same time)" if others else ""
            parts = [f"trial {number} of {most}{more}{f': {shown}' if shown else ''}"]
            separator = "; "  # how far a trial is has commas of its own
    if failed := counters.get("NonRetryableError", 0):
        parts.append(f"{failed} failed")
    if stopped := counters.get("Stopped", 0):
        parts.append(f"{stopped} stopped")
    if "BestTrainingJob" in job:
        best = job["BestTrainingJob"].get("FinalHyperParameterTuningJobObjectiveMetric")
        if best:
            parts.append(f"best {best['MetricName']} {best['Value']:.3f}")
    return separator.join(parts)


def _trial(summary: HyperParameterTrainingJobSummaryTypeDef, best: str | None) -> Trial:
    objective = summary.get("FinalHyperParameterTuningJobObjectiveMetric")
    started, ended = summary.get("TrainingStartTime"), summary.get("TrainingEndTime")
    return Trial(
        name=summary["TrainingJobName"],
        status=summary["TrainingJobStatus"],
        hyperparameters=dict(summary.get("TunedHyperParameters", {})),
        metric=objective["MetricName"] if objective else "",
        objective=objective["Value"] if objective else None,
        seconds=(ended - started).total_seconds() if started and ended else None,
        best=summary["TrainingJobName"] == best,
        failure=summary.get("FailureReason", ""),
    )
