"""Where a model version comes from: the execution that registered it, its jobs, data and code.

Everything is read by the API: SageMaker keeps no lineage of its own here.
"""

import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request

from sagemaker_emulator.console.pages import call, name_of_arn
from sagemaker_emulator.errors import ApiError

_EXECUTION = re.compile(r"arn:aws:sagemaker:[^:]*:[^:]*:pipeline/[^/\s]+/execution/\w+")
# Pipelines, and executions, that are looked through where a version does not name its own.
_MOST = 20
_CODE_INPUTS = ("code", "sm_code", "sm_drivers", "sourcedir")


@dataclass(frozen=True)
class Source:
    """Something in S3 that a version, or what made it, comes from.

    Attributes:
        what: What it is: model, metrics, data, or code.
        name: Its channel or input; empty where there is one only.
        uri: Where it is.
        maker: The job that wrote it; None where none of the execution's did.
        reader: The title of the job that read it; empty for what the version itself names.
    """

    what: str
    name: str
    uri: str
    maker: "Job | None" = None
    reader: str = ""


@dataclass(frozen=True)
class Job:
    """A job that wrote something.

    Attributes:
        kind: training or processing.
        name: Its name.
        step: The step that ran it; empty where no step is known.
        inputs: What it read: (what, name, URI).
        outputs: Where it wrote.
    """

    kind: str
    name: str
    step: str
    inputs: tuple[tuple[str, str, str], ...]
    outputs: tuple[str, ...]


@dataclass
class Lineage:
    """What is known of a version's origin.

    Attributes:
        execution: The ARN of the execution that registered it; empty where none is known.
        step: Its step that did.
        sources: What the version is made of, and what that was made of.
        jobs: The jobs that wrote any of it.
    """

    execution: str = ""
    step: str = ""
    sources: list[Source] = field(default_factory=list)
    jobs: list[Job] = field(default_factory=list)


def of_version(request: Request, package: Mapping[str, Any]) -> Lineage:
    """The lineage of a model package.

    Args:
        request: The browser's request.
        package: DescribeModelPackage's response.
    """
    found = Lineage()
    steps: list[dict[str, Any]] = []
    for execution in _candidates(request, package):
        steps = _steps(request, execution)
        found.step = _registered(steps, package["ModelPackageArn"])
        if found.step:
            found.execution = execution
            break
    jobs = [job for step in steps if (job := _job_of(request, step)) is not None and found.step]
    waiting = [("model", "", uri, "") for uri in _data_urls(package)]
    waiting += [("metrics", name, uri, "") for name, uri in metric_sources(package)]
    seen: set[str] = set()
    while waiting:
        what, name, uri, reader = waiting.pop(0)
        if uri in seen:
            continue
        seen.add(uri)
        maker = _maker(request, uri, jobs) if what != "code" else None
        found.sources.append(Source(what, name, uri, maker, reader))
        if maker is not None and maker not in found.jobs:
            found.jobs.append(maker)
            title = maker.step or maker.name
            waiting += [(kind, channel, read, title) for kind, channel, read in maker.inputs]
    return found


def metric_sources(package: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The documents of a package's ModelMetrics: their names, as `ModelQuality Statistics`."""
    return [
        (f"{group} {name}", source["S3Uri"])
        for group, sources in package.get("ModelMetrics", {}).items()
        for name, source in sources.items()
        if source.get("S3Uri")
    ]


def _data_urls(package: Mapping[str, Any]) -> list[str]:
    urls = []
    for container in package.get("InferenceSpecification", {}).get("Containers", []):
        source = container.get("ModelDataSource", {}).get("S3DataSource", {})
        if uri := container.get("ModelDataUrl") or source.get("S3Uri"):
            urls.append(uri)
    return urls


def _candidates(request: Request, package: Mapping[str, Any]) -> Iterator[str]:
    """The executions that may have registered a package: those that it names, then the latest."""
    properties = {
        **package.get("MetadataProperties", {}),
        **package.get("CustomerMetadataProperties", {}),
    }
    named = [arn for value in properties.values() for arn in _EXECUTION.findall(str(value))]
    yield from dict.fromkeys(named)
    earlier = []
    for pipeline in call(request, "ListPipelines", MaxResults=_MOST)["PipelineSummaries"]:
        listed = call(
            request,
            "ListPipelineExecutions",
            PipelineName=pipeline["PipelineName"],
            CreatedBefore=package["CreationTime"],
            MaxResults=_MOST,
        )
        earlier += listed["PipelineExecutionSummaries"]
    earlier.sort(key=lambda execution: execution["StartTime"], reverse=True)
    for execution in earlier[:_MOST]:
        if execution["PipelineExecutionArn"] not in named:
            yield execution["PipelineExecutionArn"]


def _steps(request: Request, execution: str) -> list[dict[str, Any]]:
    try:
        response = call(
            request, "ListPipelineExecutionSteps", PipelineExecutionArn=execution, MaxResults=100
        )
    except ApiError:  # deleted with its pipeline
        return []
    steps: list[dict[str, Any]] = response["PipelineExecutionSteps"]
    return steps


def _registered(steps: list[dict[str, Any]], arn: str) -> str:
    """The step that registered a package; empty where none did."""
    for step in steps:
        if step.get("Metadata", {}).get("RegisterModel", {}).get("Arn") == arn:
            return str(step["StepName"])
    return ""


def _job_of(request: Request, step: Mapping[str, Any]) -> Job | None:
    metadata = step.get("Metadata", {})
    for kind in ("Training", "Processing"):
        if arn := metadata.get(f"{kind}Job", {}).get("Arn"):
            return _job(request, kind.lower(), name_of_arn(arn), step["StepName"])
    return None


def _job(request: Request, kind: str, name: str, step: str) -> Job | None:
    try:
        if kind == "training":
            job = call(request, "DescribeTrainingJob", TrainingJobName=name)
            return Job(kind, name, step, *_training(job))
        job = call(request, "DescribeProcessingJob", ProcessingJobName=name)
        return Job(kind, name, step, *_processing(job))
    except ApiError:  # deleted
        return None


def _training(
    job: Mapping[str, Any],
) -> tuple[tuple[tuple[str, str, str], ...], tuple[str, ...]]:
    inputs = []
    for channel in job.get("InputDataConfig", []):
        uri = channel.get("DataSource", {}).get("S3DataSource", {}).get("S3Uri")
        if uri:
            what = "code" if channel["ChannelName"] in _CODE_INPUTS else "data"
            inputs.append((what, channel["ChannelName"], uri))
    # The SDK writes hyperparameters as JSON: a text has quotes.
    code = job.get("HyperParameters", {}).get("sagemaker_submit_directory", "").strip('"')
    if code.startswith("s3://"):
        inputs.append(("code", "", code))
    artifact = job.get("ModelArtifacts", {}).get("S3ModelArtifacts")
    return tuple(inputs), (artifact,) if artifact else ()


def _processing(
    job: Mapping[str, Any],
) -> tuple[tuple[tuple[str, str, str], ...], tuple[str, ...]]:
    inputs = [
        ("code" if each["InputName"] in _CODE_INPUTS else "data", each["InputName"], uri)
        for each in job.get("ProcessingInputs", [])
        if (uri := each.get("S3Input", {}).get("S3Uri"))
    ]
    outputs = job.get("ProcessingOutputConfig", {}).get("Outputs", [])
    return tuple(inputs), tuple(
        uri for each in outputs if (uri := each.get("S3Output", {}).get("S3Uri"))
    )


def _maker(request: Request, uri: str, jobs: list[Job]) -> Job | None:
    """The job that wrote something: one of these, or the training job that its address names."""
    for job in jobs:
        for output in job.outputs:
            if uri == output or uri.startswith(f"{output.rstrip('/')}/"):
                return job
    for name, following in itertools.pairwise(uri.split("/")):
        trained = _job(request, "training", name, "") if following == "output" else None
        if trained is not None:
            return trained if uri in trained.outputs else None
    return None
