"""How executions are found and listed: by what a person types, newest first."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from pipelines.executions.execution import ExecutionError

if TYPE_CHECKING:
    from types_boto3_sagemaker import SageMakerClient
    from types_boto3_sagemaker.type_defs import PipelineExecutionSummaryTypeDef


def require_pipeline(client: SageMakerClient, pipeline: str) -> None:
    """Check that the pipeline exists.

    Raises:
        ExecutionError: The pipeline has not been upserted.
    """
    with _explained(pipeline):
        client.describe_pipeline(PipelineName=pipeline)


def list_executions(
    client: SageMakerClient, pipeline: str, creates: str = "upsert"
) -> Iterator[PipelineExecutionSummaryTypeDef]:
    """Summaries of all executions, newest first.

    Args:
        client: A boto3 SageMaker client.
        pipeline: The pipeline's name.
        creates: The command that creates the pipeline.

    Raises:
        ExecutionError: The pipeline does not exist.
    """
    pages = client.get_paginator("list_pipeline_executions").paginate(
        PipelineName=pipeline,
        SortBy="CreationTime",
        SortOrder="Descending",
        PaginationConfig={"PageSize": 100},
    )
    with _explained(pipeline, creates):
        for page in pages:
            yield from page["PipelineExecutionSummaries"]


def resolve(
    client: SageMakerClient, pipeline: str, text: str | None = None, other: str = ""
) -> str:
    """The ARN of the execution that a text names.

    Args:
        client: A boto3 SageMaker client.
        pipeline: The pipeline's name.
        text: An ARN, an id, the beginning of an id, or a display name; None for the latest.
        other: A second pipeline whose executions are found, too; its name as `text` means its
            latest. It need not exist.

    Raises:
        ExecutionError: There is none, or several ids begin like this.
    """
    if text and text.startswith("arn:"):
        return text
    searched = [pipeline, other] if text and other else [pipeline]
    if text and text == other:
        searched, text = [other], None
    candidates, missing = [], None
    for name in searched:
        try:
            for summary in list_executions(client, name):
                arn = summary["PipelineExecutionArn"]
                identity = arn.rpartition("/")[2]
                if text is None or text in (identity, summary.get("PipelineExecutionDisplayName")):
                    return arn
                if identity.startswith(text):
                    candidates.append(arn)
        except ExecutionError as error:  # the pipeline does not exist
            missing = missing or (error if name == pipeline else None)
    if len(candidates) == 1:
        return candidates[0]
    if candidates:
        ids = ", ".join(arn.rpartition("/")[2] for arn in candidates)
        raise ExecutionError(f"Several executions begin with {text}: {ids}. Type more of the id.")
    if missing:
        raise missing
    if text is None:
        command = "start" if searched == [pipeline] else "watch"
        raise ExecutionError(
            f"Pipeline {searched[0]} has not been started yet. Run `python pipeline.py {command}`."
        )
    raise ExecutionError(
        f"Pipeline {pipeline} has no execution {text}. `python pipeline.py list` lists them."
    )


@contextmanager
def _explained(pipeline: str, creates: str = "upsert") -> Iterator[None]:
    """Turn SageMaker's "no such pipeline" into a message that says what to run first."""
    try:
        yield
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceNotFound":
            raise
        both = "; `python pipeline.py upsert start` does both" if creates == "upsert" else ""
        raise ExecutionError(
            f"There is no pipeline {pipeline} yet. Run `python pipeline.py {creates}` first{both}."
        ) from error
