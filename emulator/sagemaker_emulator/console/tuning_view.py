"""A tuning job as its page shows it: its trials, and the charts of them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request

from sagemaker_emulator.console import lists, metric_curves
from sagemaker_emulator.console.pages import call
from sagemaker_emulator.errors import ApiError
from sagemaker_emulator.sagemaker.jobs.kinds import RUNNING
from sagemaker_emulator.sagemaker.tuning.definitions import (
    Definition,
    definition_of,
    definitions_of,
)

Json = Mapping[str, Any]
# The scale "Auto" is logarithmic from two orders of magnitude on.
_WIDE = 100
_MOST_CURVES = 8


@dataclass(frozen=True)
class Range:
    """A hyperparameter that is searched.

    Attributes:
        name: Its name.
        text: Its bounds or values.
        scale: The ScalingType; empty for values.
        logarithmic: Whether its axis is.
        values: The values of a categorical one.
    """

    name: str
    text: str
    scale: str = ""
    logarithmic: bool = False
    values: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Trial:
    """A training job of a tuning job.

    Attributes:
        name: The training job's.
        status: The training job's.
        metric: The objective's name.
        objective: The last value of the objective; None where there is none (yet).
        tuned: The hyperparameters that were chosen.
        created: Seconds since the epoch.
        started: Seconds since the epoch; None where it has not started.
        ended: Seconds since the epoch; None while it runs.
        failure: Why it failed.
        best: Whether it is the best so far.
    """

    name: str
    status: str
    metric: str
    objective: float | None
    tuned: dict[str, str]
    created: float
    started: float | None
    ended: float | None
    failure: str
    best: bool

    @property
    def seconds(self) -> float | None:
        """How long it took; None while it runs."""
        return None if self.ended is None else self.ended - (self.started or self.created)


@dataclass(frozen=True)
class TuningView:
    """A tuning job as its page shows it.

    Attributes:
        name: The tuning job's.
        status: As the API has it.
        metric: The objective's name; several where the training job definitions differ.
        maximize: Whether more is better.
        strategy: How trials are chosen.
        limit: The most trials; None where the grid bounds them.
        ranges: What is searched.
        trials: All of them: by objective, the best first, then the others by their creation.
        counters: Of the trials by status.
        created: Seconds since the epoch.
        ended: Seconds since the epoch; None while it runs.
        failure: The FailureReason.
        static: The hyperparameters of all trials.
        description: The response of Describe.
    """

    name: str
    status: str
    metric: str
    maximize: bool
    strategy: str
    limit: int | None
    ranges: list[Range]
    trials: list[Trial]
    counters: dict[str, int]
    created: float
    ended: float | None
    failure: str
    static: dict[str, str]
    description: Json = field(repr=False)

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self.status in RUNNING

    @property
    def best(self) -> Trial | None:
        """The best trial so far."""
        return next((trial for trial in self.trials if trial.best), None)


def describe(request: Request, name: str) -> TuningView:
    """A tuning job with all its trials.

    Raises:
        ApiError: There is no such tuning job.
    """
    job = call(request, "DescribeHyperParameterTuningJob", HyperParameterTuningJobName=name)
    config = job["HyperParameterTuningJobConfig"]
    definitions = definitions_of(job)
    status = job["HyperParameterTuningJobStatus"]
    maximize = definitions[0].maximize
    best = job.get("BestTrainingJob", {}).get("TrainingJobName", "")
    summaries = lists.every(
        request,
        "ListTrainingJobsForHyperParameterTuningJob",
        "TrainingJobSummaries",
        HyperParameterTuningJobName=name,
        SortBy="CreationTime",
    )
    trials = [_trial(each, best, definition_of(definitions, each).metric) for each in summaries]
    sign = -1 if maximize else 1

    def rank(trial: Trial) -> tuple[bool, float]:
        return trial.objective is None, sign * (trial.objective or 0)

    return TuningView(
        name=name,
        status=status,
        metric=" or ".join(dict.fromkeys(each.metric for each in definitions)),
        maximize=maximize,
        strategy=config["Strategy"],
        limit=config["ResourceLimits"].get("MaxNumberOfTrainingJobs"),
        ranges=_all_ranges(definitions),
        trials=sorted(trials, key=rank),
        counters=job["TrainingJobStatusCounters"],
        created=job["CreationTime"],
        ended=None if status in RUNNING else job.get("HyperParameterTuningEndTime"),
        failure=job.get("FailureReason", ""),
        static={
            name if len(definitions) == 1 else f"{each.name}: {name}": value
            for each in definitions
            for name, value in each.request.get("StaticHyperParameters", {}).items()
        },
        description=job,
    )


def objective_of(job: Json) -> str:
    """What a tuning job searches for, from its description: `maximize accuracy`."""
    definitions = definitions_of(job)
    metrics = " or ".join(dict.fromkeys(each.metric for each in definitions))
    return f"{'maximize' if definitions[0].maximize else 'minimize'} {metrics}"


def objective_chart(job: TuningView) -> dict[str, Any]:
    """What charts.js draws as `scatter`: the objective of each trial at its end."""
    points = [
        {"x": trial.ended, "y": trial.objective, "name": trial.name}
        for trial in job.trials
        if trial.objective is not None and trial.ended is not None
    ]
    return {
        "x": "time",
        "y": job.metric,
        "maximize": job.maximize,
        "points": points,
        "live": job.running,
    }


def parallel_chart(job: TuningView) -> dict[str, Any]:
    """What charts.js draws as `parallel`: the hyperparameters of each trial with an objective."""
    axes = [
        {"name": each.name, "log": each.logarithmic}
        | ({"categories": each.values} if each.values else {})
        for each in job.ranges
    ]
    trials = [
        {
            "name": trial.name,
            "values": [_value(each, trial.tuned.get(each.name, "")) for each in job.ranges],
            "objective": trial.objective,
            "best": trial.best,
        }
        for trial in job.trials
        if trial.objective is not None
    ]
    return {
        "axes": axes,
        "objective": job.metric,
        "maximize": job.maximize,
        "trials": trials,
        "live": job.running,
    }


def curves_chart(request: Request, job: TuningView) -> dict[str, Any]:
    """What charts.js draws as `line`: the objective in the trials that run, and in the best."""
    shown = [job.best] if job.best else []
    shown += [trial for trial in job.trials if trial.status in RUNNING][:_MOST_CURVES]
    series = []
    for trial in shown:
        try:
            described = call(request, "DescribeTrainingJob", TrainingJobName=trial.name)
        except ApiError:  # not created yet, or deleted
            continue
        values = [
            [number, value]
            for number, (_, value) in enumerate(
                metric_curves.curves(request, described).get(trial.metric, []), 1
            )
        ]
        name = f"{'best: ' if trial.best else ''}{trial.name.removeprefix(f'{job.name}-')}"
        series.append({"name": name, "points": metric_curves.thinned(values)})
    return {
        "x": "values logged, one after the other",
        "whole": True,
        "y": job.metric,
        "series": series,
        "live": job.running,
    }


def _trial(summary: Json, best: str, metric: str) -> Trial:
    return Trial(
        name=summary["TrainingJobName"],
        status=summary["TrainingJobStatus"],
        metric=metric,
        objective=summary.get("FinalHyperParameterTuningJobObjectiveMetric", {}).get("Value"),
        tuned={name: _text(value) for name, value in summary["TunedHyperParameters"].items()},
        created=summary["CreationTime"],
        started=summary.get("TrainingStartTime"),
        ended=summary.get("TrainingEndTime"),
        failure=summary.get("FailureReason", ""),
        best=summary["TrainingJobName"] == best,
    )


def _all_ranges(definitions: list[Definition]) -> list[Range]:
    """Every hyperparameter once: several definitions may search it in ranges of their own."""
    by_name: dict[str, Range] = {}
    for each in definitions:
        for found in _ranges(each.ranges):
            known = by_name.setdefault(found.name, found)
            if found.text != known.text:
                values = [*known.values, *(v for v in found.values if v not in known.values)]
                text = f"{known.text}; in {each.name} {found.text}"
                logarithmic = known.logarithmic and found.logarithmic
                by_name[found.name] = Range(found.name, text, known.scale, logarithmic, values)
    return list(by_name.values())


def _ranges(ranges: Json) -> list[Range]:
    found = []
    for kind in ("ContinuousParameterRanges", "IntegerParameterRanges"):
        for each in ranges.get(kind, []):
            low, high = float(each["MinValue"]), float(each["MaxValue"])
            scale = each.get("ScalingType", "Auto")
            wide = low > 0 and high >= _WIDE * low
            logarithmic = low > 0 and (scale == "Logarithmic" or (scale == "Auto" and wide))
            text = f"{each['MinValue']} to {each['MaxValue']}"
            found.append(Range(each["Name"], text, scale, logarithmic))
    for each in ranges.get("CategoricalParameterRanges", []):
        values = [_text(value) for value in each["Values"]]
        found.append(Range(each["Name"], ", ".join(values), values=values))
    return found


def _value(of: Range, text: str) -> float | str | None:
    if of.values:
        return text
    try:
        return float(text)
    except ValueError:
        return None


def _text(value: str) -> str:
    """A hyperparameter as a person reads it: the SageMaker SDK sends texts with quotes."""
    if not value.startswith('"'):
        return value
    try:
        return str(json.loads(value))
    except ValueError:
        return value
