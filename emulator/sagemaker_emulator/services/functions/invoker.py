"""Invocations of Lambda functions: at once, or accepted and tried in the background."""

import json
import logging
import threading
import uuid

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.aws.ports import Outcome
from sagemaker_emulator.errors import ApiError
from sagemaker_emulator.services.functions import function, invocation, policy

# AWS waits one and two minutes before it tries an asynchronous invocation again.
RETRY_AFTER = (1.0, 2.0)
_KIND = "invocation"
_log = logging.getLogger("emulator.lambda")


class Invoker:
    """The invocations of one server."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._stopping = threading.Event()

    def start(self) -> None:
        """Continue the asynchronous invocations that the previous server had accepted."""
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
        return invocation.run(self._context, function.get(self._context, name), payload)

    def invoke_later(self, name: str, payload: object) -> None:
        """Accept an asynchronous invocation: kept on disk, tried three times."""
        identity = str(uuid.uuid4())
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
            name = accepted["FunctionName"]
            try:
                outcome = self.invoke(name, accepted["Payload"])
                problem = json.dumps(outcome.payload) if outcome.failed else None
            except ApiError as error:
                problem = str(error)
            except Exception as error:  # it is tried again, as one that failed itself
                _log.exception("the invocation of %s", name)
                problem = f"{type(error).__name__}: {error}"
            attempts = accepted["Attempts"] + 1
            if problem is None or attempts > len(RETRY_AFTER):
                store.delete(_KIND, identity)
                if problem:
                    line = f"asynchronous invocation given up after {attempts} tries: {problem}"
                    group = invocation.log_group(function.name_in(name))
                    self._context.logs.append(group, "asynchronous", [line])
                return
            store.update(_KIND, identity, Attempts=attempts)
            self._stopping.wait(RETRY_AFTER[attempts - 1])
