"""Callback steps: a token is sent to an SQS queue, and the step waits until it is sent back."""

import json
import random
import string
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from sagemaker_emulator.sagemaker.pipelines.language.definition_errors import StepError
from sagemaker_emulator.sagemaker.pipelines.run.records import CALLBACK, output_parameters
from sagemaker_emulator.sagemaker.pipelines.run.step_cache import keep_result, reuse_result
from sagemaker_emulator.sagemaker.pipelines.run.step_run import StepRun, StoppedError

_ALPHABET = string.ascii_lowercase + string.digits


def run_callback(run: StepRun) -> None:
    """Send a token to the queue and wait for its outcome.

    The record keeps the token and that the message was sent, so that a run resumed after a restart
    waits for the same token. A message may be sent twice, but is never lost.
    """
    queue = str(run.evaluate(run.step.entry["SqsQueueUrl"]))
    arguments = run.evaluate(run.step.arguments)
    inputs = {"SqsQueueUrl": queue, "Arguments": arguments}
    if reuse_result(run, inputs):
        return
    store = run.context.store
    token = run.progress.record().get("CallbackToken")
    if token is None:
        token = "".join(random.choices(_ALPHABET, k=10))
        store.put(CALLBACK, token, {"PipelineExecutionArn": run.arn, "StepName": run.step.name})
        run.progress.update(
            StepStatus="Executing",
            CallbackToken=token,
            Metadata={"Callback": {"CallbackToken": token, "SqsQueueUrl": queue}},
        )
    if not run.progress.record().get("CallbackSent"):
        _send(run, queue, token, "Executing", arguments)
        run.progress.update(CallbackSent=True)
    callback: dict[str, Any] = {}

    def has_outcome() -> bool:
        callback.update(store.get(CALLBACK, token) or {})
        return "Outcome" in callback

    try:
        run.wait(has_outcome, token)
    except StoppedError:
        if not run.closing.is_set():
            _send(run, queue, token, "Stopping", arguments)
        raise
    if callback["Outcome"] == "Failed":
        raise StepError(callback.get("FailureReason") or "The callback reported a failure.")
    outputs = {entry["Name"]: entry["Value"] for entry in callback.get("OutputParameters", [])}
    missing = [name for name in run.step.outputs if name not in outputs]
    if missing:
        raise StepError(f"ClientError: the callback did not send {', '.join(missing)}.")
    metadata = {
        "CallbackToken": token,
        "SqsQueueUrl": queue,
        "OutputParameters": output_parameters(outputs),
    }
    run.progress.finish(
        "Succeeded", Metadata={"Callback": metadata}, Properties={"OutputParameters": outputs}
    )
    keep_result(run, inputs)


def _send(run: StepRun, queue: str, token: str, status: str, arguments: Any) -> None:
    message = {
        "token": token,
        "pipelineExecutionArn": run.arn,
        "stepName": run.step.name,
        "arguments": arguments,
        "status": status,
    }
    client = boto3.client(
        "sqs",
        endpoint_url=run.context.url,
        region_name=run.context.region,
        aws_access_key_id=run.context.credentials.access_key_id,
        aws_secret_access_key=run.context.credentials.secret_access_key,
    )
    try:
        client.send_message(QueueUrl=queue, MessageBody=json.dumps(message))
    except (BotoCoreError, ClientError) as error:
        raise StepError(f"ClientError: the message to {queue} was not sent: {error}") from error
