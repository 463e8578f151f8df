"""The trials of a tuning job: what was tried, what came out, which was best."""

from dataclasses import asdict, dataclass
from typing import Any


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


def list_trials(client: Any, tuning_job: str) -> list[Trial]:
    """Every trial in the order in which it was begun.

    Args:
        client: A boto3 SageMaker client.
        tuning_job: The hyperparameter tuning job's name.
    """
    job = client.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=tuning_job)
    best = job.get("BestTrainingJob", {}).get("TrainingJobName")
    pages = client.get_paginator("list_training_jobs_for_hyper_parameter_tuning_job").paginate(
        HyperParameterTuningJobName=tuning_job, SortBy="CreationTime", SortOrder="Ascending"
    )
    return [_trial(summary, best) for page in pages for summary in page["TrainingJobSummaries"]]


def summary(client: Any, tuning_job: str) -> str:
    """One line: how many trials have ended, and the best objective so far."""
    job = client.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=tuning_job)
    counters = job.get("TrainingJobStatusCounters", {})
    most = job["HyperParameterTuningJobConfig"]["ResourceLimits"].get("MaxNumberOfTrainingJobs")
    parts = [f"{counters.get('Completed', 0)} of {most} trials"]
    for counter, word in (("NonRetryableError", "failed"), ("Stopped", "stopped")):
        if count := counters.get(counter, 0):
            parts.append(f"{count} {word}")
    best = job.get("BestTrainingJob", {}).get("FinalHyperParameterTuningJobObjectiveMetric")
    if best:
        parts.append(f"best {best['MetricName']} {best['Value']:.3f}")
    return ", ".join(parts)


def _trial(summary: dict[str, Any], best: str | None) -> Trial:
    objective = summary.get("FinalHyperParameterTuningJobObjectiveMetric", {})
    begun, ended = summary.get("TrainingStartTime"), summary.get("TrainingEndTime")
    return Trial(
        name=summary["TrainingJobName"],
        status=summary["TrainingJobStatus"],
        hyperparameters=dict(summary.get("TunedHyperParameters", {})),
        metric=objective.get("MetricName", ""),
        objective=objective.get("Value"),
        seconds=(ended - begun).total_seconds() if begun and ended else None,
        best=summary["TrainingJobName"] == best,
        failure=summary.get("FailureReason", ""),
    )
