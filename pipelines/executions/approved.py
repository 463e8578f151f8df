"""An execution's model beside the approved model that Evaluate compared it with."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from model_registry.versions import APPROVED, ModelVersion
from pipelines import evaluation_report
from pipelines.evaluation_report import EvaluationReport
from pipelines.executions.execution import Execution
from pipelines.executions.outcome import Outcome
from pipelines.s3 import read_object
from pipelines.serving.package_group import NoGroupError, list_versions
from pipelines.side_by_side import SideBySide, beside

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client
    from types_boto3_sagemaker import SageMakerClient


@dataclass(frozen=True)
class BesideApproved:
    """Two evaluations of one task.

    Attributes:
        version: The number of the approved version.
        own: The execution's evaluation.
        theirs: The approved version's own evaluation, over the test images of its time.
    """

    version: int
    own: EvaluationReport
    theirs: EvaluationReport

    @property
    def sentence(self) -> str:
        """The paired comparison on the same images; why there is none, if there is none."""
        compared = self.own.comparison
        if not compared:
            return (
                f"Each metric is over its own test images: there are too few images that neither "
                f"this model nor version {self.version} was trained on."
            )
        value, low, high = (100 * compared["difference"][end] for end in ("value", "low", "high"))
        verdict = "worse than" if high < 0 else "better than" if low > 0 else "as good as"
        chance = "" if high < 0 or low > 0 else ", as far as these images can tell"
        return (
            f"This model is {verdict} approved version {self.version}{chance}: on the same "
            f"{compared['images']} test images, its accuracy differs by {value:+.1f} points "
            f"(95 % interval {low:+.1f} to {high:+.1f})."
        )

    def metrics(self) -> SideBySide:
        """Every test metric with its 95 % interval, of both."""
        return beside(
            ["this model", f"approved version {self.version}"],
            [
                {one.label: one.with_interval for one in report.metrics}
                for report in (self.own, self.theirs)
            ],
        )


def read(
    client: SageMakerClient, s3: S3Client, execution: Execution, outcome: Outcome
) -> BesideApproved | None:
    """Read the evaluation of the approved version that an execution was compared with.

    Returns:
        None where Evaluate has not ended, no model was approved, or its version is gone.
    """
    address = execution.parameters.get("ApprovedModel", "")
    if outcome.evaluation is None or not address:
        return None
    # A pipeline and its model package group have the same name.
    version = _version(client, execution.pipeline, address)
    body = read_object(s3, version.metrics_url) if version else None
    if version is None or body is None:
        return None
    theirs = evaluation_report.read(json.loads(body))
    return BesideApproved(version.version, outcome.evaluation, theirs)


def _version(client: SageMakerClient, group: str, address: str) -> ModelVersion | None:
    try:
        approved = list_versions(client, group, APPROVED)
    except NoGroupError:
        return None
    return next((version for version in approved if version.data_url == address), None)
