"""Start the pipeline that watches the endpoint, wait for its end, and read what it found."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import uuid4

from pipelines import NAME, watch_result
from pipelines.errors import UserError
from pipelines.executions.execution import RUNNING
from pipelines.settings.model import Settings
from pipelines.watch_result import WatchResult

if TYPE_CHECKING:
    import boto3
    from types_boto3_sagemaker.type_defs import ParameterTypeDef

CHANGED = "Changed"  # the Fail step
POLL_SECONDS = 2.0


class WatchError(UserError):
    """The endpoint could not be watched."""


@dataclass(frozen=True)
class Watched:
    """What an execution of the pipeline found.

    Attributes:
        arn: The execution.
        address: The s3:// folder with watch.json and watch.html.
        result: The content of watch.json.
        page: That of watch.html.
    """

    arn: str
    address: str
    result: WatchResult
    page: bytes


def start(session: boto3.Session, settings: Settings, days: int | None = None) -> str:
    """Start the pipeline and return the execution's ARN.

    Args:
        session: The target's session.
        settings: Resolved settings.
        days: Of answers to look at; None for the pipeline's default.
    """
    values: list[ParameterTypeDef] = []
    if days is not None:
        values.append({"Name": "WindowDays", "Value": str(days)})
    return session.client("sagemaker").start_pipeline_execution(
        PipelineName=settings.watch_name,
        PipelineParameters=values,
        ClientRequestToken=str(uuid4()),
    )["PipelineExecutionArn"]


def wait(session: boto3.Session, settings: Settings, arn: str) -> Watched:
    """Wait until the execution has ended, and read what it found.

    Args:
        session: The target's session.
        settings: Resolved settings.
        arn: The execution.

    Raises:
        WatchError: It ended without a result.
    """
    client = session.client("sagemaker")
    while (described := client.describe_pipeline_execution(PipelineExecutionArn=arn))[
        "PipelineExecutionStatus"
    ] in RUNNING:
        time.sleep(POLL_SECONDS)
    identity = arn.rpartition("/")[2]
    key = f"{NAME}/executions/{identity}/Watch/watch"
    s3 = session.client("s3")

    def content(name: str) -> bytes:
        return s3.get_object(Bucket=settings.bucket_name, Key=f"{key}/{name}")["Body"].read()

    try:
        result = watch_result.read(content(watch_result.FILE))
        page = content(watch_result.PAGE)
    except s3.exceptions.NoSuchKey:
        steps = client.list_pipeline_execution_steps(PipelineExecutionArn=arn)
        reasons = [one.get("FailureReason", "") for one in steps["PipelineExecutionSteps"]]
        reasons.append(described.get("FailureReason", "no reason is given"))
        reason = next(reason for reason in reasons if reason)
        raise WatchError(
            f"Execution {identity} of {settings.watch_name} is "
            f"{described['PipelineExecutionStatus']} without a result: {reason}"
        ) from None
    return Watched(arn, f"s3://{settings.bucket_name}/{key}", result, page)
