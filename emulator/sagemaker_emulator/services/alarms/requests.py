"""CloudWatch's requests for what is run here, in its JSON and its query protocol.

botocore and the AWS CLI speak one of them; the others of CloudWatch's requests are moto's.
"""

from __future__ import annotations

import json
import uuid
from typing import Any
from urllib.parse import parse_qsl

from sagemaker_emulator.aws import protocol
from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.aws.dispatch import HttpResponse, call, operations
from sagemaker_emulator.errors import ApiError

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
    form = dict(parse_qsl(query, keep_blank_values=True))
    form |= dict(parse_qsl(body.decode("latin-1"), keep_blank_values=True, encoding="utf-8"))
    if (_SERVICE, action := form.get("Action", "")) not in operations:
        return None
    return _query(context, action, form)


def _json(context: Context, name: str, body: bytes) -> HttpResponse:
    result = call(context, _SERVICE, name, protocol.json_object(body))
    headers = {"content-type": "application/x-amz-json-1.0"}
    return HttpResponse(200, headers, json.dumps(result).encode())


def _query(context: Context, name: str, form: dict[str, str]) -> HttpResponse:
    from moto.core.parse import QueryParser
    from moto.core.serialize import QuerySerializer, SerializationContext
    from moto.core.utils import get_service_model

    parser: Any = QueryParser
    serializer: Any = QuerySerializer
    service: Any = get_service_model(_SERVICE)
    model = service.operation_model(name)
    try:
        request = parser(model).parse({"values": form})
    except (ValueError, TypeError, AttributeError, KeyError) as problem:
        raise ApiError("MalformedInput", f"a value cannot be parsed: {problem}") from None
    result = call(context, _SERVICE, name, request)
    made = serializer(model, SerializationContext(str(uuid.uuid4()))).serialize(result)
    body = made["body"]
    return HttpResponse(
        made["status_code"],
        {"content-type": "text/xml"},
        body.encode() if isinstance(body, str) else body,
    )
