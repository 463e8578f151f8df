"""Model versions side by side, with their test metrics."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from model_registry import endpoint as endpoints
from model_registry.versions import ModelVersion
from pipelines import evaluation_report
from pipelines.evaluation_report import Metric
from pipelines.s3 import read_object
from pipelines.serving.package_group import find, list_versions, parse_version

if TYPE_CHECKING:
    import boto3


@dataclass(frozen=True)
class Compared:
    """A version, its test metrics, and whether the endpoint serves it."""

    version: ModelVersion
    metrics: tuple[Metric, ...]
    serving: bool

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        metrics = {metric.name: metric.value for metric in self.metrics}
        return {**asdict(self.version), "metrics": metrics, "serving": self.serving}


def compare(session: boto3.Session, group: str, endpoint: str, chosen: list[str]) -> list[Compared]:
    """Read the versions of a group, newest first.

    A version whose evaluation.json is gone has no metrics.

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
    compared = []
    for version in versions:
        body = read_object(s3, version.metrics_url)
        metrics = evaluation_report.read(json.loads(body)).metrics if body else ()
        compared.append(Compared(version, metrics, version.arn == served))
    return compared
