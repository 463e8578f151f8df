"""An execution as it goes on: what every step is doing, look after look, until it ends."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import botocore.exceptions as aws

from pipelines.executions import trials
from pipelines.executions.execution import Execution, Step, describe
from pipelines.executions.logs import GROUPS, last_line, lines_of, places, tail

OUTCOMES = {"True": "the condition holds", "False": "the condition does not hold"}
ENDED = ("Succeeded", "Failed", "Stopped")
PATIENCE_SECONDS = 60.0


@dataclass(frozen=True)
class Look:
    """An execution at one moment; `details` says in a few words what each step is doing or did."""

    execution: Execution
    details: dict[str, str]


def look(client: Any, logs: Any, arn: str, known: dict[str, str] | None = None) -> Look:
    """An execution now.

    Args:
        client: A boto3 SageMaker client.
        logs: A boto3 CloudWatch Logs client.
        arn: The execution.
        known: Details of steps that have ended, which are not asked for again; is added to.
    """
    known = {} if known is None else known
    execution = describe(client, arn)
    details = {}
    for step in execution.steps:
        detail = known.get(step.name)
        if detail is None:
            detail = _detail(client, logs, step)
            if step.status in ENDED:
                known[step.name] = detail
        details[step.name] = detail
    return Look(execution, details)


def looks(client: Any, logs: Any, arn: str) -> Iterator[Look]:
    """Look after look until the execution has ended; the last shows the end.

    A young execution is looked at every half second, one of hours every five seconds. It goes on
    without us, so in hours of watching a service may be silent for a minute.
    """
    # A retry runs ended steps again, so what is known holds for this watching only.
    known: dict[str, str] = {}
    now, answered = look(client, logs, arn, known), time.monotonic()
    yield now
    while now.execution.running:
        time.sleep(min(5.0, 0.5 + now.execution.seconds / 60))
        try:
            now, answered = look(client, logs, arn, known), time.monotonic()
        except (aws.BotoCoreError, aws.ClientError) as error:
            if not _may_pass(error) or time.monotonic() - answered > PATIENCE_SECONDS:
                raise
        else:
            yield now


@dataclass(frozen=True)
class LastWords:
    """The end of a failed step's log, and where all of it is."""

    step: str
    place: str
    lines: tuple[str, ...]


def last_words(client: Any, logs: Any, execution: Execution, count: int = 15) -> list[LastWords]:
    """What the failed steps' jobs wrote last; nothing of steps without a log.

    Args:
        client: A boto3 SageMaker client.
        logs: A boto3 CloudWatch Logs client.
        execution: An execution that has ended.
        count: How many lines of each job.
    """
    found = []
    for step in execution.steps:
        if step.status == "Failed" and step.type in GROUPS and step.job:
            for group, prefix in places(client, step):
                # A function's log has a stream for each call, of any execution.
                last = (
                    tail(logs, group, prefix, count)
                    if prefix
                    else lines_of(logs, step, group, prefix)[-count:]
                )
                lines = tuple(line.text for line in last)
                found.append(LastWords(step.name, f"{group} {prefix}".strip(), lines))
    return found


def _may_pass(error: aws.BotoCoreError | aws.ClientError) -> bool:
    """Whether the network or the service is at fault; boto3 has asked again by then."""
    if isinstance(error, aws.ClientError):
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return status >= 500 or "Throttling" in error.response["Error"]["Code"]
    return isinstance(error, aws.ConnectionError | aws.HTTPClientError)


def _detail(client: Any, logs: Any, step: Step) -> str:
    if step.failure:
        return step.failure
    if step.cached:
        return "cache hit: took the result of an earlier execution"
    metadata = step.metadata or {}
    if step.type == "Tuning" and step.job:
        return trials.summary(client, step.job)
    # A Lambda step's ARN names a function, not a log stream.
    named = step.type in GROUPS and step.type != "Lambda" and step.job
    if named and step.status == "Executing":
        return last_line(logs, GROUPS[step.type], step.job)
    if step.type == "Training" and step.job and step.status == "Succeeded":
        return _metrics(client, step.job)
    if "Condition" in metadata:
        return OUTCOMES.get(str(metadata["Condition"].get("Outcome")), "")
    if "RegisterModel" in metadata and step.job:
        return f"model version {step.job}"
    if "Lambda" in metadata:
        outputs = metadata["Lambda"].get("OutputParameters", [])
        said = {output["Name"]: output["Value"] for output in outputs}
        return said.get("status", "")
    if "Fail" in metadata:
        return str(metadata["Fail"].get("ErrorMessage", ""))
    return ""


def _metrics(client: Any, job: str) -> str:
    described = client.describe_training_job(TrainingJobName=job)
    metrics = {m["MetricName"]: m["Value"] for m in described.get("FinalMetricDataList", [])}
    wanted = [name for name in ("validation:accuracy", "validation:loss") if name in metrics]
    return ", ".join(f"{name} {metrics[name]:.3f}" for name in wanted)
