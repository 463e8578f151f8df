"""Two executions side by side: what each was given, what it found out, and how long it took."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from pipelines.executions import execution as executions
from pipelines.executions import lookup
from pipelines.executions import outcome as outcomes
from pipelines.executions.execution import Execution, ExecutionError, walk
from pipelines.executions.outcome import Outcome
from pipelines.executions.trials import Trial
from pipelines.s3 import read_object
from pipelines.serving.comparison import data_name
from pipelines.serving.package_group import find
from pipelines.settings.fields import NONE
from pipelines.side_by_side import SideBySide, beside

if TYPE_CHECKING:
    import boto3
    from types_boto3_s3 import S3Client
    from types_boto3_sagemaker import SageMakerClient

PREPARE, MANIFEST = "Prepare", "manifest"
VERSION = re.compile(r"v\d+")  # what names a model version; a bare number may begin an id
CODE = re.compile(r"/code/(\w+)/([0-9a-f]{8,})")


@dataclass(frozen=True)
class Run:
    """One execution, and what there is to compare of it.

    Attributes:
        settings: The constants of its definition that are no parameters, by step and name.
        manifest: Prepare's manifest.json; empty if there is none.
    """

    execution: Execution
    outcome: Outcome
    settings: Mapping[str, str]
    manifest: Mapping[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        best, version, report = (
            self.outcome.best_trial,
            self.outcome.version,
            self.outcome.evaluation,
        )
        return {
            "id": self.execution.id,
            "name": self.execution.name,
            "status": self.execution.status,
            "started": self.execution.started,
            "parameters": self.execution.parameters,
            "settings": dict(self.settings),
            "images": self.manifest.get("counts", {}),
            "best_trial": best.as_dict() if best else None,
            "metrics": {one.name: one.value for one in report.metrics} if report else {},
            "seconds": {step.name: step.seconds for step in self.execution.steps},
            "model_version": version.version if version else None,
            "approval": version.approval if version else "",
        }


@dataclass(frozen=True)
class Section:
    """Facts of one kind; of what was given, which is long, only differences are shown."""

    title: str
    compared: SideBySide
    only_differences: bool = False


def read(session: boto3.Session, pipeline: str, text: str | None) -> Run:
    """Read an execution.

    Args:
        session: The target's session.
        pipeline: The pipeline's name, which is the model package group's, too.
        text: What names the execution, or `v3`: the execution that registered version 3.

    Raises:
        ExecutionError: There is no such execution, or it is not known which registered the version.
        RegistryError: There is no such version.
    """
    client, s3 = session.client("sagemaker"), session.client("s3")
    if text and VERSION.fullmatch(text):
        arn = find(client, pipeline, int(text[1:])).metadata.get("execution", "")
        if not arn:
            raise ExecutionError(f"Version {text[1:]} does not tell which execution registered it.")
    else:
        arn = lookup.resolve(client, pipeline, text)
    execution = executions.describe(client, arn)
    definition = client.describe_pipeline_definition_for_execution(PipelineExecutionArn=arn)
    return Run(
        execution,
        outcomes.read(client, s3, execution),
        settings_of(definition["PipelineDefinition"]),
        _manifest(client, s3, execution),
    )


def settings_of(definition: str) -> dict[str, str]:
    """The constants that a definition's jobs are given, and the versions of code and images.

    Args:
        definition: The pipeline's definition, in JSON.

    Returns:
        By label, such as `Train loss` or `code of train`; what a parameter decides is not among
        them.
    """
    found: dict[str, str] = {}
    for step, _, _ in walk(json.loads(definition)["Steps"]):
        arguments = step.get("Arguments", {})
        application = arguments.get("AppSpecification", {})
        algorithm = arguments.get("AlgorithmSpecification", {})
        given = {**_options(application), **arguments.get("HyperParameters", {})}
        image = application.get("ImageUri") or algorithm.get("TrainingImage")
        for name, value in {**given, "image": image}.items():
            if isinstance(value, str) and not name.startswith("sagemaker_"):
                found[f"{step['Name']} {name}"] = value.rpartition("/")[2] or value
    return found | {f"code of {name}": sha[:12] for name, sha in CODE.findall(definition)}


def sections(runs: Sequence[Run]) -> Iterator[Section]:
    """The facts of executions side by side, section by section."""
    names = [run.execution.id for run in runs]

    def section(title: str, facts: Sequence[Mapping[str, str]], only: bool = False) -> Section:
        return Section(title, beside(names, facts), only)

    yield section("execution", [_about(run) for run in runs])
    yield section("parameters", [_parameters(run) for run in runs], only=True)
    yield section("settings", [run.settings for run in runs], only=True)
    yield section("data", [_data(run) for run in runs])
    yield section("best trial", [_trial(run.outcome.best_trial) for run in runs])
    reports = [run.outcome.evaluation for run in runs]
    yield section("test images", [report.facts() if report else {} for report in reports])
    yield section("seconds", [_seconds(run.execution) for run in runs])


def _about(run: Run) -> dict[str, str]:
    version = run.outcome.version
    name = run.execution.name
    return {
        "name": "" if executions.NO_NAME.fullmatch(name) else name,
        "status": run.execution.status,
        "started": run.execution.started.astimezone().strftime("%Y-%m-%d %H:%M"),
        "model version": f"{version.version}, {version.approval}" if version else "",
    }


def _parameters(run: Run) -> dict[str, str]:
    given = run.execution.parameters
    shown_as_data = ("DataSource", "DataVersion", "AuditSource", "AuditVersion")
    return {name: value for name, value in given.items() if name not in shown_as_data}


def _data(run: Run) -> dict[str, str]:
    given, manifest = run.execution.parameters, run.manifest
    source, label = given.get("DataSource", ""), given.get("DataVersion", "")
    facts = {"source": data_name(source), "version": "" if label == NONE else label}
    facts["further source"] = data_name(given.get("FurtherSource", ""))
    facts["audits"] = data_name(given.get("AuditSource", ""))
    if audits := manifest.get("audits", {}).get("used"):
        facts["counts from audits"] = str(audits)
    facts["counts"] = str(manifest.get("classes") or given.get("Classes", ""))
    for split, counts in manifest.get("counts", {}).items():
        shares = ", ".join(f"{count}: {images}" for count, images in counts.items())
        facts[f"{split} images"] = f"{sum(counts.values())} ({shares})"
    if manifest:
        facts["quarantined"] = str(len(manifest.get("quarantined", ())))
    return facts


def _trial(trial: Trial | None) -> dict[str, str]:
    if trial is None:
        return {}
    objective = "" if trial.objective is None else f"{trial.objective:.3f}"
    values = {name: _short(value) for name, value in sorted(trial.hyperparameters.items())}
    return {**values, trial.metric.replace(":", " ") or "objective": objective}


def _short(text: str) -> str:
    try:
        return f"{float(text):.4g}"
    except ValueError:
        return text


def _seconds(execution: Execution) -> dict[str, str]:
    steps = {
        step.name: f"{step.seconds:.1f}{' (from the cache)' * step.cached}"
        for step in execution.steps
        if step.seconds is not None
    }
    return {**steps, "all steps": f"{execution.seconds:.1f}"}


def _options(application: Mapping[str, Any]) -> dict[str, Any]:
    """`--name value` among a processing job's arguments."""
    words = application.get("ContainerArguments", ())
    return {
        name[2:]: value
        for name, value in pairwise(words)
        if isinstance(name, str) and name.startswith("--")
    }


def _manifest(client: SageMakerClient, s3: S3Client, execution: Execution) -> dict[str, Any]:
    prepare = next((step for step in execution.steps if step.name == PREPARE), None)
    url = outcomes.output_url(client, prepare, MANIFEST)
    body = read_object(s3, f"{url}/{MANIFEST}.json" if url else "")
    document: dict[str, Any] = json.loads(body) if body else {}
    return document
