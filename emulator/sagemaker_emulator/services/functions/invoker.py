"""Invocations of functions for other services: now, or later and as often as is configured."""

import json
import logging
import shutil
import threading
import time
import uuid

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.aws.ports import Outcome
from sagemaker_emulator.errors import ApiError
from sagemaker_emulator.services.background import Background
from sagemaker_emulator.services.functions import (
    aliases,
    concurrency,
    invocation,
    invocation_record,
    invoke_config,
    policy,
)
from sagemaker_emulator.services.functions.code import delete_unfinished
from sagemaker_emulator.services.functions.configuration import with_defaults
from sagemaker_emulator.services.functions.function import (
    LATEST,
    function_arn,
    get,
    name_in,
    named,
)
from sagemaker_emulator.services.functions.invocation_record import Condition, Try
from sagemaker_emulator.storage.store import Document

# AWS waits one and two minutes before it tries an asynchronous invocation again.
RETRY_AFTER = (1.0, 2.0)
# AWS waits a second and more, up to five minutes, before it tries a throttled one again.
THROTTLED_AFTER = 1.0
_KIND = "invocation"
_log = logging.getLogger("emulator.lambda")


class Invoker:
    """The invocations of one server."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._stopping = threading.Event()
        self._background = Background(self._deliver)

    def start(self) -> None:
        """Continue the asynchronous invocations that the previous server had accepted."""
        # Of a server that was killed.
        shutil.rmtree(invocation.requests_folder(self._context), ignore_errors=True)
        delete_unfinished(self._context)
        for kept in self._context.store.list(_KIND):
            self._background.begin(kept["Id"])

    def stop(self) -> None:
        """Leave what has not been delivered for the next server."""
        self._stopping.set()

    def invoke(self, name: str, payload: object) -> Outcome:
        """Run a function, by name or ARN, to its end.

        Raises:
            ApiError: There is no such function.
        """
        return invocation.run(self._context, self._chosen(name), payload)

    def invoke_later(self, name: str, payload: object, identity: str = "") -> None:
        """Accept an asynchronous invocation: kept on disk, and tried as the function has it.

        Args:
            name: The function's name or ARN.
            payload: Any JSON value.
            identity: The RequestId of all tries; a new one by default.
        """
        identity = identity or str(uuid.uuid4())
        accepted = {"Id": identity, "FunctionName": name, "Payload": payload, "Attempts": 0}
        self._context.store.put(_KIND, identity, accepted | {"Accepted": time.time()})
        self._background.begin(identity)

    def permits(self, name: str, principal: str, source: str) -> bool:
        """Whether a function's policy lets a service invoke it on behalf of a resource."""
        return policy.permits(self._context, name, principal, source)

    def log_group(self, name: str) -> str:
        """The log group that a function, by name or ARN, writes to.

        Raises:
            ApiError: There is no such function.
        """
        return str(with_defaults(get(self._context, name))["LoggingConfig"]["LogGroup"])

    def _deliver(self, identity: str) -> None:
        """Try an accepted invocation until it succeeds, may not be tried again, or has to wait.

        The options of the function are those of the time: a change holds for the next try.
        """
        store, last = self._context.store, None
        while not self._stopping.is_set():
            accepted = store.get(_KIND, identity)
            if accepted is None:
                return
            config = self._config(accepted)
            age = time.time() - accepted.get("Accepted", time.time())
            if age > config["MaximumEventAgeInSeconds"]:
                self._end(accepted, config, last, "EventAgeExceeded")
                return
            if self._reserves_none(accepted):
                self._end(accepted, config, last, "ZeroReservedConcurrency")
                return
            try:
                last = self._try(accepted)
            except ApiError:  # throttled, which does not count as a try
                self._stopping.wait(THROTTLED_AFTER)
                continue
            if last.failed and self._stopping.is_set():
                return  # the end of the server may have ended it: it does not count
            accepted["Attempts"] += 1
            if not last.failed:
                self._end(accepted, config, last, "Success")
                return
            if accepted["Attempts"] > config["MaximumRetryAttempts"]:
                self._end(accepted, config, last, "RetriesExhausted")
                return
            store.update(_KIND, identity, Attempts=accepted["Attempts"])
            self._stopping.wait(RETRY_AFTER[accepted["Attempts"] - 1])

    def _chosen(self, name: str) -> Document:
        """The document of the version that an invocation by name or ARN runs.

        Raises:
            ApiError: There is no such function.
        """
        identifier = named(self._context, {"FunctionName": name})
        return with_defaults(aliases.to_run(self._context, identifier))

    def _reserves_none(self, accepted: Document) -> bool:
        """Whether the function reserves 0 places: its asynchronous invocations end at once."""
        return concurrency.reserved(self._context, name_in(accepted["FunctionName"])) == 0

    def _config(self, accepted: Document) -> Document:
        """The options of an invocation's function, with the ARN of its version."""
        context = self._context
        try:
            name = named(context, accepted)
        except ApiError:  # of another region or account: the try says so
            return {
                "MaximumRetryAttempts": 0,
                "MaximumEventAgeInSeconds": invoke_config.DEFAULT_AGE,
            }
        arn = function_arn(context, name.function, name.qualifier or LATEST)
        return {"FunctionArn": arn, **invoke_config.of_version(context, name)}

    def _try(self, accepted: Document) -> Try:
        """Run the function once.

        Raises:
            ApiError: All the places that it reserves are taken.
        """
        name, function = accepted["FunctionName"], None
        try:
            function = self._chosen(name)
            outcome = invocation.run(
                self._context, function, accepted["Payload"], request_id=accepted["Id"]
            )
        except ApiError as error:
            if error.code == concurrency.THROTTLED:
                raise
            payload = {"errorMessage": error.message, "errorType": error.code}
            return Try(function, True, error.status, payload, str(error))
        except Exception as error:  # it is tried again, as one that failed itself
            _log.exception("the invocation of %s", name)
            text = f"{type(error).__name__}: {error}"
            return Try(function, True, 500, {"errorMessage": text}, text)
        problem = json.dumps(outcome.payload) if outcome.failed else ""
        return Try(function, outcome.failed, 200, outcome.payload, problem)

    def _end(
        self, accepted: Document, config: Document, last: Try | None, condition: Condition
    ) -> None:
        """Forget an invocation, but for its record, its dead letter and a line in the log."""
        context = self._context
        with context.store.transaction():
            if not context.store.delete(_KIND, accepted["Id"]):
                return
            invocation_record.send(context, accepted, config, last, condition)
            if condition != "Success":
                self._send_dead_letter(accepted, last)
        if condition == "Success":
            return
        problem = last.problem if last else ""
        tries = f"{accepted['Attempts']} tries"
        if condition == "EventAgeExceeded":
            tries += f" and {config['MaximumEventAgeInSeconds']} seconds"
        self._log_end(accepted, f"asynchronous invocation given up after {tries}: {problem}")

    def _send_dead_letter(self, accepted: Document, last: Try | None) -> None:
        """Send the payload of an invocation to its function's queue or topic for dead letters."""
        arn = ((self._function(accepted) or {}).get("DeadLetterConfig") or {}).get("TargetArn")
        if not arn:
            return
        attributes: dict[str, str | int] = {"RequestID": accepted["Id"]}
        attributes["ErrorCode"] = last.status if last else 200
        attributes["ErrorMessage"] = last.problem if last else "The event is too old."
        self._context.deliveries.send_dead_letter(arn, json.dumps(accepted["Payload"]), attributes)

    def _log_end(self, accepted: Document, line: str) -> None:
        function = self._function(accepted)
        if function is None:
            _log.error("%s: %s", accepted["FunctionName"], line)
        else:
            group = function["LoggingConfig"]["LogGroup"]
            self._context.logs.append(group, "asynchronous", [line])

    def _function(self, accepted: Document) -> Document | None:
        try:
            return with_defaults(get(self._context, accepted["FunctionName"]))
        except ApiError:
            return None
