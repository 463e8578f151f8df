"""The logs of a step's job, or of each of its trials, from CloudWatch Logs."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from pipelines.executions.execution import ExecutionError, Step, describe
from pipelines.executions.trials import list_trials

if TYPE_CHECKING:
    from types_boto3_logs import CloudWatchLogsClient
    from types_boto3_logs.type_defs import FilterLogEventsRequestPaginateTypeDef
    from types_boto3_sagemaker import SageMakerClient

GROUPS = {
    "Processing": "/aws/sagemaker/ProcessingJobs",
    "Training": "/aws/sagemaker/TrainingJobs",
    "Tuning": "/aws/sagemaker/TrainingJobs",
    "Transform": "/aws/sagemaker/TransformJobs",
    "Lambda": "/aws/lambda",
}
CLOCK_DIFFERENCE = 1.0  # seconds between the clocks of a step and of its log


@dataclass(frozen=True)
class Line:
    """One line of a log; `source` is the job that wrote it, milliseconds since the epoch."""

    source: str
    milliseconds: int
    text: str


def streams(client: SageMakerClient, step: Step) -> list[tuple[str, str]]:
    """The (log group, stream prefix) pairs of a step: one for a job, one for each trial of a tuner.

    Raises:
        ExecutionError: A step of this type writes no log, or it has not started.
    """
    if step.type not in GROUPS:
        raise ExecutionError(
            f"SageMaker runs step {step.name} ({step.type}) itself, so it writes no log. "
            "`python pipeline.py status` shows what it did."
        )
    if not step.job:
        raise ExecutionError(f"Step {step.name} has not started ({step.status}), so it has no log.")
    group = GROUPS[step.type]
    if step.type == "Lambda":
        return [(f"{group}/{step.job_arn.rpartition(':')[2]}", "")]
    if step.type == "Tuning":
        return [(group, trial.name) for trial in list_trials(client, step.job)]
    return [(group, step.job)]


def read(logs: CloudWatchLogsClient, group: str, prefix: str, since: int = 0) -> Iterator[Line]:
    """The lines of a job in the order of time; none if the job has not written anything.

    Args:
        logs: A boto3 CloudWatch Logs client.
        group: The log group.
        prefix: The beginning of the log streams' names; "" for all of the group.
        since: The first millisecond to read.
    """
    request: FilterLogEventsRequestPaginateTypeDef = {"logGroupName": group, "startTime": since}
    if prefix:
        request["logStreamNamePrefix"] = f"{prefix}/"
    try:
        for page in logs.get_paginator("filter_log_events").paginate(**request):
            for event in page["events"]:
                source = event["logStreamName"].split("/")[0] if prefix else ""
                yield Line(source, event["timestamp"], event["message"].rstrip("\n"))
    except ClientError as error:
        # The group is created with its first line.
        if error.response["Error"]["Code"] != "ResourceNotFoundException":
            raise


def written_by(step: Step, line: Line) -> bool:
    """Whether the step wrote the line: a function's log holds the calls of every execution."""
    if step.type != "Lambda" or step.started is None:
        return True
    started = step.started.timestamp() - CLOCK_DIFFERENCE
    ended = step.ended.timestamp() + CLOCK_DIFFERENCE if step.ended else math.inf
    return started <= line.milliseconds / 1000 <= ended


def lines_of(logs: CloudWatchLogsClient, step: Step, group: str, prefix: str) -> list[Line]:
    """All lines that a step wrote to one of its streams."""
    since = 0
    if step.type == "Lambda" and step.started:  # years of calls may come before
        since = int(step.started.timestamp() - CLOCK_DIFFERENCE) * 1000
    return [line for line in read(logs, group, prefix, since) if written_by(step, line)]


def tail(logs: CloudWatchLogsClient, group: str, prefix: str, count: int) -> list[Line]:
    """The last lines of a job, without reading those before."""
    try:
        names = logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=f"{prefix}/")[
            "logStreams"
        ]
        lines = []
        for stream in names:
            name = stream["logStreamName"]
            events = logs.get_log_events(
                logGroupName=group, logStreamName=name, limit=count, startFromHead=False
            )["events"]
            source = name.split("/")[0]
            lines += [Line(source, e["timestamp"], e["message"].rstrip("\n")) for e in events]
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceNotFoundException":
            raise
        return []
    return sorted(lines, key=lambda line: line.milliseconds)[-count:]


def last_line(logs: CloudWatchLogsClient, group: str, prefix: str) -> str:
    """The last line of a job that is not blank; "" if there is none."""
    lines = [line.text.strip() for line in tail(logs, group, prefix, 5)]
    return next((text for text in reversed(lines) if text), "")


def show(
    client: SageMakerClient,
    logs: CloudWatchLogsClient,
    arn: str,
    step_name: str,
    write: Callable[[str], None],
    *,
    follow: bool = False,
    poll: float = 1.0,
) -> bool:
    """Write a step's log; when following, as it grows, until the step has ended.

    Args:
        client: A boto3 SageMaker client.
        logs: A boto3 CloudWatch Logs client.
        arn: The execution.
        step_name: The step; when following, it may start later.
        write: Called once with each line; before the lines of a trial, with its name.
        follow: Whether to continue until the step has ended.
        poll: Seconds between two reads.

    Returns:
        Whether there was any line.

    Raises:
        ExecutionError: There is no such step, or it writes no log.
    """
    shown: dict[tuple[str, str], int] = {}
    source = ""
    while True:
        execution = describe(client, arn)
        step = execution.step(step_name)
        # Decided before the lines are read, so that no line written meanwhile is missed.
        over = not follow or step.ended is not None or not execution.running
        for stream in streams(client, step) if step.job or over else []:
            lines = lines_of(logs, step, *stream)
            for line in lines[shown.get(stream, 0) :]:
                if step.type == "Tuning" and line.source != source:
                    source = line.source
                    write(f"--- {source}")
                write(line.text)
            shown[stream] = len(lines)
        if over:
            return any(shown.values())
        time.sleep(poll)
