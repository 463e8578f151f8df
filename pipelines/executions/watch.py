"""An execution while it runs: what every step is doing, again and again, until it ends."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import botocore.exceptions as aws

from model_registry import versions
from model_registry.lambda_handler import LEFT
from pipelines.executions import trials
from pipelines.executions.execution import Execution, Step, describe
from pipelines.executions.logs import GROUPS, last_line, lines_of, streams, tail
from pipelines.executions.progress import Progress
from pipelines.serving.package_group import PENDING

if TYPE_CHECKING:
    from types_boto3_logs import CloudWatchLogsClient
    from types_boto3_sagemaker import SageMakerClient

OUTCOMES = {"True": "the condition holds", "False": "the condition does not hold"}
ENDED = ("Succeeded", "Failed", "Stopped")
PATIENCE_SECONDS = 60.0
PROMOTION: Literal["Lambda"] = "Lambda"  # the kind of step that promotes the version


@dataclass(frozen=True)
class Snapshot:
    """An execution at one moment; `details` says of each step what it is doing or did."""

    execution: Execution
    details: dict[str, str]


def snapshot(
    client: SageMakerClient,
    logs: CloudWatchLogsClient,
    arn: str,
    known: dict[str, str] | None = None,
    progress: Progress | None = None,
) -> Snapshot:
    """An execution now.

    Args:
        client: A boto3 SageMaker client.
        logs: A boto3 CloudWatch Logs client.
        arn: The execution.
        known: Details of steps that have ended, which are not read again; is added to.
        progress: How far the trainings' logs have been read.
    """
    known = {} if known is None else known
    progress = progress or Progress(logs, GROUPS["Training"])
    execution = describe(client, arn)
    details = {}
    for step in execution.steps:
        detail = known.get(step.name)
        if detail is None:
            detail = _detail(client, logs, step, progress)
            if step.status == "Succeeded" and PROMOTION in (step.metadata or {}):
                detail = _decided_since(client, execution, detail)
            if step.status in ENDED:
                known[step.name] = detail
        details[step.name] = detail
    return Snapshot(execution, details)


def snapshots(client: SageMakerClient, logs: CloudWatchLogsClient, arn: str) -> Iterator[Snapshot]:
    """The execution again and again until it has ended; the last one shows the end.

    The wait between two grows from half a second to five seconds for an execution of hours. A
    service may fail to respond for a minute, because the execution does not depend on us.
    """
    # A retry runs ended steps again, so their details are kept for this call only.
    known: dict[str, str] = {}
    progress = Progress(logs, GROUPS["Training"])
    now, answered = snapshot(client, logs, arn, known, progress), time.monotonic()
    yield now
    while now.execution.running:
        time.sleep(min(5.0, 0.5 + now.execution.seconds / 60))
        try:
            now, answered = snapshot(client, logs, arn, known, progress), time.monotonic()
        except (aws.BotoCoreError, aws.ClientError) as error:
            if not _may_pass(error) or time.monotonic() - answered > PATIENCE_SECONDS:
                raise
        else:
            yield now


@dataclass(frozen=True)
class LogEnding:
    """The end of a failed step's log, and the log's name."""

    step: str
    log: str
    lines: tuple[str, ...]


def log_endings(
    client: SageMakerClient, logs: CloudWatchLogsClient, execution: Execution, count: int = 15
) -> list[LogEnding]:
    """The last lines of the failed steps' jobs; nothing for steps without a log.

    Args:
        client: A boto3 SageMaker client.
        logs: A boto3 CloudWatch Logs client.
        execution: An execution that has ended.
        count: How many lines of each job.
    """
    endings = []
    for step in execution.steps:
        if step.status == "Failed" and step.type in GROUPS and step.job:
            for group, prefix in streams(client, step):
                # A function's log has a stream for each call, of any execution.
                last = (
                    tail(logs, group, prefix, count)
                    if prefix
                    else lines_of(logs, step, group, prefix)[-count:]
                )
                lines = tuple(line.text for line in last)
                endings.append(LogEnding(step.name, f"{group} {prefix}".strip(), lines))
    return endings


def _may_pass(error: aws.BotoCoreError | aws.ClientError) -> bool:
    """Whether the network or the service is at fault; boto3 has retried by then."""
    if isinstance(error, aws.ClientError):
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return status >= 500 or "Throttling" in error.response["Error"]["Code"]
    return isinstance(error, aws.ConnectionError | aws.HTTPClientError)


def _detail(
    client: SageMakerClient, logs: CloudWatchLogsClient, step: Step, progress: Progress
) -> str:
    if step.failure:
        return step.failure
    if step.cached:
        return "cache hit: took the result of an earlier execution"
    metadata = step.metadata or {}
    if step.type == "Tuning" and step.job:
        return trials.summary(client, step.job, progress)
    if step.type == "Training" and step.job and step.status == "Executing":
        return progress.of(step.job)
    # A Lambda step's ARN names a function, not a log stream.
    named = step.type in GROUPS and step.type != "Lambda" and step.job
    if named and step.status == "Executing":
        return last_line(logs, GROUPS[step.type], step.job)
    if step.type == "Training" and step.job and step.status == "Succeeded":
        return _metrics(client, step.job)
    if "Condition" in metadata:
        return OUTCOMES.get(metadata["Condition"].get("Outcome", ""), "")
    if "RegisterModel" in metadata and step.job:
        return f"model version {step.job}"
    if PROMOTION in metadata:
        outputs = metadata[PROMOTION].get("OutputParameters", [])
        values = {output["Name"]: output["Value"] for output in outputs}
        return values.get("status", "")
    if "Fail" in metadata:
        return metadata["Fail"].get("ErrorMessage", "")
    return ""


def _decided_since(client: SageMakerClient, execution: Execution, at_first: str) -> str:
    """What promoting the version did, after what was decided on the version since then.

    Args:
        client: A boto3 SageMaker client.
        execution: The execution, whose Register step names the version.
        at_first: What promoting did: `left for approval`, or a change of the endpoint.
    """
    if not at_first or not execution.version_arn:
        return at_first
    try:
        approval = versions.describe(client, execution.version_arn).approval
    except aws.ClientError:  # deleted since
        return at_first
    same = approval == (PENDING if at_first == LEFT else versions.APPROVED)
    return at_first if same else f"{approval} since; at first {at_first}"


def _metrics(client: SageMakerClient, job: str) -> str:
    described = client.describe_training_job(TrainingJobName=job)
    metrics = {m["MetricName"]: m["Value"] for m in described.get("FinalMetricDataList", [])}
    shown = [name for name in ("validation:accuracy", "validation:loss") if name in metrics]
    return ", ".join(f"{name} {metrics[name]:.3f}" for name in shown)
