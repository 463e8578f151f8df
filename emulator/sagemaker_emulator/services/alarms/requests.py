"""CloudWatch's requests for what is run here, in its JSON and its query protocol.

botocore and the AWS CLI speak one of them; the others of CloudWatch's requests are moto's.
"""

from __future__ import annotations

import json

from sagemaker_emulator.aws import protocol
from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.aws.dispatch import HttpResponse, call, operations
from sagemaker_emulator.aws.query import form_of, run_query

SIGNED_FOR = "monitoring"  # the service's name in signatures
_SERVICE = "cloudwatch"
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
        if (_SERVICE, target) not in operations:
            return None
        return _json(context, target, body)
    form = form_of(query, body)
    if (_SERVICE, form.get("Action", "")) not in operations:
        return None
    return run_query(context, _SERVICE, form)


def _json(context: Context, name: str, body: bytes) -> HttpResponse:
    result = call(context, _SERVICE, name, protocol.json_object(body))
    headers = {"content-type": "application/x-amz-json-1.0"}
    return HttpResponse(200, headers, json.dumps(result).encode())
