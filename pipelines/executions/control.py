"""Stop a running execution, and resume one that has ended."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

from pipelines.executions.execution import RUNNING, ExecutionError

if TYPE_CHECKING:
    from types_boto3_sagemaker import SageMakerClient


def stop(client: SageMakerClient, arn: str) -> None:
    """Stop an execution and its jobs.

    Raises:
        ExecutionError: It has ended already.
    """
    _require(client, arn, running=True, refusal="so there is nothing to stop")
    client.stop_pipeline_execution(PipelineExecutionArn=arn, ClientRequestToken=str(uuid4()))


def retry(client: SageMakerClient, arn: str) -> None:
    """Resume a Failed or Stopped execution from the failed step, with the same parameters.

    Raises:
        ExecutionError: It is still running, or has succeeded.
    """
    status = _require(client, arn, running=False, refusal="so it cannot be retried yet")
    if status == "Succeeded":
        raise ExecutionError(
            f"Execution {arn.rpartition('/')[2]} has succeeded, so there is nothing to retry. "
            "`python pipeline.py start` starts another."
        )
    client.retry_pipeline_execution(PipelineExecutionArn=arn, ClientRequestToken=str(uuid4()))


def _require(client: SageMakerClient, arn: str, *, running: bool, refusal: str) -> str:
    response = client.describe_pipeline_execution(PipelineExecutionArn=arn)
    status = response["PipelineExecutionStatus"]
    if (status in RUNNING) != running:
        raise ExecutionError(f"Execution {arn.rpartition('/')[2]} is {status}, {refusal}.")
    return status
