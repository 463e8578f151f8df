"""One invocation of a function: a Python process with Lambda's environment, limits and log."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sagemaker_emulator.aws.dispatch import Context
from sagemaker_emulator.services.logs import operations as logs
from sagemaker_emulator.storage.s3 import die_with_parent

_BOOTSTRAP = Path(__file__).with_name("bootstrap.py")


@dataclass(frozen=True)
class Outcome:
    """How an invocation ended: its JSON text, whether that is an error, and the log lines."""

    payload: bytes
    failed: bool
    lines: list[str]


def run(context: Context, function: dict[str, Any], folder: Path, payload: Any) -> Outcome:
    """Call a function's handler in a new process and wait for it.

    Args:
        context: The server.
        function: The function's configuration, as Lambda describes it.
        folder: Where its code was unpacked.
        payload: The event, any JSON value.

    Returns:
        The outcome; a handler that raises, exits or takes too long is a failed one.
    """
    request_id = str(uuid.uuid4())
    group = f"/aws/lambda/{function['FunctionName']}"
    stream = f"{time.strftime('%Y/%m/%d')}/[$LATEST]{request_id.replace('-', '')}"
    timeout = function["Timeout"]
    started = time.time()
    request = {
        "handler": function["Handler"],
        "folder": str(folder),
        "event": payload,
        "deadline": started + timeout,
        "request_id": request_id,
        "arn": function["FunctionArn"],
    }
    answer, output, code = _process(
        request, _environment(context, function, folder, group, stream), folder, timeout
    )
    milliseconds = (time.time() - started) * 1000
    lines = [f"START RequestId: {request_id} Version: $LATEST", *output]
    if answer is None:
        answer = _ended(request_id, code, timeout)
        lines.append(json.loads(answer["payload"])["errorMessage"])
    lines += [
        f"END RequestId: {request_id}",
        f"REPORT RequestId: {request_id}\tDuration: {milliseconds:.2f} ms"
        f"\tBilled Duration: {milliseconds + 0.5:.0f} ms\tMemory Size: {function['MemorySize']} MB",
    ]
    logs.append(context, group, stream, [(time.time(), line) for line in lines])
    return Outcome(answer["payload"].encode(), answer["failed"], lines)


def _process(
    request: dict[str, Any], environment: dict[str, str], folder: Path, timeout: float
) -> tuple[dict[str, Any] | None, list[str], int | None]:
    """The bootstrap's answer (None if it gave none), its output, its exit code (None: too late)."""
    read, write = os.pipe()
    with tempfile.TemporaryFile() as output, os.fdopen(read, "rb") as channel:
        process = subprocess.Popen(
            [sys.executable, "-P", str(_BOOTSTRAP), str(write)],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
            pass_fds=[write],
            cwd=folder,
            env=environment,
            start_new_session=True,
            preexec_fn=die_with_parent,
        )
        os.close(write)
        late = threading.Event()

        def stop() -> None:
            late.set()
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)

        timer = threading.Timer(timeout, stop)
        timer.start()
        answered = b""  # of one that ended before it had read what it was sent
        with process, contextlib.suppress(BrokenPipeError):
            assert process.stdin is not None
            process.stdin.write(json.dumps(request).encode())
            process.stdin.close()
            answered = channel.read()
        timer.cancel()
        output.seek(0)
        lines = output.read().decode(errors="replace").splitlines()
    if late.is_set():
        return None, lines, None
    return (json.loads(answered) if answered else None), lines, process.returncode


def _ended(request_id: str, code: int | None, timeout: float) -> dict[str, Any]:
    """AWS's payload for a function that gave no answer."""
    if code is None:
        when = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        error = {"errorMessage": f"{when} {request_id} Task timed out after {timeout:.2f} seconds"}
    else:
        error = {
            "errorMessage": f"RequestId: {request_id} Error: Runtime exited with status: {code}",
            "errorType": "Runtime.ExitError",
        }
    return {"payload": json.dumps(error), "failed": True}


def _environment(
    context: Context, function: dict[str, Any], folder: Path, group: str, stream: str
) -> dict[str, str]:
    passed = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "TZ", "LD_LIBRARY_PATH")
    return {
        **{name: os.environ[name] for name in passed if name in os.environ},
        **context.client_environment,
        "AWS_LAMBDA_FUNCTION_NAME": function["FunctionName"],
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function["MemorySize"]),
        "AWS_LAMBDA_LOG_GROUP_NAME": group,
        "AWS_LAMBDA_LOG_STREAM_NAME": stream,
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{function['Runtime']}",
        "LAMBDA_TASK_ROOT": str(folder),
        "_HANDLER": function["Handler"],
        **function.get("Environment", {}).get("Variables", {}),
    }
