"""A change starts the pipeline that trains: it ends with a version that waits for approval.

EventBridge could start it from the alarm, but with fixed parameters only: every step would be found
in SageMaker's step cache, and nothing new would be learned. So the step starts it, with a version
label of the audits of its own, which makes Prepare read everything again.
"""

from __future__ import annotations

import os
from datetime import datetime
from typing import Any
from uuid import uuid4

PREFIX = "watch-"
PENDING = "PendingManualApproval"
# The last names the model that was approved when the earlier execution began.
LEFT_OUT = ("AuditVersion", "ModelApprovalStatus", "ApprovedModel")


class RetrainError(Exception):
    """The pipeline cannot be started."""


def start(pipeline: str, since: datetime, now: datetime) -> str:
    """Start the pipeline unless a change has started it in this window; return what was done.

    A change that lasts would else start it with every run. The parameters are those of the latest
    execution that has succeeded, so that it learns from the same bins.

    Args:
        pipeline: its name.
        since: the beginning of the window.
        now: its end.

    Raises:
        RetrainError: it cannot be started.
    """
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError

    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    try:
        client = boto3.client("sagemaker", region_name=region)
        pages = client.get_paginator("list_pipeline_executions")
        for page in pages.paginate(PipelineName=pipeline, CreatedAfter=since):
            for execution in page["PipelineExecutionSummaries"]:
                if execution.get("PipelineExecutionDisplayName", "").startswith(PREFIX):
                    return f"not retrained: {execution['PipelineExecutionArn']} did in this window"
        label = f"{PREFIX}{now:%Y%m%d-%H%M%S}"
        own = {"AuditVersion": label, "ModelApprovalStatus": PENDING}
        parameters: Any = _parameters(client, pipeline)
        parameters += [{"Name": name, "Value": value} for name, value in own.items()]
        started = client.start_pipeline_execution(
            PipelineName=pipeline,
            PipelineExecutionDisplayName=label,
            PipelineParameters=parameters,
            ClientRequestToken=str(uuid4()),
        )
    except (BotoCoreError, ClientError) as error:
        raise RetrainError(
            f"the pipeline {pipeline} cannot be started: {error}. Run `upsert` if it is missing; "
            "the job's role needs sagemaker:ListPipelineExecutions, StartPipelineExecution and "
            "ListPipelineParametersForExecution"
        ) from error
    return f"retraining: {started['PipelineExecutionArn']}"


def _parameters(client: Any, pipeline: str) -> list[dict[str, str]]:
    """The parameters of the latest execution that has succeeded; none if there is none."""
    pages = client.get_paginator("list_pipeline_executions")
    for page in pages.paginate(PipelineName=pipeline, SortBy="CreationTime"):
        for execution in page["PipelineExecutionSummaries"]:
            if execution["PipelineExecutionStatus"] == "Succeeded":
                arn = execution["PipelineExecutionArn"]
                listed = client.get_paginator("list_pipeline_parameters_for_execution")
                return [
                    {"Name": one["Name"], "Value": one["Value"]}
                    for found in listed.paginate(PipelineExecutionArn=arn)
                    for one in found["PipelineParameters"]
                    if one["Name"] not in LEFT_OUT
                ]
    return []
