"""One invocation of a Lambda function, in a process of its own; imports nothing of the emulator.

The only argument is a folder. Its file `request` holds {"handler", "folder", "layers", "event",
"deadline", "request_id", "arn", "client"}; the response is written to its file `response`, at once
and whole.
"""

import contextlib
import importlib
import json
import os
import sys
import time
import traceback
import types
from pathlib import Path
from typing import Any

MAX_RESPONSE = 6_291_556  # bytes, Lambda's quota


class ClientContext:
    """What the client says of itself, as in AWS's Python runtime."""

    def __init__(self, sent: dict[str, Any]) -> None:
        self.custom = sent.get("custom")
        self.env = sent.get("env")
        self.client = types.SimpleNamespace(**sent["client"]) if sent.get("client") else None


class LambdaContext:
    """The second argument of a handler, as in AWS's Python runtime."""

    def __init__(self, request: dict[str, Any]) -> None:
        self.aws_request_id = request["request_id"]
        self.invoked_function_arn = request["arn"]
        self.function_name = os.environ["AWS_LAMBDA_FUNCTION_NAME"]
        self.function_version = os.environ["AWS_LAMBDA_FUNCTION_VERSION"]
        self.memory_limit_in_mb = os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]
        self.log_group_name = os.environ["AWS_LAMBDA_LOG_GROUP_NAME"]
        self.log_stream_name = os.environ["AWS_LAMBDA_LOG_STREAM_NAME"]
        self.identity = None
        sent = request["client"]
        self.client_context = ClientContext(sent) if sent is not None else None
        self._deadline = request["deadline"]

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until the function is stopped."""
        return max(0, int((self._deadline - time.time()) * 1000))


def main() -> None:
    """Import the handler, call it, and write what it returned or raised."""
    invocation = Path(sys.argv[1])
    request = json.loads((invocation / "request").read_bytes())
    packages = f"lib/python{sys.version_info.major}.{sys.version_info.minor}/site-packages"
    python = [f"{layer}/python" for layer in request["layers"]]
    versioned = [f"{each}/{packages}" for each in python]
    sys.path[:0] = [request["folder"], *versioned, *python]
    response = call(request)
    with contextlib.suppress(OSError, ValueError):  # the handler may have closed it
        sys.stdout.flush()
    written = invocation / "response.new"
    written.write_text(json.dumps(response))
    written.replace(invocation / "response")
    os._exit(0)  # threads that the handler left running end, too; AWS freezes them


def call(request: dict[str, Any]) -> dict[str, Any]:
    """The handler's result, or AWS's description of why there is none."""
    module, dot, name = request["handler"].rpartition(".")
    if not dot:
        text = f"Bad handler '{name}': it must be module.function"
        return failure(request, "Runtime.MalformedHandlerName", text, ValueError(text))
    try:
        imported = importlib.import_module(module.replace("/", "."))
    except ImportError as problem:
        text = f"Unable to import module '{module}': {problem}"
        return failure(request, "Runtime.ImportModuleError", text, problem)
    except SyntaxError as problem:
        text = f"Syntax error in module '{module}': {problem}"
        return failure(request, "Runtime.UserCodeSyntaxError", text, problem)
    except BaseException as problem:
        return failure(request, type(problem).__name__, str(problem), problem)
    try:
        handler = getattr(imported, name)
    except AttributeError as problem:
        text = f"Handler '{name}' missing on module '{module}'"
        return failure(request, "Runtime.HandlerNotFound", text, problem)
    try:
        result = handler(request["event"], LambdaContext(request))
    except BaseException as problem:
        return failure(request, type(problem).__name__, str(problem), problem)
    try:
        payload = json.dumps(result, allow_nan=False)
        if len(payload) > MAX_RESPONSE:
            text = f"Response payload size ({len(payload)} bytes) exceeded maximum allowed payload"
            text += f" size ({MAX_RESPONSE} bytes)."
            return failure(request, "Function.ResponseSizeTooLarge", text, ValueError(text))
        return {"payload": payload, "failed": False}
    except (TypeError, ValueError, RecursionError) as problem:
        text = f"Unable to marshal response: {problem}"
        return failure(request, "Runtime.MarshalError", text, problem)


def failure(
    request: dict[str, Any], kind: str, text: str, problem: BaseException
) -> dict[str, Any]:
    """AWS's error payload; the traceback goes to the log, from the handler on."""
    lines = traceback.format_tb(problem.__traceback__)[1:]
    print(f"[ERROR] {kind}: {text}", "".join(lines).rstrip(), sep="\n", flush=True)
    error = {"errorMessage": text, "errorType": kind, "requestId": request["request_id"]}
    return {"payload": json.dumps({**error, "stackTrace": lines}), "failed": True}


if __name__ == "__main__":
    main()
