"""Callback steps: the operations that report the outcome of a token."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.aws.dispatch import Response, operation
from sagemaker_emulator.aws.members import paths
from sagemaker_emulator.errors import ApiError, not_found
from sagemaker_emulator.sagemaker.pipelines.run.records import CALLBACK

if TYPE_CHECKING:
    from types_boto3_sagemaker import type_defs as types


@operation(
    "SendPipelineExecutionStepSuccess",
    honours=paths("CallbackToken OutputParameters ClientRequestToken"),
)
def send_step_success(
    context: Context, request: types.SendPipelineExecutionStepSuccessRequestTypeDef
) -> Response:
    """Report that a waiting Callback step succeeded, with its outputs."""
    return _record_outcome(
        context,
        request["CallbackToken"],
        "Succeeded",
        OutputParameters=request.get("OutputParameters", []),
    )


@operation(
    "SendPipelineExecutionStepFailure",
    honours=paths("CallbackToken FailureReason ClientRequestToken"),
)
def send_step_failure(
    context: Context, request: types.SendPipelineExecutionStepFailureRequestTypeDef
) -> Response:
    """Report that a waiting Callback step failed, and why."""
    return _record_outcome(
        context, request["CallbackToken"], "Failed", FailureReason=request.get("FailureReason")
    )


def _record_outcome(context: Context, token: str, outcome: str, **details: Any) -> Response:
    with context.store.transaction():
        callback = context.store.get(CALLBACK, token)
        if callback is None:
            raise not_found(f"No callback step has the token {token}.")
        if callback.get("Outcome", outcome) != outcome:
            raise ApiError(
                "ConflictException",
                f"The callback step with the token {token} has already {callback['Outcome']}.",
            )
        context.store.update(CALLBACK, token, Outcome=outcome, **details)
    return {"PipelineExecutionArn": callback["PipelineExecutionArn"]}
