"""Steps that the engine carries out itself: Condition, Fail, Lambda and Callback."""

from __future__ import annotations

import json
import random
import string
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from sagemaker_emulator.errors import ApiError
from sagemaker_emulator.sagemaker.pipelines.language import conditions
from sagemaker_emulator.sagemaker.pipelines.language.definition_errors import StepError
from sagemaker_emulator.sagemaker.pipelines.language.expressions import to_text
from sagemaker_emulator.sagemaker.pipelines.run.records import CALLBACK
from sagemaker_emulator.sagemaker.pipelines.run.reuse import remember, reused
from sagemaker_emulator.sagemaker.pipelines.run.step_run import StepRun, StoppedError

_ALPHABET = string.ascii_lowercase + string.digits
_TOKEN = 10


def run_condition(run: StepRun) -> None:
    """Evaluate the conditions; all of them must hold."""
    tree = run.evaluate(run.step.arguments["Conditions"])
    outcome = all(conditions.holds(condition) for condition in tree)
    text = "True" if outcome else "False"
    run.record.finish(
        "Succeeded",
        Metadata={"Condition": {"Outcome": text}},
        Properties={"Outcome": text},
    )


def run_fail(run: StepRun) -> None:
    """End the execution with the step's message."""
    message = to_text(run.evaluate(run.step.arguments.get("ErrorMessage", "")))
    run.record.update(Metadata={"Fail": {"ErrorMessage": message}})
    raise StepError(message)


def run_lambda(run: StepRun) -> None:
    """Invoke the function with the step's arguments; declared outputs come from its answer."""
    arn = str(run.evaluate(run.step.raw["FunctionArn"]))
    payload = run.evaluate(run.step.arguments)
    if reused(run, {"FunctionArn": arn, "Arguments": payload}):
        return
    run.record.update(StepStatus="Executing", Metadata={"Lambda": {"Arn": arn}})
    try:
        outcome = run.context.functions.invoke(arn, payload)
    except ApiError as error:
        raise StepError(f"ClientError: Lambda function {arn}: {error}") from error
    given = outcome.payload
    if outcome.failed:
        raise StepError(f"ClientError: Lambda function {arn} failed: {_cause(given)}")
    given = given if isinstance(given, dict) else {}
    missing = [name for name in run.step.outputs if name not in given]
    if missing:
        raise StepError(
            f"ClientError: Lambda function {arn} did not return {', '.join(missing)}, which the "
            f"step declares in OutputParameters. It returned {', '.join(given) or 'nothing'}."
        )
    outputs = {name: given[name] for name in run.step.outputs}
    run.record.finish(
        "Succeeded",
        Metadata={"Lambda": {"Arn": arn, "OutputParameters": _parameters(outputs)}},
        Properties={"OutputParameters": outputs},
    )
    remember(run, {"FunctionArn": arn, "Arguments": payload})


def run_callback(run: StepRun) -> None:
    """Send a token to the queue and wait until somebody sends it back."""
    queue = str(run.evaluate(run.step.raw["SqsQueueUrl"]))
    arguments = run.evaluate(run.step.arguments)
    if reused(run, {"SqsQueueUrl": queue, "Arguments": arguments}):
        return
    store = run.context.store
    token = run.record.get().get("CallbackToken")
    metadata: dict[str, Any] = {"CallbackToken": token, "SqsQueueUrl": queue}
    if token is None:
        token = "".join(random.choices(_ALPHABET, k=_TOKEN))
        metadata["CallbackToken"] = token
        store.put(CALLBACK, token, {"PipelineExecutionArn": run.arn, "StepName": run.step.name})
        run.record.update(
            StepStatus="Executing", CallbackToken=token, Metadata={"Callback": metadata}
        )
    if not run.record.get().get("CallbackSent"):  # a message sent twice is better than none
        _send(run, queue, token, "Executing", arguments)
        run.record.update(CallbackSent=True)
    answer: dict[str, Any] = {}

    def answered() -> bool:
        answer.update(store.get(CALLBACK, token) or {})
        return "Outcome" in answer

    try:
        run.wait(answered)
    except StoppedError:
        if not run.closing.is_set():
            _send(run, queue, token, "Stopping", arguments)
        raise
    if answer["Outcome"] == "Failed":
        raise StepError(answer.get("FailureReason") or "The callback reported a failure.")
    outputs = {entry["Name"]: entry["Value"] for entry in answer.get("OutputParameters", [])}
    missing = [name for name in run.step.outputs if name not in outputs]
    if missing:
        raise StepError(f"ClientError: the callback did not send {', '.join(missing)}.")
    run.record.finish(
        "Succeeded",
        Metadata={"Callback": {**metadata, "OutputParameters": _parameters(outputs)}},
        Properties={"OutputParameters": outputs},
    )
    remember(run, {"SqsQueueUrl": queue, "Arguments": arguments})


def _cause(payload: Any) -> str:
    """What a failed function says of itself, in one line."""
    if isinstance(payload, dict) and "errorMessage" in payload:
        return f"{payload.get('errorType', 'Error')}: {payload['errorMessage']}"
    return to_text(payload)


def _parameters(outputs: dict[str, Any]) -> list[dict[str, str]]:
    return [{"Name": name, "Value": to_text(value)} for name, value in outputs.items()]


def _send(run: StepRun, queue: str, token: str, status: str, arguments: Any) -> None:
    message = {
        "token": token,
        "pipelineExecutionArn": run.arn,
        "stepName": run.step.name,
        "arguments": arguments,
        "status": status,
    }
    context = run.context
    client = boto3.client(
        "sqs",
        endpoint_url=context.url,
        region_name=context.region,
        aws_access_key_id="emulator",
        aws_secret_access_key="emulator",
    )
    try:
        client.send_message(QueueUrl=queue, MessageBody=json.dumps(message))
    except (BotoCoreError, ClientError) as error:
        raise StepError(f"ClientError: the message to {queue} was not sent: {error}") from error
