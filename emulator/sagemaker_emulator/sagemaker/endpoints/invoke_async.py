"""InvokeEndpointAsync: a request is queued, and its response is written to S3.

Contract: the SageMaker Runtime API reference of InvokeEndpointAsync, and the developer guide,
"Asynchronous inference".
"""

from __future__ import annotations

import base64
import json
import time
import uuid
from collections.abc import Mapping

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.aws.dispatch import HttpResponse
from sagemaker_emulator.errors import ApiError, JobFailed, invalid
from sagemaker_emulator.sagemaker.endpoints.invocation import Invocation
from sagemaker_emulator.sagemaker.endpoints.invoke import endpoint_of, error
from sagemaker_emulator.storage.location import Location
from sagemaker_emulator.storage.store import Document

TTL_SECONDS, TIMEOUT_SECONDS = 6 * 3600, 900  # AWS's defaults


def invoke_endpoint_async(
    context: Context, name: str, headers: Mapping[str, str], body: bytes
) -> HttpResponse:
    """Queue a request, and return where its response will be.

    Args:
        context: the server.
        name: the endpoint's name.
        headers: the request's, with names in lower case.
        body: what the model gets; empty where the request names an object of S3.
    """
    try:
        request = Invocation.read("InvokeEndpointAsync", name, headers, body)
        endpoint = endpoint_of(context, name)
        queued = _queued(request, endpoint)
    except ApiError as problem:
        return error("ValidationError", problem.message)
    context.async_invocations.begin(queued)
    found = {"content-type": "application/json"}
    for member in ("OutputLocation", "FailureLocation"):
        if member in queued:
            found[f"x-amzn-sagemaker-{member.lower()}"] = queued[member]
    return HttpResponse(202, found, json.dumps({"InferenceId": queued["InferenceId"]}).encode())


def _queued(request: Invocation, endpoint: Document) -> Document:
    """The document of a request on its way.

    Raises:
        ApiError: the endpoint does not take it, or its input cannot be found.
    """
    name, members = request.endpoint, request.members
    config = endpoint["Config"].get("AsyncInferenceConfig")
    if not config:
        raise invalid(f"Endpoint {name} is not asynchronous; invoke it with InvokeEndpoint.")
    if endpoint["EndpointStatus"] not in ("InService", "Updating"):
        status = endpoint["EndpointStatus"]
        raise invalid(f"Endpoint {name} is not able to serve: it is {status}, not InService.")
    if ("InputLocation" in members) == bool(request.body):
        raise invalid("Provide exactly one of InputLocation and Body.")
    if "InputLocation" in members:
        try:
            Location.parse(members["InputLocation"])
        except JobFailed as problem:
            text = str(problem).removeprefix("ClientError: ")
            raise invalid(f"InputLocation: {text}.") from None
    identity = str(uuid.uuid4())
    output = config["OutputConfig"]
    folder = members.get("S3OutputPathExtension", "").strip("/")
    file = members.get("Filename") or f"{identity}.out"
    queued: Document = {
        "Id": f"{name}/{identity}",
        "InferenceId": request.inference_id or identity,
        "EndpointName": name,
        "Members": dict(members),
        "Received": time.time(),
        "Expires": time.time() + members.get("RequestTTLSeconds", TTL_SECONDS),
        "Seconds": members.get("InvocationTimeoutSeconds", TIMEOUT_SECONDS),
        "OutputLocation": _below(output["S3OutputPath"], folder, file),
        "Notifications": output.get("NotificationConfig", {}),
    }
    if "S3FailurePath" in output:
        failure = _below(output["S3FailurePath"], folder, f"{identity}-error.out")
        queued["FailureLocation"] = failure
    if request.body:
        queued["Body"] = base64.b64encode(request.body).decode()
    return queued


def _below(path: str, folder: str, file: str) -> str:
    """The URI of a file below a path of S3."""
    return "/".join(filter(None, (path.rstrip("/"), folder, file)))
