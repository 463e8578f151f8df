"""Executions in one line each."""

import json
from datetime import UTC, datetime
from typing import Any

import boto3
from botocore.stub import Stubber

from pipelines.executions import summary

ARN = "arn:aws:sagemaker:us-east-1:123456789012:pipeline/tally/execution/"
STARTED = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)


def listed(identity: str, status: str, **more: str) -> Any:
    return {
        "PipelineExecutionArn": ARN + identity,
        "PipelineExecutionStatus": status,
        "StartTime": STARTED,
        **more,
    }


def test_a_failed_execution_names_its_failed_steps_and_the_first_line_of_each_reason() -> None:
    """SageMaker's own reason is the same for every failure."""
    general = "Step failure: One or multiple steps failed."
    boom = "\nAlgorithmError: boom\nTraceback (most recent call last)"
    failed, succeeded, unable = summarised(
        [
            listed("aaaa", "Failed", PipelineExecutionFailureReason=general),
            listed("bbbb", "Succeeded", PipelineExecutionDisplayName="spring"),
            listed("cccc", "Failed", PipelineExecutionFailureReason="The role cannot be assumed."),
        ],
        steps={
            "aaaa": [
                {"StepName": "Prepare", "StepStatus": "Succeeded"},
                {"StepName": "Train", "StepStatus": "Failed", "FailureReason": boom},
                {"StepName": "Other", "StepStatus": "Failed"},
            ]
        },
    )
    assert failed.failure == "Train: AlgorithmError: boom; Other: no reason given"
    assert (succeeded.id, succeeded.name, succeeded.failure) == ("bbbb", "spring", "")
    assert unable.failure == "The role cannot be assumed."


def test_an_execution_names_its_data_and_the_parameters_that_differ_from_the_defaults() -> None:
    given = {
        "DataSource": "s3://b/tally/data/bins-1a2b3c4d/",
        "DataVersion": "123",
        "ApprovedModel": "s3://b/model.tar.gz",
        "Classes": "1-3",
        "MaxTrials": "3",
        "AccuracyThreshold": "0.20",
    }
    (one,) = summarised([listed("aaaa", "Succeeded")], parameters={"aaaa": given})
    assert (one.data, one.changed) == ("bins-1a2b3c4d", {"Classes": "1-3"})


def summarised(
    executions: list[Any],
    steps: dict[str, list[Any]] | None = None,
    parameters: dict[str, dict[str, str]] | None = None,
) -> list[summary.Summary]:
    """The summaries of executions that have these steps and parameters, by id."""
    client = boto3.client("sagemaker", region_name="us-east-1")
    defaults = {"Classes": "1-5", "MaxTrials": 3, "AccuracyThreshold": 0.2, "DataSource": "none"}
    definition = {"Parameters": [{"Name": k, "DefaultValue": v} for k, v in defaults.items()]}
    with Stubber(client) as stubber:
        stubber.add_response("describe_pipeline", {"PipelineDefinition": json.dumps(definition)})
        for one in executions:
            identity = one["PipelineExecutionArn"].rpartition("/")[2]
            if one["PipelineExecutionStatus"] == "Failed":
                run = (steps or {}).get(identity, [])
                stubber.add_response(
                    "list_pipeline_execution_steps", {"PipelineExecutionSteps": run}
                )
            given = (parameters or {}).get(identity, {})
            pairs = [{"Name": name, "Value": value} for name, value in given.items()]
            stubber.add_response(
                "list_pipeline_parameters_for_execution", {"PipelineParameters": pairs}
            )
        found = list(summary.summarise(client, "tally", executions))
        stubber.assert_no_pending_responses()
    return found
