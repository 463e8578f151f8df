"""A change starts the pipeline that trains: it ends with a version that waits for approval.

EventBridge could start it from the alarm, but with fixed parameters only: every step would be found
in SageMaker's step cache, and nothing new would be learned. So the step starts it, with a version
label of the audits of its own, which makes Prepare read everything again.
"""

from __future__ import annotations

import os
from datetime import datetime
from uuid import uuid4

PREFIX = "watch-"


class RetrainError(Exception):
    """The pipeline cannot be started."""


def start(pipeline: str, since: datetime, now: datetime) -> str:
    """Start the pipeline unless a change has started it in this window; return what was done.

    A change that lasts would else start it with every run.

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
        started = client.start_pipeline_execution(
            PipelineName=pipeline,
            PipelineExecutionDisplayName=label,
            PipelineParameters=[
                {"Name": "AuditVersion", "Value": label},
                {"Name": "ModelApprovalStatus", "Value": "PendingManualApproval"},
            ],
            ClientRequestToken=str(uuid4()),
        )
    except (BotoCoreError, ClientError) as error:
        raise RetrainError(
            f"the pipeline {pipeline} cannot be started: {error}. Run `upsert` if it is missing; "
            "the job's role needs sagemaker:ListPipelineExecutions and StartPipelineExecution"
        ) from error
    return f"retraining: {started['PipelineExecutionArn']}"
