"""AWS's query protocol: a form as the request, XML as the response."""

from __future__ import annotations

import uuid
from typing import Any
from urllib.parse import parse_qsl

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.aws.dispatch import HttpResponse, call, operation_model
from sagemaker_emulator.errors import ApiError


def form_of(query: str, body: bytes) -> dict[str, str]:
    """The fields of a request, of its address and of its body."""
    form = dict(parse_qsl(query, keep_blank_values=True))
    return form | dict(parse_qsl(body.decode("latin-1"), keep_blank_values=True, encoding="utf-8"))


def run_query(context: Context, service: str, form: dict[str, str]) -> HttpResponse:
    """Run the operation that a form's `Action` names.

    Args:
        context: the server.
        service: botocore's name of the service.
        form: from `form_of`.

    Raises:
        ApiError: As `call`; also where a value cannot be read.
    """
    from moto.core.parse import QueryParser
    from moto.core.serialize import QuerySerializer, SerializationContext
    from moto.core.utils import get_service_model

    parser: Any = QueryParser
    serializer: Any = QuerySerializer
    name = form.get("Action", "")
    operation_model(service, name)  # refuses what is not run here
    described: Any = get_service_model(service)  # in moto's classes, which both need
    model = described.operation_model(name)
    try:
        request = parser(model).parse({"values": form})
    except (ValueError, TypeError, AttributeError, KeyError) as problem:
        raise ApiError("MalformedInput", f"a value cannot be parsed: {problem}") from None
    result = call(context, service, name, request or {})
    made = serializer(model, SerializationContext(str(uuid.uuid4()))).serialize(result)
    body = made["body"]
    return HttpResponse(
        made["status_code"],
        {"content-type": "text/xml"},
        body.encode() if isinstance(body, str) else body,
    )
