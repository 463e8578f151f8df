"""Executions of the pipeline: start one, and show its steps until it ends."""

import time
from collections.abc import Mapping

from target import ProjectError, Target

POLL_SECONDS = 2.0


def start(where: Target, parameters: Mapping[str, str]) -> str:
    """Start an execution and return its ARN.

    Raises:
        ProjectError: The pipeline was never upserted.
    """
    sagemaker, name = where.sagemaker, where.settings.name
    try:
        response = sagemaker.start_pipeline_execution(
            PipelineName=name,
            PipelineParameters=[{"Name": key, "Value": parameters[key]} for key in parameters],
        )
    except sagemaker.exceptions.ResourceNotFound:
        raise ProjectError("There is no pipeline yet: python pipeline.py upsert") from None
    arn: str = response["PipelineExecutionArn"]
    return arn


def watch(where: Target, arn: str) -> bool:
    """Print each change of a step; return whether the execution succeeded."""
    shown: dict[str, str] = {}
    while True:
        # The status first, so that no step's end is missed after it.
        response = where.sagemaker.describe_pipeline_execution(PipelineExecutionArn=arn)
        steps = where.sagemaker.list_pipeline_execution_steps(
            PipelineExecutionArn=arn, SortOrder="Ascending"
        )["PipelineExecutionSteps"]
        for step in steps:
            name, status = step["StepName"], step["StepStatus"]
            if shown.get(name) != status:
                shown[name] = status
                cached = " (unchanged: cached)" if "CacheHitResult" in step else ""
                reason = step.get("FailureReason", "")
                print(f"  {name:<16}{status}{cached}{': ' if reason else ''}{reason}", flush=True)
        status = response["PipelineExecutionStatus"]
        if status not in ("Executing", "Stopping"):
            print(f"The execution has {status}. {response.get('FailureReason', '')}".rstrip())
            return bool(status == "Succeeded")
        time.sleep(POLL_SECONDS)
