"""What each List operation of SageMaker lists: how its items are made and deleted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from sagemaker_emulator.aws.context import Context

ARN = "arn:aws:sagemaker:us-east-1:123456789012"
EXECUTION = f"{ARN}:pipeline/p/execution/abcdefghijkl"
Json = dict[str, Any]
NAMES = [f"item-{number}" for number in range(7)]


def put_job(context: Context, kind: str, title: str, name: str, at: float, **more: Any) -> None:
    times = {"CreationTime": at, "LastModifiedTime": at}
    names = {f"{title}Name": name, f"{title}Arn": f"{ARN}:{kind}/{name}"}
    context.store.put(kind, name, {**names, f"{title}Status": "Completed", **times, **more})


@dataclass
class Listing:
    """How items of one List operation are made and deleted."""

    member: str
    shown: str
    put: Callable[[Context, str, float], object]
    delete: Callable[[Context, str], object]
    request: Json = field(default_factory=dict)


def of_kind(kind: str, title: str, member: str, **more: Any) -> Listing:
    return Listing(
        member,
        f"{title}Name",
        lambda context, name, at: put_job(context, kind, title, name, at, **more),
        lambda context, name: context.store.delete(kind, name),
    )


def put_execution(context: Context, name: str, at: float) -> None:
    arn = f"{ARN}:pipeline/p/execution/{name}"
    record = {"PipelineExecutionArn": arn, "CreationTime": at, "PipelineExecutionDisplayName": name}
    context.store.put("pipeline-execution", arn, record)


def delete_execution(context: Context, name: str) -> None:
    context.store.delete("pipeline-execution", f"{ARN}:pipeline/p/execution/{name}")


def put_step(context: Context, name: str, at: float) -> None:
    context.store.put("pipeline-execution", EXECUTION, {"PipelineExecutionArn": EXECUTION})
    step = {"StepName": name, "StepStatus": "Succeeded", "StartTime": at}
    context.store.put("pipeline-step", f"{EXECUTION}/step/{name}", step)


def put_trial(context: Context, name: str, at: float) -> None:
    kind = "hyper-parameter-tuning-job"
    trials = (context.store.get(kind, "t") or {"Trials": []})["Trials"]
    trial = {"TrainingJobName": name, "CreationTime": at, "TrainingJobStatus": "Completed"}
    context.store.put(kind, "t", {"Trials": [*trials, trial]})


def delete_trial(context: Context, name: str) -> None:
    kind = "hyper-parameter-tuning-job"
    trials = (context.store.get(kind, "t") or {})["Trials"]
    kept = [trial for trial in trials if trial["TrainingJobName"] != name]
    context.store.put(kind, "t", {"Trials": kept})


def put_package(context: Context, name: str, at: float) -> None:
    version = int(name.rpartition("-")[2])
    document = {
        "ModelPackageName": f"g/{version}",
        "ModelPackageArn": f"{ARN}:model-package/g/{version}",
        "ModelPackageVersion": version,
        "ModelPackageDescription": name,
        "CreationTime": at,
    }
    context.store.put("model-package", f"g/{version}", document)


def put_version(context: Context, name: str, at: float) -> None:
    number = int(name.rpartition("-")[2])
    record = {"PipelineVersionId": number, "PipelineVersionDisplayName": name, "CreationTime": at}
    context.store.put("pipeline-version", f"p/{number}", record)


def put_card_version(context: Context, name: str, at: float) -> None:
    context.store.put("model-card", "c", {"ModelCardName": "c"})
    number = int(name.rpartition("-")[2])
    record = {"ModelCardVersion": number, "ModelCardArn": name, "ModelCardStatus": "Draft"}
    record |= {"CreationTime": at}
    context.store.put("model-card-version", f"c/{number}", record)


def put_association(context: Context, name: str, at: float) -> None:
    ends = {
        f"{end}{what}": name
        for end in ("Source", "Destination")
        for what in ("Type", "Kind", "Arn")
    }
    document = {"Name": name, "SourceName": name, "CreationTime": at, **ends}
    context.store.put("association", name, document)


TUNING = {"HyperParameterTuningJobConfig": {"Strategy": "Random", "ResourceLimits": {}}}
LISTINGS = {
    "ListModels": of_kind("model", "Model", "Models"),
    "ListEndpointConfigs": of_kind("endpoint-config", "EndpointConfig", "EndpointConfigs"),
    "ListEndpoints": of_kind("endpoint", "Endpoint", "Endpoints"),
    "ListProcessingJobs": of_kind("processing-job", "ProcessingJob", "ProcessingJobSummaries"),
    "ListTrainingJobs": of_kind("training-job", "TrainingJob", "TrainingJobSummaries"),
    "ListTransformJobs": of_kind("transform-job", "TransformJob", "TransformJobSummaries"),
    "ListHyperParameterTuningJobs": of_kind(
        "hyper-parameter-tuning-job",
        "HyperParameterTuningJob",
        "HyperParameterTuningJobSummaries",
        **TUNING,
    ),
    "ListTrainingJobsForHyperParameterTuningJob": Listing(
        "TrainingJobSummaries",
        "TrainingJobName",
        put_trial,
        delete_trial,
        {"HyperParameterTuningJobName": "t"},
    ),
    "ListPipelines": of_kind("pipeline", "Pipeline", "PipelineSummaries"),
    "ListPipelineExecutions": Listing(
        "PipelineExecutionSummaries",
        "PipelineExecutionDisplayName",
        put_execution,
        delete_execution,
        {"PipelineName": "p"},
    ),
    "ListPipelineVersions": Listing(
        "PipelineVersionSummaries",
        "PipelineVersionDisplayName",
        put_version,
        lambda context, name: context.store.delete(
            "pipeline-version", f"p/{name.rpartition('-')[2]}"
        ),
        {"PipelineName": "p"},
    ),
    "ListPipelineExecutionSteps": Listing(
        "PipelineExecutionSteps",
        "StepName",
        put_step,
        lambda context, name: context.store.delete("pipeline-step", f"{EXECUTION}/step/{name}"),
        {"PipelineExecutionArn": EXECUTION},
    ),
    "ListModelPackageGroups": of_kind(
        "model-package-group", "ModelPackageGroup", "ModelPackageGroupSummaryList"
    ),
    "ListModelCards": of_kind("model-card", "ModelCard", "ModelCardSummaries"),
    "ListModelCardVersions": Listing(
        "ModelCardVersionSummaryList",
        "ModelCardArn",
        put_card_version,
        lambda context, name: context.store.delete(
            "model-card-version", f"c/{name.rpartition('-')[2]}"
        ),
        {"ModelCardName": "c"},
    ),
    "ListArtifacts": of_kind("artifact", "Artifact", "ArtifactSummaries"),
    "ListActions": of_kind("action", "Action", "ActionSummaries"),
    "ListContexts": of_kind("context", "Context", "ContextSummaries"),
    "ListAssociations": Listing(
        "AssociationSummaries",
        "SourceName",
        put_association,
        lambda context, name: context.store.delete("association", name),
    ),
    "ListExperiments": of_kind("experiment", "Experiment", "ExperimentSummaries"),
    "ListTrials": of_kind("experiment-trial", "Trial", "TrialSummaries"),
    "ListTrialComponents": of_kind(
        "experiment-trial-component", "TrialComponent", "TrialComponentSummaries"
    ),
    "ListModelPackages": Listing(
        "ModelPackageSummaryList",
        "ModelPackageDescription",
        put_package,
        lambda context, name: context.store.delete("model-package", f"g/{name.rpartition('-')[2]}"),
        {"ModelPackageGroupName": "g"},
    ),
}
# Nothing of these can be deleted while somebody pages: an execution's parameters stay as they are,
# and a page of tags holds all that a resource may have.
OTHERS = {"ListPipelineParametersForExecution", "ListTags"}


def fill(context: Context, operation: str) -> Listing:
    """Make the items of an operation, named NAMES, and none beside them."""
    for kind in ("pipeline", "model-package-group", "model"):
        if operation in ("ListPipelines", "ListModelPackageGroups", "ListModels"):
            context.store.delete(kind, {"pipeline": "p", "model": "m"}.get(kind, "g"))
    listing = LISTINGS[operation]
    for number, name in enumerate(NAMES):
        listing.put(context, name, 1000.0 + number)
    return listing
