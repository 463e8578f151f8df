"""EventBridge events about the status of executions and their steps.

An event only reports: where it cannot be sent, that is logged and the execution continues.
"""

import logging
from collections.abc import Callable
from typing import Any

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.sagemaker.pipelines.run.records import (
    ExecutionRecord,
    StepProgress,
    format_time,
    listed_step,
)

_log = logging.getLogger("emulator")


def emit_execution_event(context: Context, execution: ExecutionRecord, previous: str) -> None:
    """Report that an execution's status, `previous` until now, is the one in its record."""

    def detail() -> dict[str, Any]:
        status = execution["PipelineExecutionStatus"]
        ended = status not in ("Executing", "Stopping")
        return {
            "pipelineExecutionDisplayName": execution.get("PipelineExecutionDisplayName"),
            "pipelineExecutionDescription": execution.get("PipelineExecutionDescription"),
            "currentPipelineExecutionStatus": status,
            "previousPipelineExecutionStatus": previous,
            "executionStartTime": format_time(execution["CreationTime"]),
            "executionEndTime": format_time(execution["LastModifiedTime"]) if ended else None,
        }

    _emit(context, "Status Change", execution["PipelineExecutionArn"], detail)


def emit_step_event(
    context: Context, arn: str, step_type: str, progress: StepProgress, previous: str
) -> None:
    """Report that the status of a step of execution `arn` is now the one in its record."""

    def detail() -> dict[str, Any]:
        step = listed_step(progress.record())
        return {
            "metadata": step.get("Metadata") or {},
            "stepName": step["StepName"],
            "stepType": step_type,
            "stepStartTime": format_time(step["StartTime"]),
            "stepEndTime": format_time(step["EndTime"]) if "EndTime" in step else None,
            "previousStepStatus": previous,
            "currentStepStatus": step["StepStatus"],
            "failureReason": step.get("FailureReason"),
            "cacheHitResult": step.get("CacheHitResult"),
        }

    _emit(context, "Step Status Change", arn, detail)


def _emit(context: Context, change: str, arn: str, detail: Callable[[], dict[str, Any]]) -> None:
    pipeline_arn = arn.split("/execution/")[0]
    try:
        members = detail() | {"pipelineArn": pipeline_arn, "pipelineExecutionArn": arn}
        context.events.emit(
            f"SageMaker Model Building Pipeline Execution {change}",
            {key: value for key, value in members.items() if value is not None},
            [pipeline_arn, arn],
        )
    except Exception:
        _log.exception("an event of %s could not be sent", arn)
