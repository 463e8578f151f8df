"""The resources that Search finds, and what a SearchRecord shows of each."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from botocore.model import StructureShape

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.aws.dispatch import service_model
from sagemaker_emulator.aws.pages import Stored
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
# Members by what returns each of a document; None where it has none.
Linked = Mapping[str, Callable[[Context, Document], Any]]


@dataclass(frozen=True)
class Resource:
    """A kind of resource.

    Attributes:
        record: its member of SearchRecord.
        kind: of its documents in the store.
        arn: the member that tells one document from another.
        view: returns what SearchRecord shows of a document, without its tags and what is linked.
        name: the member that is the document's name in the store, if one is.
        stored: whether the view's texts are in the document as they are.
        linked: the members that are other resources, which are read only for who needs them.
    """

    record: str
    kind: str
    arn: str
    view: View
    name: str = ""
    stored: bool = True
    linked: Linked = field(default_factory=dict)

    @cached_property  # botocore would make it and all its members anew for each document
    def shape(self) -> StructureShape:
        """The shape of its member of SearchRecord."""
        records_shape = service_model("sagemaker").shape_for("SearchRecord")
        assert isinstance(records_shape, StructureShape)
        shape = records_shape.members[self.record]
        assert isinstance(shape, StructureShape)
        return shape

    def shown(self, context: Context, document: Document, members: Collection[str]) -> Document:
        """What SearchRecord shows of a document, with the tags and links that are in `members`."""
        shown = self.view(context, document)
        if "Tags" in members and "Tags" in self.shape.members:
            shown = {**shown, "Tags": tags.get(context, document[self.arn])}
        for member, read in self.linked.items():
            if member in members and (value := read(context, document)) is not None:
                shown = {**shown, member: value}
        return shown


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
    """A model as the model dashboard has it."""
    model = {**fill(document, MODEL), "Tags": tags.get(context, document["ModelArn"])}
    # The record has neither of the last two; they are for order and identity.
    return {
        "Model": model,
        "ModelArn": document["ModelArn"],
        "CreationTime": document["CreationTime"],
    }


def _endpoints(context: Context, model: Document) -> list[Document]:
    """The endpoints that serve a model."""
    name = model["ModelName"]

    def serves(endpoint: Document) -> bool:
        variants = endpoint.get("Config", {}).get("ProductionVariants", [])
        return any(variant.get("ModelName") == name for variant in variants)

    return Stored(context.store, "endpoint", keep=serves, holds=json.dumps(name)).all()


def _last_transform(context: Context, model: Document) -> Document | None:
    """A model's latest transform job."""
    name = model["ModelName"]
    jobs = Stored(
        context.store,
        TRANSFORM.resource,
        keep=lambda job: job.get("ModelName") == name,
        holds=json.dumps(name),
    ).all()
    return jobs[-1] if jobs else None


def _components(context: Context, trial: Document) -> list[Document]:
    return [
        with_user(context, {**each, "TrialComponentSource": each.get("Source")})
        for each in experiments.components_of(context, trial["TrialName"])
    ]


def _source_detail(context: Context, component: Document) -> Document | None:
    """The source job of a trial component, if it has one; without the job where it is deleted."""
    source = component.get("Source")
    if source is None:
        return None
    kind, _, name = source["SourceArn"].rpartition(":")[2].partition("/")
    job = context.store.get(kind, name)
    member = source["SourceType"].removeprefix("SageMaker")
    return {"SourceArn": source["SourceArn"], **({member: job} if job else {})}


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
    "ExperimentTrial": Resource(
        "Trial",
        TRIAL.resource,
        TRIAL.arn_key,
        with_user,
        linked={"TrialComponentSummaries": _components},
    ),
    "ExperimentTrialComponent": Resource(
        "TrialComponent",
        COMPONENT.resource,
        COMPONENT.arn_key,
        components.shown,
        linked={"SourceDetail": _source_detail},
    ),
    "Model": Resource(
        "Model",
        "model",
        "ModelArn",
        _model,
        stored=False,
        linked={"Endpoints": _endpoints, "LastBatchTransformJob": _last_transform},
    ),
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
