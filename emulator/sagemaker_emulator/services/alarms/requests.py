"""CloudWatch's requests for what is run here, in its JSON and its query protocol.

botocore and the AWS CLI speak one of them; the others of CloudWatch's requests are moto's.
"""

from __future__ import annotations

import json

from sagemaker_emulator.aws import protocol
from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.aws.dispatch import HttpResponse, call, operations
from sagemaker_emulator.aws.query import form_of, run_query
from sagemaker_emulator.errors import ApiError

SIGNED_FOR = "monitoring"  # the service's name in signatures
_SERVICE = "cloudwatch"
_REFUSED = {"PutCompositeAlarm": "the emulator runs alarms on one metric, no composite ones."}
_TARGET = "GraniteServiceVersion20100801"


def respond(
    context: Context, headers: dict[str, str], query: str, body: bytes
) -> HttpResponse | None:
    """The response to a request that is signed for CloudWatch; None where it is not run here.

    Args:
        context: the server.
        headers: the request's, with lower-case names.
        query: of its address.
        body: as it came.

    Raises:
        ApiError: what the client is to see.
    """
    prefix, _, target = headers.get("x-amz-target", "").partition(".")
    if prefix == _TARGET:
        return _json(context, target, body) if _is_run_here(target) else None
    form = form_of(query, body)
    return run_query(context, _SERVICE, form) if _is_run_here(form.get("Action", "")) else None


def _is_run_here(name: str) -> bool:
    """Whether an operation is one of those that are run here.

    Raises:
        ApiError: moto would do as if it ran it.
    """
    if name in _REFUSED:
        raise ApiError("ValidationError", f"{name}: {_REFUSED[name]}")
    return (_SERVICE, name) in operations


def _json(context: Context, name: str, body: bytes) -> HttpResponse:
    result = call(context, _SERVICE, name, protocol.json_object(body))
    headers = {"content-type": "application/x-amz-json-1.0"}
    return HttpResponse(200, headers, json.dumps(result).encode())
