"""Callback steps: what whoever got their message answers."""

from typing import Any

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.aws.dispatch import operation
from sagemaker_emulator.errors import ApiError, not_found
from sagemaker_emulator.sagemaker.pipelines.run.records import CALLBACK


@operation("SendPipelineExecutionStepSuccess")
def send_step_success(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Tell a waiting Callback step that it succeeded, with its outputs."""
    outputs = request.get("OutputParameters", [])
    return _answer(context, request, {"Outcome": "Succeeded", "OutputParameters": outputs})


@operation("SendPipelineExecutionStepFailure")
def send_step_failure(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Tell a waiting Callback step that it failed, and why."""
    reason = request.get("FailureReason")
    return _answer(context, request, {"Outcome": "Failed", "FailureReason": reason})


def _answer(context: Context, request: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
    token = request["CallbackToken"]
    with context.store.transaction():
        callback = context.store.get(CALLBACK, token)
        if callback is None:
            raise not_found(f"No callback step has the token {token}.")
        if callback.get("Outcome", answer["Outcome"]) != answer["Outcome"]:
            raise ApiError(
                "ConflictException",
                f"The callback step with the token {token} has already {callback['Outcome']}.",
            )
        context.store.update(CALLBACK, token, **answer)
    return {"PipelineExecutionArn": callback["PipelineExecutionArn"]}
