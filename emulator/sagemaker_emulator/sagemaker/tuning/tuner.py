"""A tuning job: trials proposed by a search, each a training job, until the budget is spent.

Contract: SageMaker developer guide, "Perform Automatic Model Tuning". Trials are created, described
and stopped through the same operations that a client has.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Mapping
from contextlib import suppress

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.errors import ApiError
from sagemaker_emulator.sagemaker.jobs.kinds import TRAINING, TUNING
from sagemaker_emulator.sagemaker.tuning import trials, warm_start
from sagemaker_emulator.sagemaker.tuning.definitions import (
    Definition,
    definition_of,
    definitions_of,
)
from sagemaker_emulator.sagemaker.tuning.early_stopping import should_stop
from sagemaker_emulator.sagemaker.tuning.request import trial_request
from sagemaker_emulator.sagemaker.tuning.search import Search, grid_size, parse_ranges
from sagemaker_emulator.storage.disk import retry_while_disk_full
from sagemaker_emulator.storage.store import Document

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
        self._definitions = definitions_of(document)
        self._maximize = self._definitions[0].maximize
        self._ranges = {each.name: parse_ranges(each.ranges) for each in self._definitions}
        most: int | None = self._config["ResourceLimits"].get("MaxNumberOfTrainingJobs")
        # How many trials each definition can have at most.
        self._shares = {
            name: grid_size(ranges) if self._config["Strategy"] == "Grid" else most or 0
            for name, ranges in self._ranges.items()
        }
        self._limit = most or sum(self._shares.values())
        self._parallel: int = self._config["ResourceLimits"]["MaxParallelTrainingJobs"]
        self._trials: list[Document] = document["Trials"]
        self._rivals = warm_start.rivals_of(context.store, document)

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
        searches = {
            name: Search(
                self._config["Strategy"],
                ranges,
                self._maximize,
                self._limit // len(self._ranges),
                self._config.get("RandomSeed"),
            )
            for name, ranges in self._ranges.items()
        }
        self._recall(searches)
        stopped: set[str] = set()
        while not self._closing.is_set():
            ending = self._ending()
            while not ending and self._room():
                self._begin(searches)
            running = [trial for trial in self._trials if trials.runs(trial)]
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
                self._update(trial, searches[trials.definition_name(trial)])

    def _document(self) -> Document:
        document = self._context.store.get(TUNING.resource, self._job)
        assert document is not None
        return document

    def _recall(self, searches: Mapping[str, Search]) -> None:
        """Learn again from trials of an earlier process; those that died with it do not count."""
        for trial in [trial for trial in self._trials if trials.runs(trial)]:
            self._describe(trial)
            reason = trial.get("FailureReason", "")
            if trial["TrainingJobStatus"] == "Failed" and reason.startswith("InternalServerError"):
                self._trials.remove(trial)
        for trial in self._trials:
            objective = trials.objective(trial)
            if objective is not None and not trials.runs(trial):
                search = searches[trials.definition_name(trial)]
                search.recall(trial["TunedHyperParameters"], objective)
        warm_start.teach(self._context.store, self._document(), searches, self._ranges)
        for name, search in searches.items():
            own = [trial for trial in self._trials if trials.definition_name(trial) == name]
            search.skip([trial["TunedHyperParameters"] for trial in own])

    def _ending(self) -> str:
        """Why no more trials begin (_STOPPED, _SATISFIED, _HOPELESS), or an empty string."""
        if self._document()["HyperParameterTuningJobStatus"] == "Stopping":
            return _STOPPED
        ended = [trial for trial in self._trials if not trials.runs(trial)]
        failed = [trial for trial in ended if trial["TrainingJobStatus"] == "Failed"]
        if len(failed) >= _MOST_FAILURES and len(failed) == len(ended):
            return _HOPELESS
        criteria = self._config.get("TuningJobCompletionCriteria", {})
        target = criteria.get("TargetObjectiveMetricValue")
        best = trials.best(self._trials, self._maximize)
        value = trials.objective(best) if best else None
        if (
            target is not None
            and value is not None
            and (value == target or trials.is_better(value, target, self._maximize))
        ):
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
        running = sum(trials.runs(trial) for trial in self._trials)
        return running < self._parallel and len(self._trials) < self._limit

    def _next_definition(self) -> Definition:
        """The one with the fewest trials: several take turns; a grid that is used up has none."""
        counts = dict.fromkeys(self._shares, 0)
        for trial in self._trials:
            counts[trials.definition_name(trial)] += 1
        unspent = [
            each for each in self._definitions if counts[each.name] < self._shares[each.name]
        ]
        return min(unspent, key=lambda each: counts[each.name])

    def _begin(self, searches: Mapping[str, Search]) -> None:
        name = f"{self._job}-{len(self._trials) + 1:03d}-{secrets.token_hex(4)}"
        definition = self._next_definition()
        search = searches[definition.name]
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
        if definition.name:
            trial["TrainingJobDefinitionName"] = definition.name
        self._trials.append(trial)
        self._save()
        try:
            request = trial_request(definition, name, tuned)
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
        if trials.runs(trial):
            return
        values = {
            entry["MetricName"]: entry["Value"]
            for entry in described.get("FinalMetricDataList", [])
        }
        metric = definition_of(self._definitions, trial).metric
        if metric in values and trial["TrainingJobStatus"] != "Failed":
            trial["ObjectiveStatus"] = "Succeeded"
            trial["FinalHyperParameterTuningJobObjectiveMetric"] = {
                "MetricName": metric,
                "Value": values[metric],
            }
        else:
            trial["ObjectiveStatus"] = "Failed"

    def _update(self, trial: Document, search: Search) -> None:
        before = trial["TrainingJobStatus"]
        self._describe(trial)
        if not trials.runs(trial):
            search.tell(trial["TrainingJobName"], trials.objective(trial))
        if trial["TrainingJobStatus"] != before:
            self._save()

    def _lags(self, trial: Document) -> bool:
        """Whether the trial should be stopped early (TrainingJobEarlyStoppingType Auto)."""
        if self._config.get("TrainingJobEarlyStoppingType", "Off") != "Auto":
            return False
        alike = [
            each
            for each in self._trials
            if trials.definition_name(each) == trials.definition_name(trial)
        ]
        completed = [each for each in alike if each["TrainingJobStatus"] == "Completed"]
        for other in completed:
            if other["TrainingJobName"] not in self._histories:
                self._histories[other["TrainingJobName"]] = self._history(other)
        earlier = [self._histories[each["TrainingJobName"]] for each in completed]
        return should_stop(self._history(trial), earlier, self._maximize)

    def _history(self, trial: Document) -> list[float]:
        """The objective after each of the trial's epochs so far."""
        metric = definition_of(self._definitions, trial).metric
        return self._context.jobs.metric_history(trial["TrainingJobName"], metric)

    def _stop_trial(self, name: str) -> None:
        try:
            self._context.call("StopTrainingJob", TrainingJobName=name)
        except ApiError:
            # It ended by itself in the meantime.
            return

    def _finish(self, ending: str) -> None:
        if ending == _STOPPED:
            self._save("Stopped")
        elif trials.best(self._trials, self._maximize):
            self._save("Completed")
        else:
            self._save("Failed", trials.why_none(self._trials, self._definitions))

    def _save(self, status: str | None = None, reason: str | None = None) -> None:
        now = time.time()
        changes: Document = {
            "Trials": self._trials,
            "LastModifiedTime": now,
            **trials.counters(self._trials),
        }
        best = trials.best(self._trials, self._maximize)
        if best:
            changes["BestTrainingJob"] = best
        if self._rivals is not None:
            overall = trials.best([*self._rivals, *([best] if best else [])], self._maximize)
            if overall:
                changes["OverallBestTrainingJob"] = overall
        if status:
            changes |= {"HyperParameterTuningJobStatus": status, "HyperParameterTuningEndTime": now}
        if reason:
            changes["FailureReason"] = reason

        def write() -> Document:
            return self._context.store.update(TUNING.resource, self._job, **changes)

        if retry_while_disk_full(write, self._closing, f"tuning job {self._job}") is None:
            raise _Closing
