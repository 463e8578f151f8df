"""Sends to the emulator what is meant for AWS's own STS, whatever address the client was told.

The SageMaker SDK's `get_execution_role` and `Session.account_id` name AWS's address themselves.
botocore imports this module into the programs of a shell that has the variables of
`python -m sagemaker_emulator env`, in whatever environment they run: it must stand alone.
"""

import os
from typing import Any
from urllib.parse import urlsplit


def initialize_client_plugin(client: Any) -> None:
    """Called by botocore for every client that is made."""
    if client.meta.service_model.service_name == "sts":
        client.meta.events.register("before-call.sts", _redirect)


def _redirect(params: dict[str, Any], **_: Any) -> None:
    emulator = os.environ.get("AWS_ENDPOINT_URL")
    asked = urlsplit(params["url"])
    if emulator and (asked.hostname or "").endswith(".amazonaws.com"):
        there = urlsplit(emulator)
        params["url"] = asked._replace(scheme=there.scheme, netloc=there.netloc).geturl()
