"""The trials of a tuning job: their hyperparameters, their results, and which was best."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

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


def summary(client: SageMakerClient, tuning_job: str) -> str:
    """One line: how many trials have ended, and the best objective so far."""
    job = client.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=tuning_job)
    counters = job["TrainingJobStatusCounters"]
    most = job["HyperParameterTuningJobConfig"]["ResourceLimits"].get("MaxNumberOfTrainingJobs")
    parts = [f"{counters.get('Completed', 0)} of {most} trials"]
    if failed := counters.get("NonRetryableError", 0):
        parts.append(f"{failed} failed")
    if stopped := counters.get("Stopped", 0):
        parts.append(f"{stopped} stopped")
    if "BestTrainingJob" in job:
        best = job["BestTrainingJob"].get("FinalHyperParameterTuningJobObjectiveMetric")
        if best:
            parts.append(f"best {best['MetricName']} {best['Value']:.3f}")
    return ", ".join(parts)


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
