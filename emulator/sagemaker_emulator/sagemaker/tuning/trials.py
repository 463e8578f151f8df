"""The trials of a tuning job, as its document has them: what they amount to."""

from collections.abc import Sequence

from sagemaker_emulator.aws.numerals import is_finite
from sagemaker_emulator.sagemaker.tuning.definitions import Definition
from sagemaker_emulator.storage.store import Document

ENDED = ("Completed", "Failed", "Stopped")


def runs(trial: Document) -> bool:
    """Whether a trial has not ended."""
    return trial["TrainingJobStatus"] not in ENDED


def objective(trial: Document) -> float | None:
    """A trial's objective; None where it has none (yet)."""
    metric = trial.get("FinalHyperParameterTuningJobObjectiveMetric")
    # An earlier version kept values that are not finite.
    return float(metric["Value"]) if metric and is_finite(metric["Value"]) else None


def definition_name(trial: Document) -> str:
    """The DefinitionName that a trial was made from; empty where that has none."""
    return str(trial.get("TrainingJobDefinitionName", ""))


def is_better(value: float, than: float, maximize: bool) -> bool:
    """Whether one objective is better than another."""
    return value > than if maximize else value < than


def best(trials: Sequence[Document], maximize: bool) -> Document | None:
    """The first trial that no other is better than; None where none has an objective."""
    found: Document | None = None
    least = 0.0
    for trial in trials:
        value = objective(trial)
        if value is not None and (found is None or is_better(value, least, maximize)):
            found, least = trial, value
    return found


def counters(trials: Sequence[Document]) -> Document:
    """The counters of a tuning job's description."""
    statuses = [trial["TrainingJobStatus"] for trial in trials]
    objectives = [trial["ObjectiveStatus"] for trial in trials]
    return {
        "TrainingJobStatusCounters": {
            "Completed": statuses.count("Completed"),
            "InProgress": statuses.count("InProgress") + statuses.count("Stopping"),
            "RetryableError": 0,
            "NonRetryableError": statuses.count("Failed"),
            "Stopped": statuses.count("Stopped"),
        },
        "ObjectiveStatusCounters": {
            name: objectives.count(name) for name in ("Succeeded", "Pending", "Failed")
        },
    }


def why_none(trials: Sequence[Document], definitions: Sequence[Definition]) -> str:
    """Why no trial has an objective."""
    failed = [trial for trial in trials if trial["TrainingJobStatus"] == "Failed"]
    if failed:
        last = failed[-1]
        return (
            f"No training job succeeded after {len(trials)} attempts. The last that "
            f"failed, {last['TrainingJobName']}: {last.get('FailureReason', '')}"
        )[:1024]
    metrics = " or ".join(sorted({each.metric for each in definitions}))
    return (
        f"No training job reported the objective metric {metrics}: its regular "
        "expression in MetricDefinitions matched no line of their logs."
    )
