"""What an execution found out: metrics, debug rules, training history, trials, model version."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from botocore.exceptions import ClientError

from model_registry import versions
from model_registry.versions import ModelVersion
from pipelines.executions.execution import Execution, Step
from pipelines.executions.trials import Trial, list_trials

EVALUATION = "Evaluate"
# Files of Evaluate's output that the report lies beside: the profile of Train, its own page, and
# the training images whose labels look wrong.
PROFILE, PAGE, SUSPECTS = "profile.html", "evaluation.html", "suspects.png"


@dataclass(frozen=True)
class Outcome:
    """The results of an execution as far as it got; empty where a step has not succeeded."""

    evaluation: dict[str, Any] = field(default_factory=dict)
    training: dict[str, Any] = field(default_factory=dict)
    debug_rules: tuple[dict[str, Any], ...] = ()
    trials: tuple[Trial, ...] = ()
    evaluation_url: str = ""
    version: ModelVersion | None = None

    @property
    def profile_findings(self) -> list[str]:
        """What the profile of Train says, in words."""
        return list(self.training.get("profile", {}).get("findings", []))

    @property
    def best_trial(self) -> Trial | None:
        """The trial whose hyperparameters the training used."""
        return next((trial for trial in self.trials if trial.best), None)

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        best = self.best_trial
        return {
            "metrics": self.evaluation,
            "debug_rules": list(self.debug_rules),
            "best_trial": best.as_dict() if best else None,
            "trials": [trial.as_dict() for trial in self.trials],
            "evaluation_url": self.evaluation_url,
            "model_package_arn": self.version.arn if self.version else "",
            "model_version": self.version.version if self.version else None,
            "approval": self.version.approval if self.version else "",
        }


def read(client: Any, s3: Any, execution: Execution) -> Outcome:
    """Read what an execution's jobs left behind.

    Args:
        client: A boto3 SageMaker client.
        s3: A boto3 S3 client.
        execution: An execution, in whatever state.
    """
    evaluate = next((step for step in execution.steps if step.name == EVALUATION), None)
    url = _evaluation_url(client, evaluate)
    tune = next((step for step in execution.steps if step.type == "Tuning"), None)
    register = next((step for step in execution.steps if step.type == "RegisterModel"), None)
    return Outcome(
        evaluation=_json(s3, url, "evaluation.json") or {},
        training=_json(s3, url, "training.json") or {},
        debug_rules=tuple(_json(s3, url, "debug_rules.json") or ()),
        trials=tuple(list_trials(client, tune.job)) if tune and tune.job else (),
        evaluation_url=url,
        version=_version(client, register.job_arn if register else ""),
    )


def download_plots(s3: Any, url: str, folder: Path) -> list[Path]:
    """Put Evaluate's pictures into a folder, and answer their paths in the order of their names.

    Args:
        s3: A boto3 S3 client.
        url: The outcome's `evaluation_url`; without one there are no pictures.
        folder: Is made when it does not exist.
    """
    if not url:
        return []
    place = urlsplit(f"{url.rstrip('/')}/plots/")
    pages = s3.get_paginator("list_objects_v2").paginate(
        Bucket=place.netloc, Prefix=place.path.lstrip("/")
    )
    keys = [entry["Key"] for page in pages for entry in page.get("Contents", [])]
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for key in sorted(key for key in keys if key.endswith(".png")):
        file = folder / key.rpartition("/")[2]
        s3.download_file(place.netloc, key, str(file))
        files.append(file)
    return files


def download(s3: Any, url: str, name: str, folder: Path) -> Path | None:
    """Put one file of Evaluate's output into a folder; None where there is none.

    Args:
        s3: A boto3 S3 client.
        url: The outcome's `evaluation_url`.
        name: The file's name, as PROFILE.
        folder: Is there already.
    """
    content = _read(s3, url, name)
    if content is None:
        return None
    file = folder / name
    file.write_bytes(content)
    return file


def _version(client: Any, arn: str) -> ModelVersion | None:
    if not arn:
        return None
    try:
        return versions.describe(client, arn)
    except ClientError as error:
        # The version may have been deleted since; the other results still hold.
        if "does not exist" in error.response["Error"]["Message"]:
            return None
        raise


def _evaluation_url(client: Any, step: Step | None) -> str:
    """Where the evaluation's job wrote; a cached step leads to the job whose result it took."""
    if step is None or step.status != "Succeeded" or not step.job:
        return ""
    job = client.describe_processing_job(ProcessingJobName=step.job)
    outputs = job.get("ProcessingOutputConfig", {}).get("Outputs", [])
    return next((o["S3Output"]["S3Uri"] for o in outputs if o["OutputName"] == "evaluation"), "")


def _json(s3: Any, url: str, name: str) -> Any:
    text = _read(s3, url, name)
    return None if text is None else json.loads(text)


def _read(s3: Any, url: str, name: str) -> bytes | None:
    if not url:
        return None
    place = urlsplit(f"{url.rstrip('/')}/{name}")
    try:
        answer = s3.get_object(Bucket=place.netloc, Key=place.path.lstrip("/"))
    except ClientError as error:
        if error.response["Error"]["Code"] in ("NoSuchKey", "NoSuchBucket", "404"):
            return None
        raise
    return bytes(answer["Body"].read())
