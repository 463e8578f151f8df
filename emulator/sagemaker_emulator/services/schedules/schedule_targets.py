"""What a schedule calls: a templated target, or any operation of a service that runs here."""

from __future__ import annotations

import json
from typing import Any

from sagemaker_emulator.aws import json_text
from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.errors import ApiError
from sagemaker_emulator.services import targets
from sagemaker_emulator.storage.store import Document

# The parameters of a kind of target, and the kind that they are for.
_PARAMETERS = {
    "EventBridgeParameters": "events",
    "SageMakerPipelineParameters": "pipeline",
    "SqsParameters": "sqs",
}
_KINDS = ("lambda", "sqs", "sns", "events", "pipeline", "aws-sdk")
ATTEMPT = "<aws.scheduler.attempt-number>"


def check(context: Context, target: Document) -> None:
    """Refuse a target that is not called here, or that lacks what it needs.

    Raises:
        ApiError: `ValidationException`; it names what.
    """
    arn = target["Arn"]
    kind = targets.kind_of(arn)
    if kind not in _KINDS:
        raise _invalid(
            f"Target {arn}: only Lambda functions, pipelines, SQS queues, SNS topics, the default "
            f"event bus and {targets.UNIVERSAL} with one of "
            f"{', '.join(targets.SDK_SERVICES)} are called here"
        )
    for member, other in _PARAMETERS.items():
        if member in target and kind != other:
            raise _invalid(f"{member} is not for the target {arn}")
    if kind == "events":
        if "EventBridgeParameters" not in target:
            raise _invalid("EventBridgeParameters is required for an event bus")
        if not isinstance(_json(target.get("Input", "{}")), dict):
            raise _invalid("Input must be a JSON object for an event bus")
    if kind == "lambda" and "Input" in target:
        _json(target["Input"])
    if kind == "aws-sdk":
        targets.operation_of(arn)
        if not isinstance(_json(target.get("Input", "{}")), dict):
            raise _invalid("Input must be a JSON object: the members of the request")
    if kind == "sqs" and arn.endswith(".fifo") and "SqsParameters" not in target:
        raise _invalid("SqsParameters with a MessageGroupId is required for a FIFO queue")


def call(
    context: Context, schedule: Document, time: str, execution: str
) -> tuple[str, dict[str, Any]]:
    """What a schedule sends to its target: the body and the options, as `targets.send` has them.

    Args:
        context: The server.
        schedule: Its document.
        time: The scheduled one, as `2026-11-30T10:00:00Z`.
        execution: The id of the invocation.
    """
    target = schedule["Target"]
    kind = targets.kind_of(target["Arn"])
    words = {
        "<aws.scheduler.schedule-arn>": schedule["Arn"],
        "<aws.scheduler.scheduled-time>": time,
        "<aws.scheduler.execution-id>": execution,
    }
    body = target.get("Input")
    if body is None:
        body = (
            "{}" if kind in ("events", "aws-sdk") else _default(context, schedule, time, execution)
        )
    for word, value in words.items():
        body = body.replace(word, value)
    options: dict[str, Any] = {}
    if kind == "events":
        about = target["EventBridgeParameters"]
        options = {"Source": about["Source"], "DetailType": about["DetailType"]}
        options["Resources"] = [schedule["Arn"]]
    elif kind == "sqs":
        options = {"MessageGroupId": target.get("SqsParameters", {}).get("MessageGroupId")}
    elif kind == "pipeline":
        about = target.get("SageMakerPipelineParameters", {})
        options = {"Parameters": about.get("PipelineParameterList", []), "Token": execution}
    elif kind == "lambda":
        options = {"RequestId": execution}
    return body, options


def _default(context: Context, schedule: Document, time: str, execution: str) -> str:
    """What a target without Input gets."""
    return json.dumps(
        {
            "version": "0",
            "id": execution,
            "detail-type": "Scheduled Event",
            "source": "aws.scheduler",
            "account": context.account,
            "time": time,
            "region": context.region,
            "resources": [schedule["Arn"]],
            "detail": "{}",
        }
    )


def _json(text: str) -> Any:
    try:
        # The number of the attempt may stand where a number does.
        return json_text.loads(text.replace(ATTEMPT, "1"))
    except ValueError as problem:
        raise _invalid(f"Input is not JSON: {problem}") from None


def _invalid(message: str) -> ApiError:
    return ApiError("ValidationException", message)
