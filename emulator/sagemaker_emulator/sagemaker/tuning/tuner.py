"""A tuning job: trials proposed by a search, each a training job, until the budget is spent.

Contract: SageMaker developer guide, "Perform Automatic Model Tuning". Trials are created, described
and stopped through the same operations that a client has.
"""

from __future__ import annotations

import secrets
import threading
import time
from contextlib import suppress

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.aws.numerals import is_finite
from sagemaker_emulator.errors import ApiError
from sagemaker_emulator.sagemaker.jobs.kinds import TRAINING, TUNING
from sagemaker_emulator.sagemaker.tuning.early_stopping import should_stop
from sagemaker_emulator.sagemaker.tuning.request import trial_request
from sagemaker_emulator.sagemaker.tuning.search import Search, grid_size, parse_ranges
from sagemaker_emulator.storage.disk import retry_while_disk_full
from sagemaker_emulator.storage.store import Document

ENDED = ("Completed", "Failed", "Stopped")
# The service gives up when this many trials have failed and none has succeeded.
_MOST_FAILURES = 5
_STOPPED, _SATISFIED, _HOPELESS = "stopped", "satisfied", "hopeless"
_LONGEST_WAIT = 2.0


class _Closing(Exception):
    """The emulator goes down; the next start continues the tuning job."""


class Tuner(threading.Thread):
    """One tuning job; its document in the store has its progress."""

    def __init__(self, context: Context, name: str, closing: threading.Event) -> None:
        """Prepare to run, or to continue, a tuning job.

        Args:
            context: the server.
            name: the tuning job's name.
            closing: set when the emulator goes down; the next start continues the job.
        """
        super().__init__(name=f"tuning-{name}", daemon=True)
        self._context = context
        self._job = name
        self._closing = closing
        self._histories: dict[str, list[float]] = {}  # of the objective, by completed trial
        document = self._document()
        self._config = document["HyperParameterTuningJobConfig"]
        self._definition = document["TrainingJobDefinition"]
        objective = self._config["HyperParameterTuningJobObjective"]
        self._metric: str = objective["MetricName"]
        self._maximize: bool = objective["Type"] == "Maximize"
        self._ranges = parse_ranges(self._config["ParameterRanges"])
        self._limit: int = self._config["ResourceLimits"].get(
            "MaxNumberOfTrainingJobs"
        ) or grid_size(self._ranges)
        self._parallel: int = self._config["ResourceLimits"]["MaxParallelTrainingJobs"]
        self._trials: list[Document] = document["Trials"]

    def run(self) -> None:
        """Run trials to the end; a fault of the emulator fails the job."""
        try:
            self._run()
        except Exception as error:
            if self._closing.is_set():
                return
            self._save("Failed", f"InternalServerError: {type(error).__name__}: {error}")
            raise

    def _run(self) -> None:
        search = Search(
            self._config["Strategy"],
            self._ranges,
            self._maximize,
            self._limit,
            self._config.get("RandomSeed"),
        )
        self._recall(search)
        stopped: set[str] = set()
        while not self._closing.is_set():
            ending = self._ending()
            while not ending and self._room():
                self._begin(search)
            running = [trial for trial in self._trials if _runs(trial)]
            for trial in running:
                name = trial["TrainingJobName"]
                if name not in stopped and (ending in (_STOPPED, _SATISFIED) or self._lags(trial)):
                    stopped.add(name)
                    self._stop_trial(name)
            if not running:
                self._finish(ending)
                return
            self._context.store.wait(_LONGEST_WAIT)
            for trial in running:
                self._update(trial, search)

    def _document(self) -> Document:
        document = self._context.store.get(TUNING.resource, self._job)
        assert document is not None
        return document

    def _recall(self, search: Search) -> None:
        """Learn again from trials of an earlier process; those that died with it do not count."""
        for trial in [trial for trial in self._trials if _runs(trial)]:
            self._describe(trial)
            reason = trial.get("FailureReason", "")
            if trial["TrainingJobStatus"] == "Failed" and reason.startswith("InternalServerError"):
                self._trials.remove(trial)
        for trial in self._trials:
            objective = _objective(trial)
            if objective is not None and not _runs(trial):
                search.recall(trial["TunedHyperParameters"], objective)
        search.skip([trial["TunedHyperParameters"] for trial in self._trials])

    def _ending(self) -> str:
        """Why no more trials begin (_STOPPED, _SATISFIED, _HOPELESS), or an empty string."""
        if self._document()["HyperParameterTuningJobStatus"] == "Stopping":
            return _STOPPED
        ended = [trial for trial in self._trials if not _runs(trial)]
        failed = [trial for trial in ended if trial["TrainingJobStatus"] == "Failed"]
        if len(failed) >= _MOST_FAILURES and len(failed) == len(ended):
            return _HOPELESS
        criteria = self._config.get("TuningJobCompletionCriteria", {})
        target = criteria.get("TargetObjectiveMetricValue")
        best = self._best()
        value = _objective(best) if best else None
        if target is not None and value is not None and self._better(value, target, equal=True):
            return _SATISFIED
        patience = criteria.get("BestObjectiveNotImproving", {}).get(
            "MaxNumberOfTrainingJobsNotImproving"
        )
        if patience and best in ended and len(ended) - 1 - ended.index(best) >= patience:
            return _SATISFIED
        seconds = self._config["ResourceLimits"].get("MaxRuntimeInSeconds")
        if seconds and time.time() - self._document()["CreationTime"] > seconds:
            return _STOPPED
        return ""

    def _room(self) -> bool:
        running = sum(_runs(trial) for trial in self._trials)
        return running < self._parallel and len(self._trials) < self._limit

    def _begin(self, search: Search) -> None:
        name = f"{self._job}-{len(self._trials) + 1:03d}-{secrets.token_hex(4)}"
        tuned = search.propose(name)
        trial: Document = {
            "TrainingJobName": name,
            "TrainingJobArn": self._context.arn(TRAINING.resource, name),
            "TuningJobName": self._job,
            "CreationTime": time.time(),
            "TrainingJobStatus": "InProgress",
            "TunedHyperParameters": tuned,
            "ObjectiveStatus": "Pending",
        }
        if "DefinitionName" in self._definition:
            trial["TrainingJobDefinitionName"] = self._definition["DefinitionName"]
        self._trials.append(trial)
        self._save()
        try:
            request = trial_request(self._definition, name, tuned, self._metric)
            self._context.call("CreateTrainingJob", **request)
        except ApiError as error:
            trial |= {"TrainingJobStatus": "Failed", "FailureReason": f"ClientError: {error}"}
            trial |= {"TrainingEndTime": time.time(), "ObjectiveStatus": "Failed"}
            search.tell(name, None)
            self._save()
            return
        arn = self._context.arn(TUNING.resource, self._job)

        def link() -> Document:
            return self._context.store.update(TRAINING.resource, name, TuningJobArn=arn)

        with suppress(KeyError):  # deleted meanwhile
            retry_while_disk_full(link, self._closing, f"tuning job {self._job}")

    def _describe(self, trial: Document) -> None:
        try:
            described = self._context.call(
                "DescribeTrainingJob", TrainingJobName=trial["TrainingJobName"]
            )
        except ApiError as error:
            trial |= {
                "TrainingJobStatus": "Failed",
                "FailureReason": f"InternalServerError: {error}",
            }
            return
        for key in ("TrainingJobStatus", "TrainingStartTime", "TrainingEndTime", "FailureReason"):
            if key in described:
                trial[key] = described[key]
        if _runs(trial):
            return
        values = {
            entry["MetricName"]: entry["Value"]
            for entry in described.get("FinalMetricDataList", [])
        }
        if self._metric in values and trial["TrainingJobStatus"] != "Failed":
            trial["ObjectiveStatus"] = "Succeeded"
            trial["FinalHyperParameterTuningJobObjectiveMetric"] = {
                "MetricName": self._metric,
                "Value": values[self._metric],
            }
        else:
            trial["ObjectiveStatus"] = "Failed"

    def _update(self, trial: Document, search: Search) -> None:
        before = trial["TrainingJobStatus"]
        self._describe(trial)
        if not _runs(trial):
            search.tell(trial["TrainingJobName"], _objective(trial))
        if trial["TrainingJobStatus"] != before:
            self._save()

    def _lags(self, trial: Document) -> bool:
        """Whether the trial should be stopped early (TrainingJobEarlyStoppingType Auto)."""
        if self._config.get("TrainingJobEarlyStoppingType", "Off") != "Auto":
            return False
        for other in self._trials:
            name = other["TrainingJobName"]
            if other["TrainingJobStatus"] == "Completed" and name not in self._histories:
                self._histories[name] = self._history(name)
        current = self._history(trial["TrainingJobName"])
        return should_stop(current, list(self._histories.values()), self._maximize)

    def _history(self, trial: str) -> list[float]:
        """The objective after each of the trial's epochs so far."""
        return self._context.jobs.metric_history(trial, self._metric)

    def _stop_trial(self, name: str) -> None:
        try:
            self._context.call("StopTrainingJob", TrainingJobName=name)
        except ApiError:
            # It ended by itself in the meantime.
            return

    def _better(self, value: float, than: float, equal: bool = False) -> bool:
        if value == than:
            return equal
        return value > than if self._maximize else value < than

    def _best(self) -> Document | None:
        best: Document | None = None
        for trial in self._trials:
            value = _objective(trial)
            if value is None:
                continue
            if best is None or self._better(value, _objective(best) or 0.0):
                best = trial
        return best

    def _finish(self, ending: str) -> None:
        if ending == _STOPPED:
            self._save("Stopped")
        elif self._best():
            self._save("Completed")
        else:
            self._save("Failed", self._why())

    def _why(self) -> str:
        failed = [t for t in self._trials if t["TrainingJobStatus"] == "Failed"]
        if failed:
            last = failed[-1]
            return (
                f"No training job succeeded after {len(self._trials)} attempts. The last that "
                f"failed, {last['TrainingJobName']}: {last.get('FailureReason', '')}"
            )[:1024]
        return (
            f"No training job reported the objective metric {self._metric}: its regular "
            "expression in MetricDefinitions matched no line of their logs."
        )

    def _save(self, status: str | None = None, reason: str | None = None) -> None:
        statuses = [trial["TrainingJobStatus"] for trial in self._trials]
        objectives = [trial["ObjectiveStatus"] for trial in self._trials]
        now = time.time()
        changes: Document = {
            "Trials": self._trials,
            "LastModifiedTime": now,
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
        best = self._best()
        if best:
            changes["BestTrainingJob"] = best
        if status:
            changes |= {"HyperParameterTuningJobStatus": status, "HyperParameterTuningEndTime": now}
        if reason:
            changes["FailureReason"] = reason

        def write() -> Document:
            return self._context.store.update(TUNING.resource, self._job, **changes)

        if retry_while_disk_full(write, self._closing, f"tuning job {self._job}") is None:
            raise _Closing


def _runs(trial: Document) -> bool:
    return trial["TrainingJobStatus"] not in ENDED


def _objective(trial: Document) -> float | None:
    metric = trial.get("FinalHyperParameterTuningJobObjectiveMetric")
    # An earlier version kept values that are not finite.
    return float(metric["Value"]) if metric and is_finite(metric["Value"]) else None
