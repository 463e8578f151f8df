"""Model versions side by side: what each counts, what it learned from, and how well it counts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from model_registry import endpoint as endpoints
from model_registry.attempts import FAILURE
from model_registry.versions import ModelVersion
from pipelines import evaluation_report
from pipelines.evaluation_report import EvaluationReport, Metric
from pipelines.s3 import read_object
from pipelines.serving.package_group import find, list_versions, parse_version
from pipelines.settings.fields import NONE

if TYPE_CHECKING:
    import boto3
    from types_boto3_s3 import S3Client
    from types_boto3_sagemaker import SageMakerClient

READERS = 8  # versions that are read at the same time
TRAINING = "training.json"  # beside evaluation.json
# The hyperparameters that the facts name, in this order, each with the words around its value.
RECIPE = {"lr": "lr {}", "batch-size": "batch {}", "epochs": "{} epochs"}


@dataclass(frozen=True)
class Compared:
    """A model version.

    Attributes:
        version: The model package.
        report: Its evaluation; None if evaluation.json is gone.
        serving: Whether the endpoint serves it.
        training: The content of training.json; empty if that is gone.
        parameters: Those of the execution that registered it, by name; empty if that is gone.
    """

    version: ModelVersion
    report: EvaluationReport | None
    serving: bool
    training: Mapping[str, Any] = field(default_factory=dict)
    parameters: Mapping[str, str] = field(default_factory=dict)

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """The test metrics."""
        return self.report.metrics if self.report else ()

    @property
    def classes(self) -> str:
        """The counts that it answers, such as `1-5`; "" if they are not known."""
        given = self.version.metadata.get("classes") or self.parameters.get("Classes", "")
        return given or (self.report.classes if self.report else "")

    @property
    def data(self) -> str:
        """The name of the images that it learned from, without the address; "" if not known."""
        return data_name(self._origin("data_source", "DataSource"))

    @property
    def data_version(self) -> str:
        """The version label of the images; "" without one."""
        label = self._origin("data_version", "DataVersion")
        return "" if label == NONE else label

    @property
    def training_images(self) -> int | None:
        """How many images it learned from."""
        return self.training.get("training_images")

    @property
    def deployment_failure(self) -> str:
        """Why it could not be deployed when it was approved last; "" if it could."""
        return self.version.metadata.get(FAILURE, "")

    @property
    def compared_model(self) -> str:
        """The address of the model that Evaluate compared it with."""
        return self._origin("approved_model", "ApprovedModel")

    def facts(self) -> dict[str, str]:
        """What tables show beside other versions, by label."""
        chosen = self.training.get("hyperparameters", {})
        backbone = self._origin("backbone", "Backbone")
        size = chosen.get("image-size")
        images = self.training_images
        return {
            "approval": self.version.approval,
            "counts": self.classes,
            "data": self.data,
            "data version": self.data_version,
            "further data": data_name(self.parameters.get("FurtherSource", "")),
            "images learned from": "" if images is None else str(images),
            "network": f"{backbone}, {size} px" if size else backbone,
            "training": ", ".join(
                text.format(f"{chosen[name]:.4g}")
                for name, text in RECIPE.items()
                if name in chosen
            ),
            **({} if self.report is None else self.report.facts()),
        }

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {
            **asdict(self.version),
            "metrics": {metric.name: metric.value for metric in self.metrics},
            "serving": self.serving,
            "classes": self.classes,
            "data_source": self._origin("data_source", "DataSource"),
            "data_version": self.data_version,
            "training_images": self.training_images,
            "hyperparameters": self.training.get("hyperparameters", {}),
            "parameters": dict(self.parameters),
        }

    def _origin(self, key: str, parameter: str) -> str:
        return self.version.metadata.get(key) or self.parameters.get(parameter, "")


def compare(session: boto3.Session, group: str, endpoint: str, chosen: list[str]) -> list[Compared]:
    """Read the versions of a group, newest first.

    Args:
        session: The target's session.
        group: The model package group.
        endpoint: The endpoint that may serve one of them.
        chosen: The numbers of the versions to compare; all of them when empty.

    Raises:
        RegistryError: There is no such group or no such version.
    """
    client, s3 = session.client("sagemaker"), session.client("s3")
    versions = (
        [find(client, group, parse_version(text)) for text in chosen]
        if chosen
        else list_versions(client, group)
    )
    current = endpoints.read(client, endpoint)
    served = current.model.package if current else ""
    with ThreadPoolExecutor(READERS) as readers:
        return list(readers.map(lambda one: read(client, s3, one, one.arn == served), versions))


def read(client: SageMakerClient, s3: S3Client, version: ModelVersion, serving: bool) -> Compared:
    """Read what is known of a version; what is gone since is left out."""
    body = read_object(s3, version.metrics_url)
    folder = version.metrics_url.rpartition("/")[0]
    try:
        training = read_object(s3, f"{folder}/{TRAINING}" if folder else "")
    except ClientError:  # a missing object is "denied" to who may not list the bucket
        training = None
    return Compared(
        version,
        evaluation_report.read(json.loads(body)) if body else None,
        serving,
        json.loads(training) if training else {},
        _parameters(client, version.metadata.get("execution", "")),
    )


def data_name(source: str) -> str:
    """The last part of an address of images, such as `bins-1a2b3c4d`; "" for none."""
    return "" if source == NONE else source.rstrip("/").rpartition("/")[2]


def _parameters(client: SageMakerClient, execution: str) -> dict[str, str]:
    if not execution:
        return {}
    pages = client.get_paginator("list_pipeline_parameters_for_execution")
    try:
        return {
            one["Name"]: one["Value"]
            for page in pages.paginate(PipelineExecutionArn=execution)
            for one in page["PipelineParameters"]
        }
    except ClientError:  # its pipeline was deleted, or this person may not read executions
        return {}
