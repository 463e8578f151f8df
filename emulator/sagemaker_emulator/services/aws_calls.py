"""Calls from one service of this server to any other, without HTTP: its own, or one of moto's."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from sagemaker_emulator.aws import dispatch
from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.aws.protocol import OWN_SERVICES
from sagemaker_emulator.errors import ApiError


def call(context: Context, service: str, operation: str, **request: Any) -> dict[str, Any]:
    """Call an operation as a client would. It waits for moto, so not in a transaction.

    Args:
        context: The server.
        service: Botocore's name of the service.
        operation: Its operation.
        request: The members of the request, as boto3 takes them.

    Returns:
        The response, as boto3 returns it.

    Raises:
        ApiError: What the client would have seen.
    """
    if (service, operation) in dispatch.operations or service in OWN_SERVICES:
        return dispatch.call(context, service, operation, request)
    model = dispatch.service_model(service).operation_model(operation)
    sent = _serialized(service, operation, request)
    query = f"?{urlencode(sent['query_string'])}" if sent["query_string"] else ""
    body = sent["body"]
    if isinstance(body, Mapping):
        body = urlencode(body).encode()
    elif isinstance(body, str):
        body = body.encode()
    headers = {key.lower(): str(value) for key, value in sent["headers"].items()}
    reply = context.moto.respond(
        dispatch.service_model(service).signing_name,
        sent["method"],
        context.url + sent["url_path"] + query,
        headers,
        body,
    )
    received = {"status_code": reply.status, "headers": reply.headers, "body": reply.body}
    parsed: dict[str, Any] = _parser(service).parse(received, model.output_shape)
    if reply.status >= 300:
        problem = parsed.get("Error", {})
        raise ApiError(
            problem.get("Code", "InternalFailure"),
            problem.get("Message") or f"{service} refused {operation}",
            reply.status,
        )
    parsed.pop("ResponseMetadata", None)
    return parsed


def _serialized(service: str, operation: str, request: Mapping[str, Any]) -> Any:
    """A request as botocore writes it.

    Raises:
        ApiError: It is not one by the operation's model.
    """
    from botocore.exceptions import ParamValidationError
    from botocore.serialize import create_serializer

    model = dispatch.service_model(service)
    try:
        serializer = create_serializer(_protocol(service))
        return serializer.serialize_to_request(request, model.operation_model(operation))
    except ParamValidationError as problem:
        raise ApiError("ValidationException", str(problem)) from None


@functools.cache
def _parser(service: str) -> Any:
    from botocore.parsers import create_parser

    return create_parser(_protocol(service))


@functools.cache
def _protocol(service: str) -> str:
    return str(dispatch.service_model(service).resolved_protocol)
