"""Lambda: the operation Invoke."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, cast

from sagemaker_emulator.aws import json_text
from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.aws.dispatch import Response, operation
from sagemaker_emulator.errors import ApiError
from sagemaker_emulator.services.functions import aliases, invocation
from sagemaker_emulator.services.functions.configuration import with_defaults
from sagemaker_emulator.services.functions.function import function_arn, named
from sagemaker_emulator.storage.store import Document

if TYPE_CHECKING:
    from types_boto3_lambda import type_defs as types

# Bytes of a payload, by the kind of invocation.
_MAX_PAYLOAD = {"RequestResponse": 6 * 1024 * 1024, "Event": 1024 * 1024}


@operation(
    "Invoke",
    "lambda",
    honours=(
        *("FunctionName", "InvocationType", "LogType", "Payload", "Qualifier", "ClientContext"),
    ),
)
def invoke_function(context: Context, request: types.InvocationRequestTypeDef) -> Response:
    """Run a function now (RequestResponse), soon (Event) or not at all (DryRun)."""
    kind = request.get("InvocationType", "RequestResponse")
    sent = cast(bytes, request.get("Payload")) or b""
    limit = _MAX_PAYLOAD.get(kind, len(sent))
    if len(sent) > limit:
        message = (
            f"{len(sent)} byte payload is too large for the {kind} invocation type "
            f"(limit {limit} bytes)"
        )
        raise ApiError("RequestEntityTooLargeException", message, 413)
    try:
        payload = json_text.loads(sent or b"{}")
    except ValueError as problem:
        message = f"Could not parse request body into json: {problem}"
        raise ApiError("InvalidRequestContentException", message) from None
    client = _client_context(request.get("ClientContext"))
    name = named(context, request)
    function = with_defaults(aliases.to_run(context, name))
    if kind == "DryRun":
        return {"StatusCode": 204}
    if kind == "Event":
        arn = function_arn(context, name.function, name.qualifier)
        context.functions.invoke_later(arn, payload)
        return {"StatusCode": 202, "Payload": b""}
    outcome = invocation.run(context, function, payload, client)
    result: Document = {"StatusCode": 200, "ExecutedVersion": function["Version"]}
    result["Payload"] = json.dumps(outcome.payload).encode()
    if outcome.failed:
        result["FunctionError"] = "Unhandled"
    if request.get("LogType") == "Tail":
        tail = "\n".join(outcome.lines).encode(errors="replace")[-4096:]
        result["LogResult"] = base64.b64encode(tail).decode()
    return result


@operation("InvokeAsync", "lambda", honours=("FunctionName", "InvokeArgs"))
def invoke_async(context: Context, request: types.InvokeAsyncRequestTypeDef) -> Response:
    """Run a function soon: the older form of Invoke with the type Event."""
    event: types.InvocationRequestTypeDef = {
        "FunctionName": request["FunctionName"],
        "InvocationType": "Event",
        "Payload": request["InvokeArgs"],
    }
    invoke_function(context, event)
    return {"Status": 202}


def _client_context(text: str | None) -> Document | None:
    """What a client says of itself.

    Raises:
        ApiError: It is no base64 of a JSON object.
    """
    if not text:
        return None
    try:
        client = json_text.loads(base64.b64decode(text, validate=True))
    except ValueError:
        client = None
    if not isinstance(client, dict):
        message = "Client context must be a valid Base64-encoded JSON object."
        raise ApiError("InvalidRequestContentException", message)
    return client
