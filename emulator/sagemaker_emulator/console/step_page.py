"""The page of one step of an execution, which follows it while it runs."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sagemaker_emulator.console import lists, live, log_view, metric_curves, s3_client
from sagemaker_emulator.console.cache_view import CacheView, cache_view, lines_of
from sagemaker_emulator.console.execution import WAITING, Execution, Step, execution_of
from sagemaker_emulator.console.job_view import KINDS, address_of
from sagemaker_emulator.console.pages import call, fragment, render, url
from sagemaker_emulator.console.step_request import describe, step_request
from sagemaker_emulator.errors import ApiError
from sagemaker_emulator.sagemaker.jobs.kinds import JobKind
from sagemaker_emulator.sagemaker.pipelines.language.step_types import (
    RESOURCE_STEPS,
    resource_name,
)

PARTS = ("state", "metrics", "cache", "request", "attempts", "outputs")
_MOST_FILES = 100  # of each output
_SUFFIX = 10  # characters that a service adds to a job's name


@dataclass(frozen=True)
class Attempt:
    """A job that was created for a step."""

    name: str
    address: str
    status: str
    started: float | None
    ended: float | None
    reason: str


@dataclass(frozen=True)
class Output:
    """A folder or an object in S3 that a step wrote.

    Attributes:
        files: the objects, each with its address in S3 and its size.
        is_cut: whether there are more.
    """

    name: str
    uri: str
    files: tuple[tuple[str, str, int], ...]
    is_cut: bool


def show(request: Request) -> Response:
    """The page of a step."""
    execution, step = _read(request)
    return render(
        request,
        "step.html.j2",
        log=_log(request, step),
        events=url("executions", execution.id, "steps", step.name, "events"),
        **_values(request, execution, step),
    )


def follow(request: Request) -> Response:
    """The parts of the page, each again when it has changed, until the step has ended."""
    _read(request)
    logs: dict[str, str] = {}
    views: dict[str, CacheView] = {}

    def parts() -> Mapping[str, str]:
        execution, step = _read(request)
        values = _values(request, execution, step, views)
        texts = {
            part: fragment(request, "step_part.html.j2", part=part, **values) for part in PARTS
        }
        if step.resource not in logs:  # a log follows by itself, until there is another job
            log = _log(request, step)
            logs[step.resource] = fragment(
                request, "step_part.html.j2", part="log", log=log, **values
            )
        texts["log"] = logs[step.resource]
        return texts if values["is_running"] else texts | {"end": ""}

    return live.stream(request, parts)


def _read(request: Request) -> tuple[Execution, Step]:
    execution = execution_of(request, request.path_params["id"])
    name = request.path_params["step"]
    if name not in execution.steps:
        raise ApiError(
            "ResourceNotFound",
            f"Execution {execution.id} has no step {name}. "
            f"Its steps: {', '.join(execution.steps)}.",
            404,
        )
    return execution, execution.steps[name]


def _values(
    request: Request, execution: Execution, step: Step, views: dict[str, CacheView] | None = None
) -> dict[str, Any]:
    """What the templates need; `views` keeps what is said of the cache, by the step's status."""
    made = step_request(request, execution, step)
    views = {} if views is None else views
    if step.status not in views:
        views[step.status] = cache_view(request, execution, step, made)
    ended = "EndTime" in step.record
    return {
        "execution": execution,
        "step": step,
        "made": made,
        "cache": views[step.status],
        "charts": _charts(request, step),
        "lines": lines_of(request, execution, step) if step.record else [],
        "attempts": _attempts(request, execution, step),
        "returned": step.returned,
        "outputs": _outputs(request, step) if ended else [],
        "is_running": (step.record and not ended)
        or (execution.is_running and step.status == WAITING),
        "resource": resource_address(step),
        "waits": sorted(execution.definition.waits[step.name], key=list(execution.steps).index),
    }


def resource_address(step: Step) -> str:
    """The page of a step's job or other resource; empty if it has none."""
    type_, name = step.definition.type, step.resource.rpartition("/")[2]
    if not step.resource:
        return ""
    match type_:
        case "Processing" | "Training" | "Transform" | "Tuning":
            return address_of(type_.lower(), name)
        case "Model":
            return url("models", "plain", name)
        case "RegisterModel":
            return url("models", "find", arn=step.resource)
        case "Endpoint":
            return url("endpoints", name)
        case "Lambda":
            return url("functions", step.resource.rpartition(":")[2])
    return ""


def _log(request: Request, step: Step) -> log_view.LogView | None:
    """The log of the step's job or function; None where it has none."""
    type_, name = step.definition.type, step.resource.rpartition("/")[2]
    ended = "EndTime" in step.record
    if not step.resource:
        return None
    if type_ == "Lambda":
        group = f"/aws/lambda/{step.resource.rpartition(':')[2]}"
        return log_view.view(request, group, follows=not ended)
    if type_ in ("Processing", "Training", "Transform"):
        word = type_.lower()
        group = KINDS[word].log_group
        return log_view.view(request, group, f"{name}/", not ended, f"{word}/{name}")
    return None


def _attempts(request: Request, execution: Execution, step: Step) -> list[Attempt]:
    """The jobs that the step created, the first one first; a reused result has none."""
    type_ = RESOURCE_STEPS.get(step.definition.type)
    word = step.definition.type.lower()
    if type_ is None or word not in KINDS or step.reused_from or not step.record:
        return []
    kind = KINDS[word]
    full = resource_name(type_, execution.id, step.name, "0" * _SUFFIX)
    part = full[full.index(execution.id) : -_SUFFIX]
    listed = lists.every(request, f"List{kind.title}Jobs", kind.summaries_key, NameContains=part)
    own = [
        each[kind.name_key]
        for each in sorted(listed, key=lambda each: each["CreationTime"])
        if len(each[kind.name_key].partition(part)[2]) == _SUFFIX
    ]
    return [_attempt(request, word, kind, name) for name in own]


def _attempt(request: Request, word: str, kind: JobKind, name: str) -> Attempt:
    found = call(request, f"Describe{kind.title}Job", **{kind.name_key: name})
    return Attempt(
        name=name,
        address=address_of(word, name),
        status=found[kind.status_key],
        started=found.get("CreationTime"),
        ended=found.get(kind.end_key),
        reason=found.get("FailureReason", ""),
    )


def _outputs(request: Request, step: Step) -> list[Output]:
    found = describe(request, step)
    uris: dict[str, str] = {}
    for output in (found.get("ProcessingOutputConfig") or {}).get("Outputs", []):
        if "S3Output" in output:
            uris[output["OutputName"]] = output["S3Output"]["S3Uri"]
    if step.definition.type == "Training" and found:
        if artifacts := (found.get("ModelArtifacts") or {}).get("S3ModelArtifacts"):
            uris["model"] = artifacts
        name = found["TrainingJobName"]
        base = found["OutputDataConfig"]["S3OutputPath"].rstrip("/")
        uris["output"] = f"{base}/{name}/output/output.tar.gz"
        if hook := found.get("DebugHookConfig"):
            uris["tensors"] = f"{hook['S3OutputPath'].rstrip('/')}/{name}/"
    if "TransformOutput" in found:
        uris["output"] = found["TransformOutput"]["S3OutputPath"]
    outputs = [_output(request, name, uri) for name, uri in uris.items()]
    return [each for each in outputs if each.files or each.name not in ("output", "tensors")]


def _charts(request: Request, step: Step) -> dict[str, list[str]]:
    """The metrics of the step's training job by chart, which the job's page draws."""
    found = describe(request, step) if step.definition.type == "Training" else {}
    return metric_curves.groups(found) if found else {}


def _output(request: Request, name: str, uri: str) -> Output:
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    files: list[tuple[str, str, int]] = []
    is_cut = False
    try:
        listed = s3_client.call(
            request, "list_objects_v2", Bucket=bucket, Prefix=key, MaxKeys=_MOST_FILES
        )
    except ApiError:  # the bucket was deleted
        listed = {}
    is_cut = listed.get("IsTruncated", False)
    for each in listed.get("Contents", []):
        rest = each["Key"][len(key) :]
        if rest and not key.endswith("/") and not rest.startswith("/"):
            continue  # another one, whose name only begins alike
        shown = rest.lstrip("/") or key.rpartition("/")[2]
        files.append((shown, f"s3://{bucket}/{each['Key']}", each["Size"]))
    return Output(name, uri, tuple(files), is_cut)


routes = [
    Route("/executions/{id}/steps/{step}", show),
    Route("/executions/{id}/steps/{step}/events", follow),
]
