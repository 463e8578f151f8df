"""Sends requests to AWS's own STS to the emulator, whatever address the client is configured with.

The SageMaker SDK's `get_execution_role` and `Session.account_id` name AWS's address themselves.
botocore imports this module into the programs of a shell with the variables of
`sagemaker-emulator env`, in any Python environment, so it imports nothing of the emulator.
"""

import os
from typing import Any
from urllib.parse import urlsplit


def initialize_client_plugin(client: Any) -> None:
    """Called by botocore for every new client."""
    if client.meta.service_model.service_name == "sts":
        client.meta.events.register("before-call.sts", _redirect)


def _redirect(params: dict[str, Any], **_: Any) -> None:
    emulator = os.environ.get("AWS_ENDPOINT_URL")
    url = urlsplit(params["url"])
    if emulator and (url.hostname or "").endswith(".amazonaws.com"):
        target = urlsplit(emulator)
        params["url"] = url._replace(scheme=target.scheme, netloc=target.netloc).geturl()
