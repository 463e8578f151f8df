"""Invocations of functions: each a Python process with Lambda's environment, limits and log."""

import json
import os
import shutil
import sys
import threading
import time
import uuid
from collections.abc import Iterable
from pathlib import Path

from sagemaker_emulator.aws import json_text
from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.aws.measurements import Measurement
from sagemaker_emulator.aws.ports import Outcome
from sagemaker_emulator.containers.process import HostLost
from sagemaker_emulator.errors import ApiError
from sagemaker_emulator.services.functions import concurrency, layers
from sagemaker_emulator.services.functions.code import folder_of
from sagemaker_emulator.storage.store import Document

_LONGEST_APPLICATION = 50  # characters of AWS_SDK_UA_APP_ID
_MAX_OUTPUT = 16 * 1024 * 1024  # bytes of what an invocation prints, which are held in memory
_BOOTSTRAP = Path(__file__).with_name("bootstrap.py")


def run(
    context: Context,
    function: Document,
    payload: object,
    client: Document | None = None,
    request_id: str = "",
) -> Outcome:
    """Call a function's handler in a new process and wait for it.

    Args:
        context: The server.
        function: The document of a version, with its defaults.
        payload: The event, any JSON value.
        client: What the client says of itself, for the handler's context.
        request_id: The invocation's; a new one by default.

    Returns:
        The outcome; a handler that raises, exits or takes too long is a failed one.

    Raises:
        ApiError: The server stops, something killed the process that it was forked from, or as
            many invocations run as the function reserves.
    """
    with concurrency.place(context, function["FunctionName"]):
        return _run(context, function, payload, client, request_id)


def _run(
    context: Context, function: Document, payload: object, client: Document | None, request_id: str
) -> Outcome:
    """Call a function's handler in a new process, as `run` does, whatever else runs."""
    request_id = request_id or str(uuid.uuid4())
    folder = folder_of(context, function)
    group, version = function["LoggingConfig"]["LogGroup"], function["Version"]
    stream = f"{time.strftime('%Y/%m/%d')}/[{version}]{uuid.uuid4().hex}"
    timeout = function["Timeout"]
    started = time.time()
    request = {
        "handler": function["Handler"],
        "folder": str(folder),
        "layers": [str(layer) for layer in layers.folders_of(context, function)],
        "event": payload,
        "deadline": started + timeout,
        "request_id": request_id,
        "arn": function["FunctionArn"],
        "client": client,
    }
    environment = _environment(context, function, folder, group, stream)
    try:
        response, output, code = _process(context, request, environment, folder, timeout)
    except HostLost as problem:
        message = f"The function could not be run to its end: {problem}"
        raise ApiError("ServiceException", message, 500) from None
    milliseconds = (time.time() - started) * 1000
    lines = [f"START RequestId: {request_id} Version: {version}", *output]
    if response is None:
        response = _ended(request_id, code, timeout)
        lines.append(json.loads(response["payload"])["errorMessage"])
    lines += [
        f"END RequestId: {request_id}",
        f"REPORT RequestId: {request_id}\tDuration: {milliseconds:.2f} ms"
        f"\tBilled Duration: {milliseconds + 0.5:.0f} ms\tMemory Size: {function['MemorySize']} MB"
        f"{_status(response)}",
    ]
    context.logs.append(group, stream, lines)
    measurements = (
        Measurement("Invocations", 1, "Count"),
        Measurement("Errors", int(response["failed"]), "Count"),
        Measurement("Duration", milliseconds, "Milliseconds"),
    )
    name = {"FunctionName": function["FunctionName"]}
    context.metrics.record("AWS/Lambda", name, measurements)
    try:
        return Outcome(json_text.loads(response["payload"]), response["failed"], lines)
    except ValueError as problem:
        error = {"errorMessage": f"Unable to marshal response: {problem}"}
        return Outcome({**error, "errorType": "Runtime.MarshalError"}, True, lines)


def _process(
    context: Context, request: Document, environment: dict[str, str], folder: Path, timeout: float
) -> tuple[Document | None, list[str], int | None]:
    """The bootstrap's response, if any, its output, and its exit code (None: timed out).

    Raises:
        HostLost: Something killed the process that it was forked from.
    """
    place = requests_folder(context) / request["request_id"]
    place.mkdir(mode=0o700, parents=True)
    try:
        (place / "request").write_text(json.dumps(request))
        command = [sys.executable, "-P", "-u", str(_BOOTSTRAP), str(place)]
        process = context.containers.start_program(command, environment, str(folder))
        timer = threading.Timer(timeout, process.stop, ("timeout", 0))
        timer.daemon = True
        timer.start()
        try:
            lines = _limited(line for batch in process.lines() for line in batch)
        finally:
            code = process.wait()
            timer.cancel()
        response = place / "response"
        if response.exists():
            return json.loads(response.read_text()), lines, code
        return None, lines, None if process.stopped else code
    finally:
        shutil.rmtree(place, ignore_errors=True)


def requests_folder(context: Context) -> Path:
    """The folder of what running invocations are asked and return."""
    return context.state / "invocations"


def _limited(printed: Iterable[str]) -> list[str]:
    """What an invocation printed, up to `_MAX_OUTPUT`."""
    lines: list[str] = []
    room, left_out = _MAX_OUTPUT, 0
    for line in printed:
        size = len(line.encode()) + 1
        if size <= room:
            lines.append(line)
        else:
            if room:
                lines.append(line.encode()[:room].decode(errors="ignore"))
            left_out += size - room
        room = max(0, room - size)
    if left_out:
        lines.append(f"[the emulator left out {left_out} bytes of output]")
    return lines


def _ended(request_id: str, code: int | None, timeout: float) -> Document:
    """AWS's payload for a function that did not respond."""
    if code is None:
        when = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        error = {"errorMessage": f"{when} {request_id} Task timed out after {timeout:.2f} seconds"}
    else:
        error = {
            "errorMessage": f"RequestId: {request_id} Error: Runtime exited with status: {code}",
            "errorType": "Runtime.ExitError",
        }
    return {"payload": json.dumps(error), "failed": True}


def _status(response: Document) -> str:
    """What a REPORT line adds for an invocation that failed."""
    if not response["failed"]:
        return ""
    kind = json.loads(response["payload"]).get("errorType")
    return f"\tStatus: error\tError Type: {kind}" if kind else "\tStatus: timeout"


def _environment(
    context: Context, function: Document, folder: Path, group: str, stream: str
) -> dict[str, str]:
    passed = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "TZ", "LD_LIBRARY_PATH")
    inherited = {name: os.environ[name] for name in passed if name in os.environ}
    return {
        **inherited,
        **layers.environment(layers.folders_of(context, function), inherited),
        **context.client_environment,
        "AWS_LAMBDA_FUNCTION_NAME": function["FunctionName"],
        "AWS_SDK_UA_APP_ID": function["FunctionName"][:_LONGEST_APPLICATION],
        "AWS_LAMBDA_FUNCTION_VERSION": function["Version"],
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function["MemorySize"]),
        "AWS_LAMBDA_LOG_GROUP_NAME": group,
        "AWS_LAMBDA_LOG_STREAM_NAME": stream,
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{function['Runtime']}",
        "LAMBDA_TASK_ROOT": str(folder),
        "_HANDLER": function["Handler"],
        **function.get("Environment", {}).get("Variables", {}),
    }
