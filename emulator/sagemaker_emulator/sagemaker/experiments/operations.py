"""Experiments and trials: the operations."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.aws.dispatch import Response, operation
from sagemaker_emulator.aws.members import paths
from sagemaker_emulator.aws.pages import SORTED, Stored, page
from sagemaker_emulator.sagemaker.defaults import with_user
from sagemaker_emulator.sagemaker.experiments import records
from sagemaker_emulator.sagemaker.experiments.records import COMPONENT, EXPERIMENT, TRIAL
from sagemaker_emulator.storage.store import Document

if TYPE_CHECKING:
    from types_boto3_sagemaker import type_defs as types

CREATED_BETWEEN = SORTED + "CreatedAfter CreatedBefore "


@operation("CreateExperiment", honours=paths("ExperimentName DisplayName Description Tags"))
def create_experiment(context: Context, request: types.CreateExperimentRequestTypeDef) -> Response:
    """Create an experiment without trials."""
    return records.create(context, EXPERIMENT, request)


@operation("DescribeExperiment", honours=paths("ExperimentName"))
def describe_experiment(
    context: Context, request: types.DescribeExperimentRequestTypeDef
) -> Response:
    """An experiment."""
    return with_user(context, records.get(context, EXPERIMENT, request["ExperimentName"]))


@operation("UpdateExperiment", honours=paths("ExperimentName DisplayName Description"))
def update_experiment(context: Context, request: types.UpdateExperimentRequestTypeDef) -> Response:
    """Change how an experiment is displayed and described."""
    return records.update(context, EXPERIMENT, request, ("DisplayName", "Description"))


@operation("ListExperiments", honours=paths(CREATED_BETWEEN))
def list_experiments(context: Context, request: types.ListExperimentsRequestTypeDef) -> Response:
    """Experiments by time."""
    experiments = Stored(
        context.store,
        EXPERIMENT.resource,
        show=lambda each: {**each, "ExperimentSource": each.get("Source")},
    )
    return page("ListExperiments", request, experiments, "ExperimentSummaries", "Experiment")


@operation("DeleteExperiment", honours=paths("ExperimentName"))
def delete_experiment(context: Context, request: types.DeleteExperimentRequestTypeDef) -> Response:
    """Forget an experiment that has no trials."""
    with context.store.transaction():
        document = records.get(context, EXPERIMENT, request["ExperimentName"])
        if _trials_of(context, document["ExperimentName"]):
            raise records.used(EXPERIMENT, document, "trials")
        return records.delete(context, EXPERIMENT, document)


@operation(
    "CreateTrial",
    honours=paths("TrialName DisplayName ExperimentName MetadataProperties Tags"),
)
def create_trial(context: Context, request: types.CreateTrialRequestTypeDef) -> Response:
    """Create a trial of an experiment."""
    with context.store.transaction():
        experiment = records.get(context, EXPERIMENT, request["ExperimentName"])
        name = experiment["ExperimentName"]
        return records.create(context, TRIAL, {**request, "ExperimentName": name})


@operation("DescribeTrial", honours=paths("TrialName"))
def describe_trial(context: Context, request: types.DescribeTrialRequestTypeDef) -> Response:
    """A trial."""
    return with_user(context, records.get(context, TRIAL, request["TrialName"]))


@operation("UpdateTrial", honours=paths("TrialName DisplayName"))
def update_trial(context: Context, request: types.UpdateTrialRequestTypeDef) -> Response:
    """Change how a trial is displayed."""
    return records.update(context, TRIAL, request, ("DisplayName",))


@operation("ListTrials", honours=paths(CREATED_BETWEEN + "ExperimentName TrialComponentName"))
def list_trials(context: Context, request: types.ListTrialsRequestTypeDef) -> Response:
    """Trials by experiment, component and time."""
    experiment = component = None
    if "ExperimentName" in request:
        experiment = records.get(context, EXPERIMENT, request["ExperimentName"])
    if "TrialComponentName" in request:
        component = records.get(context, COMPONENT, request["TrialComponentName"])
    parents = {each["TrialName"] for each in component["Parents"]} if component else set()

    def keep(trial: Document) -> bool:
        of_experiment = not experiment or trial["ExperimentName"] == experiment["ExperimentName"]
        return of_experiment and (not component or trial["TrialName"] in parents)

    trials = Stored(
        context.store,
        TRIAL.resource,
        keep=keep,
        show=lambda each: {**each, "TrialSource": each.get("Source")},
        holds=json.dumps(experiment["ExperimentName"]) if experiment else "",
    )
    return page("ListTrials", request, trials, "TrialSummaries", "Trial")


@operation("DeleteTrial", honours=paths("TrialName"))
def delete_trial(context: Context, request: types.DeleteTrialRequestTypeDef) -> Response:
    """Forget a trial that has no components."""
    with context.store.transaction():
        document = records.get(context, TRIAL, request["TrialName"])
        if components_of(context, document["TrialName"]):
            raise records.used(TRIAL, document, "trial components")
        return records.delete(context, TRIAL, document)


def components_of(context: Context, trial: str) -> list[Document]:
    """The trial components of a trial, in the order of their creation."""
    return Stored(
        context.store,
        COMPONENT.resource,
        keep=lambda each: any(parent["TrialName"] == trial for parent in each["Parents"]),
        holds=json.dumps(trial),
    ).all()


def _trials_of(context: Context, experiment: str) -> list[Document]:
    return Stored(
        context.store,
        TRIAL.resource,
        keep=lambda each: bool(each["ExperimentName"] == experiment),
        holds=json.dumps(experiment),
    ).all()
