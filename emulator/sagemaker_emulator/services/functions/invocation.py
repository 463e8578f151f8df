"""Invocations of functions: each a Python process with Lambda's environment, limits and log."""

import json
import logging
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
from sagemaker_emulator.aws.ports import Outcome
from sagemaker_emulator.containers.process import HostLost
from sagemaker_emulator.errors import ApiError
from sagemaker_emulator.services.functions import policy
from sagemaker_emulator.services.functions.code import delete_unfinished, folder_of
from sagemaker_emulator.services.functions.configuration import with_defaults
from sagemaker_emulator.services.functions.function import get
from sagemaker_emulator.storage.store import Document

# AWS waits one and two minutes before it tries an asynchronous invocation again.
RETRY_AFTER = (1.0, 2.0)
_KIND = "invocation"
_MAX_OUTPUT = 16 * 1024 * 1024  # bytes of what an invocation prints, which are held in memory
_BOOTSTRAP = Path(__file__).with_name("bootstrap.py")
_log = logging.getLogger("emulator.lambda")


class Invoker:
    """The invocations of one server."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._stopping = threading.Event()

    def start(self) -> None:
        """Continue the asynchronous invocations that the previous server had accepted."""
        shutil.rmtree(_folder(self._context), ignore_errors=True)  # of a server that was killed
        delete_unfinished(self._context)
        for kept in self._context.store.list(_KIND):
            self._begin(kept["Id"])

    def stop(self) -> None:
        """Leave what has not been delivered for the next server."""
        self._stopping.set()

    def invoke(self, name: str, payload: object) -> Outcome:
        """Run a function, by name or ARN, to its end.

        Raises:
            ApiError: There is no such function.
        """
        return run(self._context, with_defaults(get(self._context, name)), payload)

    def invoke_later(self, name: str, payload: object, identity: str = "") -> None:
        """Accept an asynchronous invocation: kept on disk, tried three times.

        Args:
            name: The function's name or ARN.
            payload: Any JSON value.
            identity: The RequestId of all tries; a new one by default.
        """
        identity = identity or str(uuid.uuid4())
        accepted = {"Id": identity, "FunctionName": name, "Payload": payload, "Attempts": 0}
        self._context.store.put(_KIND, identity, accepted)
        self._begin(identity)

    def permits(self, name: str, principal: str, source: str) -> bool:
        """Whether a function's policy lets a service invoke it on behalf of a resource."""
        return policy.permits(self._context, name, principal, source)

    def _begin(self, identity: str) -> None:
        threading.Thread(target=self._deliver, args=(identity,), daemon=True).start()

    def _deliver(self, identity: str) -> None:
        """Try an accepted invocation until it succeeds, three tries failed, or the server stops."""
        store = self._context.store
        while not self._stopping.is_set():
            accepted = store.get(_KIND, identity)
            if accepted is None:
                return
            attempts = accepted["Attempts"] + 1
            function, problem, status = self._problem(accepted)
            if problem is not None and self._stopping.is_set():
                return  # the end of the server may have ended it: it does not count
            if problem is None:
                store.delete(_KIND, identity)
                return
            if attempts > len(RETRY_AFTER):
                self._give_up(accepted, function, attempts, problem, status)
                return
            store.update(_KIND, identity, Attempts=attempts)
            self._stopping.wait(RETRY_AFTER[attempts - 1])

    def _problem(self, accepted: Document) -> tuple[Document | None, str | None, int]:
        """The function of an invocation, why it failed, if it did, and with what HTTP status."""
        name, function = accepted["FunctionName"], None
        try:
            function = with_defaults(get(self._context, name))
            outcome = run(self._context, function, accepted["Payload"], request_id=accepted["Id"])
        except ApiError as error:
            return function, str(error), error.status
        except Exception as error:  # it is tried again, as one that failed itself
            _log.exception("the invocation of %s", name)
            return function, f"{type(error).__name__}: {error}", 500
        if not outcome.failed:
            return function, None, 200
        return function, json.dumps(outcome.payload), 200

    def _give_up(
        self,
        accepted: Document,
        function: Document | None,
        attempts: int,
        problem: str,
        status: int,
    ) -> None:
        """Forget an invocation, but for a line in the function's log and its dead letter."""
        store = self._context.store
        queue = ((function or {}).get("DeadLetterConfig") or {}).get("TargetArn")
        with store.transaction():
            if not store.delete(_KIND, accepted["Id"]):
                return
            if queue:
                self._context.dead_letters.send(
                    queue,
                    json.dumps(accepted["Payload"]),
                    {"RequestID": accepted["Id"], "ErrorCode": status, "ErrorMessage": problem},
                )
        if function is not None:
            line = f"asynchronous invocation given up after {attempts} tries: {problem}"
            group = function["LoggingConfig"]["LogGroup"]
            self._context.logs.append(group, "asynchronous", [line])
        else:
            _log.error(
                "%s: given up after %d tries: %s", accepted["FunctionName"], attempts, problem
            )


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
        ApiError: The server stops, or something killed the process that it was forked from.
    """
    request_id = request_id or str(uuid.uuid4())
    folder = folder_of(context, function)
    group, version = function["LoggingConfig"]["LogGroup"], function["Version"]
    stream = f"{time.strftime('%Y/%m/%d')}/[{version}]{uuid.uuid4().hex}"
    timeout = function["Timeout"]
    started = time.time()
    request = {
        "handler": function["Handler"],
        "folder": str(folder),
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
    place = _folder(context) / request["request_id"]
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


def _folder(context: Context) -> Path:
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
    return {
        **{name: os.environ[name] for name in passed if name in os.environ},
        **context.client_environment,
        "AWS_LAMBDA_FUNCTION_NAME": function["FunctionName"],
        "AWS_LAMBDA_FUNCTION_VERSION": function["Version"],
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function["MemorySize"]),
        "AWS_LAMBDA_LOG_GROUP_NAME": group,
        "AWS_LAMBDA_LOG_STREAM_NAME": stream,
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{function['Runtime']}",
        "LAMBDA_TASK_ROOT": str(folder),
        "_HANDLER": function["Handler"],
        **function.get("Environment", {}).get("Variables", {}),
    }
