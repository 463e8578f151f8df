"""The resources that Search finds, and what a SearchRecord shows of each."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

from botocore.model import StructureShape

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.aws.dispatch import service_model
from sagemaker_emulator.sagemaker import tags
from sagemaker_emulator.sagemaker.defaults import JOBS, MODEL, fill, with_user
from sagemaker_emulator.sagemaker.experiments import components
from sagemaker_emulator.sagemaker.experiments import operations as experiments
from sagemaker_emulator.sagemaker.experiments.records import COMPONENT, EXPERIMENT, TRIAL
from sagemaker_emulator.sagemaker.jobs.kinds import TRAINING, TRANSFORM, TUNING
from sagemaker_emulator.sagemaker.pipelines.run import records
from sagemaker_emulator.sagemaker.pipelines.versions import VERSION
from sagemaker_emulator.sagemaker.registry import cards, packages
from sagemaker_emulator.storage.store import Document

View = Callable[[Context, Document], Document]


@dataclass(frozen=True)
class Resource:
    """A kind of resource.

    Attributes:
        record: its member of SearchRecord.
        kind: of its documents in the store.
        arn: the member that tells one document from another.
        view: returns what SearchRecord shows of a document, without its tags.
        name: the member that is the document's name in the store, if one is.
        stored: whether the view's texts are in the document as they are.
    """

    record: str
    kind: str
    arn: str
    view: View
    name: str = ""
    stored: bool = True

    @property
    def shape(self) -> StructureShape:
        """The shape of its member of SearchRecord."""
        records_shape = service_model("sagemaker").shape_for("SearchRecord")
        assert isinstance(records_shape, StructureShape)
        shape = records_shape.members[self.record]
        assert isinstance(shape, StructureShape)
        return shape

    def tagged(self, context: Context, document: Document) -> Document:
        """A resource with its tags."""
        if "Tags" not in self.shape.members:
            return document
        return {**document, "Tags": tags.get(context, document[self.arn])}


def _execution(context: Context, document: Document) -> Document:
    parameters = [
        {"Name": name, "Value": value if isinstance(value, str) else json.dumps(value)}
        for name, value in document["Parameters"].items()
    ]
    return with_user(context, {**document, "PipelineParameters": parameters})


def _endpoint(context: Context, document: Document) -> Document:
    # Its documents have what is to serve; Describe returns what serves.
    return context.call("DescribeEndpoint", EndpointName=document["EndpointName"])


def _package(context: Context, document: Document) -> Document:
    return with_user(context, packages.shown(document))


def _model(context: Context, document: Document) -> Document:
    """A model as the model dashboard has it: with its endpoints and last batch transform."""
    name = document["ModelName"]
    endpoints = [
        endpoint
        for endpoint in context.store.list("endpoint")
        if any(
            variant.get("ModelName") == name
            for variant in endpoint.get("Config", {}).get("ProductionVariants", [])
        )
    ]
    transforms = [
        job for job in context.store.list(TRANSFORM.resource) if job.get("ModelName") == name
    ]
    model = {**fill(document, MODEL), "Tags": tags.get(context, document["ModelArn"])}
    # The record has neither of the last two; they are for order and identity.
    return {
        "Model": model,
        "Endpoints": endpoints,
        **({"LastBatchTransformJob": transforms[-1]} if transforms else {}),
        "ModelArn": document["ModelArn"],
        "CreationTime": document["CreationTime"],
    }


def _trial(context: Context, document: Document) -> Document:
    summaries = [
        with_user(context, {**each, "TrialComponentSource": each.get("Source")})
        for each in experiments.components_of(context, document["TrialName"])
    ]
    return with_user(context, {**document, "TrialComponentSummaries": summaries})


def _component(context: Context, document: Document) -> Document:
    """A trial component with its source job, if it has one that is not deleted."""
    shown = components.shown(context, document)
    source = document.get("Source")
    if source is None:
        return shown
    kind, _, name = source["SourceArn"].rpartition(":")[2].partition("/")
    job = context.store.get(kind, name)
    member = source["SourceType"].removeprefix("SageMaker")
    detail = {"SourceArn": source["SourceArn"], **({member: job} if job else {})}
    return {**shown, "SourceDetail": detail}


def _plain(_: Context, document: Document) -> Document:
    return document


# By the request's Resource.
RESOURCES = {
    "TrainingJob": Resource(
        "TrainingJob",
        TRAINING.resource,
        "TrainingJobArn",
        lambda _, document: fill(document, JOBS[TRAINING.resource]),
        "TrainingJobName",
    ),
    "HyperParameterTuningJob": Resource(
        "HyperParameterTuningJob",
        TUNING.resource,
        "HyperParameterTuningJobArn",
        _plain,
        "HyperParameterTuningJobName",
    ),
    "Endpoint": Resource("Endpoint", "endpoint", "EndpointArn", _endpoint, stored=False),
    "Experiment": Resource("Experiment", EXPERIMENT.resource, EXPERIMENT.arn_key, with_user),
    "ExperimentTrial": Resource("Trial", TRIAL.resource, TRIAL.arn_key, _trial, stored=False),
    "ExperimentTrialComponent": Resource(
        "TrialComponent", COMPONENT.resource, COMPONENT.arn_key, _component
    ),
    "Model": Resource("Model", "model", "ModelArn", _model, stored=False),
    "ModelCard": Resource(
        "ModelCard", cards.KIND, "ModelCardArn", cards.searched, "ModelCardName", stored=False
    ),
    "ModelPackage": Resource("ModelPackage", "model-package", "ModelPackageArn", _package),
    "ModelPackageGroup": Resource(
        "ModelPackageGroup",
        "model-package-group",
        "ModelPackageGroupArn",
        with_user,
        "ModelPackageGroupName",
    ),
    "Pipeline": Resource("Pipeline", records.PIPELINE, "PipelineArn", with_user, "PipelineName"),
    "PipelineVersion": Resource("PipelineVersion", VERSION, "Name", with_user),
    "PipelineExecution": Resource(
        "PipelineExecution", records.EXECUTION, "PipelineExecutionArn", _execution
    ),
}
