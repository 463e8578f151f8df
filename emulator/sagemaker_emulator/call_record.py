"""A record of the operations that are called, and by whom: what permissions a program needs.

It is kept where the environment variable EMULATOR_CALLS names a file when the server starts: a line
of JSON for each call, with `caller`, `service` (botocore's name) and `operation`. The caller is
`pipeline` for what SageMaker calls in the name of a pipeline's role, a function's name for its own
calls, and else the application id of the client (AWS_SDK_UA_APP_ID), if it has one. S3, which is
a server of its own, is not in it.
"""

from __future__ import annotations

import json
import os
import re
import threading
from pathlib import Path

from sagemaker_emulator.aws import protocol
from sagemaker_emulator.aws.query import form_of
from sagemaker_emulator.aws.signed_request import SignedRequest
from sagemaker_emulator.errors import StartError

VARIABLE = "EMULATOR_CALLS"
PIPELINE = "pipeline"
_APPLICATION = re.compile(r"\bapp/(\S+)")


class CallRecord:
    """The record of one server.

    Args:
        path: the file that lines are added to; None for no record.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._lock = threading.Lock()

    @classmethod
    def from_environment(cls) -> CallRecord:
        """The record that the environment asks for.

        Raises:
            StartError: Its file cannot be written.
        """
        named = os.environ.get(VARIABLE)
        if not named:
            return cls(None)
        try:
            Path(named).open("a").close()
        except OSError as problem:
            raise StartError(
                f"the file that {VARIABLE} names cannot be written: {problem}; name a file in a "
                "folder that is there, or unset it"
            ) from None
        return cls(Path(named))

    def add(self, caller: str, service: str, operation: str) -> None:
        """Record a call."""
        if self._path is None:
            return
        line = json.dumps({"caller": caller, "service": service, "operation": operation})
        with self._lock, self._path.open("a") as file:
            file.write(f"{line}\n")

    def add_request(self, request: SignedRequest, service: str | None, body: bytes) -> None:
        """Record a request that was admitted.

        Args:
            request: as it came.
            service: that it was signed for.
            body: as it came.
        """
        if self._path is None or service is None:
            return
        named = _APPLICATION.search(request.values.get("user-agent", ""))
        self.add(named[1] if named else "", service, _operation(request, service, body))


def _operation(request: SignedRequest, service: str, body: bytes) -> str:
    """The operation that a request is for, in any of AWS's protocols."""
    if target := request.values.get("x-amz-target", "").rpartition(".")[2]:
        return target
    if invoked := protocol.invoked_endpoint(request.method, request.raw_path):
        return invoked[0]
    if action := form_of(request.query_string, body).get("Action"):
        return action
    name = protocol.rest_operation(service, request.method, request.raw_path, request.query_string)
    return name or f"{request.method} {request.raw_path}"
