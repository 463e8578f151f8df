"""A job as its page shows it, whatever its kind: from the response of its Describe operation."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request

from sagemaker_emulator.console.pages import call, url
from sagemaker_emulator.errors import ApiError
from sagemaker_emulator.sagemaker.jobs.kinds import (
    PROCESSING,
    RUNNING,
    TRAINING,
    TRANSFORM,
    TUNING,
    JobKind,
)

Json = Mapping[str, Any]

# By the word in addresses; in the order of their tabs.
KINDS = {"training": TRAINING, "processing": PROCESSING, "transform": TRANSFORM, "tuning": TUNING}
WORDS = {kind: word for word, kind in KINDS.items()}


@dataclass(frozen=True)
class Port:
    """An input or an output of a job.

    Attributes:
        name: Of a channel, an input or an output.
        uri: Where it is.
        path: Where the container finds it; empty where that is by contract.
        detail: How it comes there.
    """

    name: str
    uri: str
    path: str = ""
    detail: str = ""


@dataclass(frozen=True)
class JobView:
    """A job as its page shows it.

    Attributes:
        kind: The word in addresses: `training`.
        name: The job's.
        status: As the API has it.
        detail: The SecondaryStatus, where it is another word.
        started: Seconds since the epoch; the creation where it has not started.
        ended: Seconds since the epoch; None while it runs.
        failure: The FailureReason and the ExitMessage.
        inputs: What it reads.
        outputs: What it writes.
        settings: By heading, names and values in texts.
        description: The response of Describe.
    """

    kind: str
    name: str
    status: str
    detail: str
    started: float
    ended: float | None
    failure: str
    inputs: list[Port]
    outputs: list[Port]
    settings: dict[str, dict[str, str]]
    description: Json = field(repr=False)

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self.status in RUNNING

    @property
    def title(self) -> str:
        """`Training job`."""
        return f"{KINDS[self.kind].title} job"

    @property
    def seconds(self) -> float | None:
        """How long it ran; None while it runs."""
        return None if self.ended is None else self.ended - self.started


def address_of(word: str, name: str) -> str:
    """The page of a job."""
    return url("tuning", name) if word == "tuning" else url("jobs", word, name)


def kind_of(word: str) -> JobKind:
    """The kind of jobs of a word in an address.

    Raises:
        ApiError: There is no such kind.
    """
    if (kind := KINDS.get(word)) is None:
        raise ApiError("NotFound", f"{word}: not a kind of job ({', '.join(KINDS)}).", 404)
    return kind


def describe(request: Request, word: str, name: str) -> JobView:
    """A job.

    Raises:
        ApiError: There is no such job, or no such kind.
    """
    kind = kind_of(word)
    found = call(request, f"Describe{kind.title}Job", **{kind.name_key: name})
    inputs, outputs, settings = _PARTS[kind](found)
    status = found[kind.status_key]
    detail = found.get("SecondaryStatus", "")
    reason, message = found.get("FailureReason", ""), found.get("ExitMessage", "")
    return JobView(
        kind=word,
        name=name,
        status=status,
        detail="" if detail == status else detail,
        started=found.get(kind.start_key) or found["CreationTime"],
        ended=None if status in RUNNING else found.get(kind.end_key),
        failure=reason if message in reason else f"{reason}\n{message}".strip(),
        inputs=inputs,
        outputs=outputs,
        settings={title: _texts(values) for title, values in settings.items() if values},
        description=found,
    )


_Parts = tuple[list[Port], list[Port], dict[str, Json]]


def _processing(job: Json) -> _Parts:
    application, cluster = job["AppSpecification"], job["ProcessingResources"]["ClusterConfig"]
    inputs = [
        Port(each["InputName"], s3["S3Uri"], s3.get("LocalPath", ""), s3.get("S3InputMode", ""))
        for each in job.get("ProcessingInputs", [])
        if (s3 := each.get("S3Input"))
    ]
    outputs = [
        Port(each["OutputName"], s3["S3Uri"], s3.get("LocalPath", ""), s3.get("S3UploadMode", ""))
        for each in job.get("ProcessingOutputConfig", {}).get("Outputs", [])
        if (s3 := each.get("S3Output"))
    ]
    words = {
        "entry point": application.get("ContainerEntrypoint"),
        "arguments": application.get("ContainerArguments"),
    }
    settings = {
        "Command": {name: " ".join(each) for name, each in words.items() if each},
        "Environment": job.get("Environment", {}),
        "Resources": {
            "image": application["ImageUri"],
            **_instances(cluster),
            **_limits(job),
        },
    }
    return inputs, outputs, settings


def _training(job: Json) -> _Parts:
    algorithm, sources = job["AlgorithmSpecification"], job.get("InputDataConfig", [])
    inputs = [
        Port(
            each["ChannelName"],
            each["DataSource"].get("S3DataSource", {}).get("S3Uri", ""),
            detail=each.get("InputMode") or algorithm.get("TrainingInputMode", ""),
        )
        for each in sources
    ]
    outputs = []
    if artifacts := job.get("ModelArtifacts", {}).get("S3ModelArtifacts"):
        outputs.append(Port("model", artifacts))
    outputs.append(Port("output", job["OutputDataConfig"]["S3OutputPath"]))
    for name, config in (("checkpoints", "CheckpointConfig"), ("tensors", "DebugHookConfig")):
        if found := job.get(config):
            uri = found.get("S3Uri") or found.get("S3OutputPath", "")
            outputs.append(Port(name, uri, found.get("LocalPath", "")))
    settings = {
        "Hyperparameters": job.get("HyperParameters", {}),
        "Environment": job.get("Environment", {}),
        "Resources": {
            "image": algorithm.get("TrainingImage", ""),
            **_instances(job["ResourceConfig"]),
            "billable seconds": job.get("BillableTimeInSeconds"),
            **_limits(job),
        },
    }
    return inputs, outputs, settings


def _transform(job: Json) -> _Parts:
    source, target = job["TransformInput"], job["TransformOutput"]
    inputs = [Port("input", source["DataSource"]["S3DataSource"]["S3Uri"])]
    outputs = [Port("output", target["S3OutputPath"])]
    settings = {
        "Requests": {
            "model": job["ModelName"],
            "content type": source.get("ContentType"),
            "split": source.get("SplitType"),
            "accept": target.get("Accept"),
            "assemble": target.get("AssembleWith"),
            "batch strategy": job.get("BatchStrategy"),
            "at once": job.get("MaxConcurrentTransforms"),
            "largest payload in MB": job.get("MaxPayloadInMB"),
        },
        "Environment": job.get("Environment", {}),
        "Resources": _instances(job["TransformResources"]),
    }
    return inputs, outputs, settings


_PARTS = {PROCESSING: _processing, TRAINING: _training, TRANSFORM: _transform}


def _instances(resources: Json) -> dict[str, object]:
    return {
        "instance type": resources.get("InstanceType"),
        "instances": resources.get("InstanceCount"),
        "volume in GB": resources.get("VolumeSizeInGB"),
    }


def _limits(job: Json) -> dict[str, object]:
    limits = job.get("StoppingCondition", {})
    return {"longest run in seconds": limits.get("MaxRuntimeInSeconds"), "role": job["RoleArn"]}


def _texts(values: Json) -> dict[str, str]:
    return {name: str(value) for name, value in values.items() if value not in (None, "")}
