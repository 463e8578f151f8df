"""Executions in one line each."""

from datetime import UTC, datetime
from typing import Any

import boto3
from botocore.stub import Stubber

from pipelines.executions import execution

ARN = "arn:aws:sagemaker:us-east-1:123456789012:pipeline/tally/execution/"
STARTED = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)


def listed(identity: str, status: str, **more: str) -> Any:
    return {
        "PipelineExecutionArn": ARN + identity,
        "PipelineExecutionStatus": status,
        "StartTime": STARTED,
        **more,
    }


def test_a_failed_execution_names_its_failed_steps_and_their_reasons() -> None:
    """SageMaker's own reason is the same for every failure; other executions cost no request."""
    client = boto3.client("sagemaker", region_name="us-east-1")
    general = "Step failure: One or multiple steps failed."
    executions = [
        listed("aaaa", "Failed", PipelineExecutionFailureReason=general),
        listed("bbbb", "Succeeded", PipelineExecutionDisplayName="spring"),
        listed("cccc", "Failed", PipelineExecutionFailureReason="The role cannot be assumed."),
    ]
    steps = [
        {"StepName": "Prepare", "StepStatus": "Succeeded"},
        {"StepName": "Train", "StepStatus": "Failed", "FailureReason": "AlgorithmError: boom"},
    ]
    with Stubber(client) as stubber:
        stubber.add_response("list_pipeline_execution_steps", {"PipelineExecutionSteps": steps})
        stubber.add_response("list_pipeline_execution_steps", {"PipelineExecutionSteps": []})
        failed, succeeded, unable = execution.summarise(client, executions)
        stubber.assert_no_pending_responses()
    assert failed.failure == "Train: AlgorithmError: boom"
    assert (succeeded.id, succeeded.name, succeeded.failure) == ("bbbb", "spring", "")
    assert unable.failure == "The role cannot be assumed."
