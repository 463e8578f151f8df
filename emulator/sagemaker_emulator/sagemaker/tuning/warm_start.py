"""What a tuning job learns from its parents: WarmStartConfig.

Contract: SageMaker developer guide, "Run a Warm Start Hyperparameter Tuning Job".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sagemaker_emulator.sagemaker.jobs.kinds import TUNING
from sagemaker_emulator.sagemaker.tuning import trials
from sagemaker_emulator.sagemaker.tuning.definitions import Definition, definitions_of
from sagemaker_emulator.sagemaker.tuning.search import Range, Search, parse_ranges
from sagemaker_emulator.storage.store import Document, Store

_IDENTICAL = "IdenticalDataAndAlgorithm"


def problem(store: Store, request: Mapping[str, Any]) -> str:
    """Why the parents of a request cannot be used, or an empty string."""
    if "WarmStartConfig" not in request:
        return ""
    if request["HyperParameterTuningJobConfig"]["Strategy"] == "Grid":
        return "WarmStartConfig goes with the strategies Bayesian and Random."
    for name in _parents(request):
        parent = store.get(TUNING.resource, name)
        if parent is None:
            return f"Parent hyperparameter tuning job {name} does not exist."
        if parent[TUNING.status_key] not in trials.ENDED:
            return f"Parent hyperparameter tuning job {name} has not ended."
        before = {each.name: each for each in definitions_of(parent)}
        for definition in definitions_of(request):
            if definition.name not in before:
                return f"Parent {name} has no training job definition {definition.name!r}."
            why = _difference(before[definition.name], definition)
            if why:
                return (
                    f"Parent {name} and the new tuning job differ in {why}, which must not change."
                )
    return ""


def _difference(before: Definition, after: Definition) -> str:
    if before.objective != after.objective:
        return "the objective metric"
    old, new = (_kinds(each) for each in (before, after))
    if len(old) != len(new):
        return "the number of static and tunable hyperparameters"
    changed = sorted(
        name for name in old.keys() & new.keys() if len({old[name], new[name], "static"}) > 2
    )
    return f"the type of the hyperparameter {changed[0]}" if changed else ""


def _kinds(definition: Definition) -> dict[str, str]:
    """The type of each hyperparameter; `static` where it is not searched."""
    static = dict.fromkeys(definition.request.get("StaticHyperParameters", {}), "static")
    return static | {each.name: each.kind for each in parse_ranges(definition.ranges)}


def teach(
    store: Store,
    job: Mapping[str, Any],
    searches: Mapping[str, Search],
    ranges: Mapping[str, list[Range]],
) -> None:
    """Tell searches the outcomes of the parents' trials that lie in what is searched now.

    Args:
        store: Where the parents are; one that was deleted teaches nothing.
        job: The tuning job.
        searches: By the names of its definitions.
        ranges: What each searches.
    """
    for name in _parents(job):
        parent = store.get(TUNING.resource, name)
        if parent is None:
            continue
        # What was static before may be searched now.
        static = {
            each.name: each.request.get("StaticHyperParameters", {})
            for each in definitions_of(parent)
        }
        for trial in parent["Trials"]:
            definition, objective = trials.definition_name(trial), trials.objective(trial)
            if objective is None or definition not in searches:
                continue
            values = static[definition] | trial["TunedHyperParameters"]
            tuned = _within(ranges[definition], values)
            if tuned is not None:
                searches[definition].recall(tuned, objective)


def rivals_of(store: Store, job: Mapping[str, Any]) -> list[Document] | None:
    """The best trials that a job's own are compared with; None where they are not compared.

    Only with IdenticalDataAndAlgorithm is there an OverallBestTrainingJob, by the reference of
    DescribeHyperParameterTuningJob. One that the job already has stays a rival: its parent may
    have been deleted before the emulator was started again.
    """
    if job.get("WarmStartConfig", {}).get("WarmStartType") != _IDENTICAL:
        return None
    parents = (store.get(TUNING.resource, name) for name in _parents(job))
    found = [job.get("OverallBestTrainingJob")]
    found += [
        parent.get("OverallBestTrainingJob") or parent.get("BestTrainingJob")
        for parent in parents
        if parent
    ]
    return [best for best in found if best]


def _parents(job: Mapping[str, Any]) -> list[str]:
    parents = job.get("WarmStartConfig", {}).get("ParentHyperParameterTuningJobs", [])
    return [parent["HyperParameterTuningJobName"] for parent in parents]


def _within(ranges: list[Range], hyperparameters: Mapping[str, str]) -> dict[str, str] | None:
    """Those of the hyperparameters that are searched; None where one is not in its range."""
    if not all(each.holds(hyperparameters.get(each.name)) for each in ranges):
        return None
    return {each.name: hyperparameters[each.name] for each in ranges}
