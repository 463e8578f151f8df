"""The results of an execution: metrics, debug rules, profile, trials and model version."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict
from urllib.parse import urlsplit

from botocore.exceptions import ClientError

from model_registry import versions
from model_registry.versions import ModelVersion
from pipelines import evaluation_report
from pipelines.evaluation_report import EvaluationReport
from pipelines.executions.execution import Execution, Step
from pipelines.executions.trials import Trial, list_trials
from pipelines.s3 import read_object

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client
    from types_boto3_sagemaker import SageMakerClient

EVALUATION = "Evaluate"
# Pages of Evaluate's output: the profile of Train, and Evaluate's own page.
PROFILE, PAGE = "profile.html", "evaluation.html"


class Verdict(TypedDict, total=False):
    """What a debug rule found."""

    rule: str
    status: str
    reason: str


@dataclass(frozen=True)
class Outcome:
    """The results of an execution so far; empty where a step has not succeeded."""

    evaluation: EvaluationReport | None = None
    debug_rules: tuple[Verdict, ...] = ()
    profile_findings: tuple[str, ...] = ()
    trials: tuple[Trial, ...] = ()
    evaluation_url: str = ""
    version: ModelVersion | None = None

    @property
    def best_trial(self) -> Trial | None:
        """The trial whose hyperparameters Train used."""
        return next((trial for trial in self.trials if trial.best), None)

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        best = self.best_trial
        return {
            "metrics": self.evaluation.document if self.evaluation else {},
            "debug_rules": list(self.debug_rules),
            "best_trial": best.as_dict() if best else None,
            "trials": [trial.as_dict() for trial in self.trials],
            "evaluation_url": self.evaluation_url,
            "model_package_arn": self.version.arn if self.version else "",
            "model_version": self.version.version if self.version else None,
            "approval": self.version.approval if self.version else "",
        }


def read(client: SageMakerClient, s3: S3Client, execution: Execution) -> Outcome:
    """Read the results of an execution's jobs, whatever its state."""
    evaluate = next((step for step in execution.steps if step.name == EVALUATION), None)
    url = output_url(client, evaluate, "evaluation")
    tune = next((step for step in execution.steps if step.type == "Tuning"), None)
    evaluation = _json(s3, url, evaluation_report.FILE)
    training = _json(s3, url, "training.json") or {}
    return Outcome(
        evaluation=evaluation_report.read(evaluation) if evaluation else None,
        debug_rules=tuple(_json(s3, url, "debug_rules.json") or ()),
        profile_findings=tuple(training.get("profile", {}).get("findings", ())),
        trials=tuple(list_trials(client, tune.job)) if tune and tune.job else (),
        evaluation_url=url,
        version=_version(client, execution.version_arn),
    )


def download(s3: S3Client, url: str, folder: Path) -> list[Path]:
    """Download the pictures and pages of Evaluate's output into an existing folder.

    Args:
        s3: The S3 client.
        url: The outcome's `evaluation_url`; if it is "", there is nothing to download.
        folder: The folder.

    Returns:
        The files, sorted by path.
    """
    if not url:
        return []
    address = urlsplit(f"{url}/")
    prefix = address.path.lstrip("/")
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=address.netloc, Prefix=prefix)
    files = []
    for key in (entry["Key"] for page in pages for entry in page.get("Contents", [])):
        file = folder / key.removeprefix(prefix)
        if file.suffix in (".png", ".html"):
            file.parent.mkdir(exist_ok=True)
            s3.download_file(address.netloc, key, str(file))
            files.append(file)
    return sorted(files)


def _version(client: SageMakerClient, arn: str) -> ModelVersion | None:
    if not arn:
        return None
    try:
        return versions.describe(client, arn)
    except ClientError as error:
        # The version may have been deleted since; the other results still hold.
        if "does not exist" in error.response["Error"]["Message"]:
            return None
        raise


def output_url(client: SageMakerClient, step: Step | None, name: str) -> str:
    """The address of an output of a processing step; "" where it has none.

    A cached step names the job whose result it reuses.
    """
    if step is None or step.status != "Succeeded" or not step.job:
        return ""
    job = client.describe_processing_job(ProcessingJobName=step.job)
    outputs = job.get("ProcessingOutputConfig", {}).get("Outputs", [])
    urls = [o["S3Output"]["S3Uri"] for o in outputs if o["OutputName"] == name]
    return urls[0].rstrip("/") if urls else ""


def _json(s3: S3Client, url: str, name: str) -> Any:
    text = read_object(s3, f"{url}/{name}" if url else "")
    return None if text is None else json.loads(text)
