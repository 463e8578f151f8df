"""AWS's JSON and REST-JSON protocols, read and written by botocore's own service models."""

import functools
import json
import re
from typing import Any
from urllib.parse import parse_qs, unquote

import botocore.exceptions
from botocore.model import OperationModel, Shape

from sagemaker_emulator.aws import numerals, request_shapes, signature_claim
from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.aws.dispatch import (
    HttpResponse,
    Response,
    call,
    operation_model,
    operations,
    service_model,
)
from sagemaker_emulator.aws.request_shapes import unknown_operation
from sagemaker_emulator.aws.signed_request import SignedRequest
from sagemaker_emulator.errors import ApiError

_TARGETS = {
    "SageMaker": "sagemaker",
    "Logs_20140328": "logs",
    "AWSEvents": "events",
    "AnyScaleFrontendService": "application-autoscaling",
}
REST_SERVICES = {"lambda", "scheduler"}
QUERY_SERVICES = {"cloudformation"}
OWN_SERVICES = {*_TARGETS.values(), *REST_SERVICES, *QUERY_SERVICES}
_INVOCATIONS = re.compile(r"/endpoints/([^/]+)/([a-z-]+)")
# The operations of SageMaker Runtime, which is signed for as SageMaker, by the ends of their paths.
_RUNTIME = {
    "invocations": "InvokeEndpoint",
    "invocations-response-stream": "InvokeEndpointWithResponseStream",
    "async-invocations": "InvokeEndpointAsync",
}
_FUNCTION_INVOCATIONS = re.compile(r"/2015-03-31/functions/[^/]+/invocations")
# Deeper than any request, and far from what recursion can bear.
_DEEPEST = 200


def service_of(target: str) -> str | None:
    """The service that an `X-Amz-Target` belongs to, if it is one that is run here."""
    return _TARGETS.get(target.partition(".")[0])


def service_of_request(request: SignedRequest) -> str | None:
    """The service that a request is for: that of its target, else the one it was signed for."""
    if service := service_of(request.values.get("x-amz-target", "")):
        return service
    claimed = signature_claim.claimed(request)
    return claimed[1] if claimed else None


def invoked_endpoint(method: str, path: str) -> tuple[str, str] | None:
    """The operation of SageMaker Runtime that a request is for, and the endpoint that it invokes.

    None for any other request.
    """
    match = _INVOCATIONS.fullmatch(path) if method == "POST" else None
    if match is None or match[2] not in _RUNTIME:
        return None
    return _RUNTIME[match[2]], match[1]


def share(request: SignedRequest, service: str | None) -> str:
    """Whose threads a request is run in: what waits or is slow must not hold up the others.

    Returns:
        `functions` or `endpoints` for an invocation, `others` for what else is run here, and
        `moto` for the rest, one of which runs at a time.
    """
    if service == "lambda" and _FUNCTION_INVOCATIONS.match(request.raw_path):
        return "functions"
    if invoked_endpoint(request.method, request.raw_path) is not None:
        return "endpoints"
    return "others" if service in (None, *OWN_SERVICES) else "moto"


def run_json(context: Context, service: str, name: str, body: bytes) -> HttpResponse:
    """Run an operation of the JSON 1.1 protocol."""
    result = call(context, service, name, json_object(body))
    return HttpResponse(
        200, {"content-type": "application/x-amz-json-1.1"}, json.dumps(result).encode()
    )


def run_rest(
    context: Context,
    service: str,
    method: str,
    path: str,
    query: str,
    headers: dict[str, str],
    body: bytes,
) -> HttpResponse:
    """Run the operation of the REST-JSON protocol that has this method and path.

    Raises:
        ApiError: As `call`; also where no operation has that path.
    """
    for name, verb, pattern, fixed in _rest_operations(service):
        match = pattern.fullmatch(path) if verb == method else None
        if match and fixed <= set(parse_qs(query, keep_blank_values=True)):
            model = operation_model(service, name)
            request = _rest_request(model, match.groupdict(), query, headers, body)
            parsed = request_shapes.parse(model.input_shape, request, service)
            return _rest_reply(model, dict(operations[service, name](context, parsed)))
    known = [operation for owner, operation in operations if owner == service]
    raise unknown_operation(service, f"{method} {path}", known)


def rest_operation(service: str, method: str, path: str, query: str) -> str:
    """The operation of the REST-JSON protocol that has this method and path; "" for none."""
    keys = set(parse_qs(query, keep_blank_values=True))
    try:
        known = _rest_operations(service)
    except botocore.exceptions.UnknownServiceError:
        return ""
    matching = (
        name
        for name, verb, pattern, fixed in known
        if verb == method and pattern.fullmatch(path) and fixed <= keys
    )
    return next(matching, "")


def json_object(body: bytes) -> dict[str, object]:
    """The JSON object that a body is; an empty one where there is no body.

    Raises:
        ApiError: It is none: no JSON, of numbers that are not finite, or nested too deeply.
    """
    try:
        document = numerals.parse_json(body or b"{}")
    except ValueError as problem:
        raise ApiError(
            "SerializationException", f"the request body is not JSON: {problem}"
        ) from None
    if numerals.is_deeper(document, _DEEPEST):
        message = f"the request body is nested more than {_DEEPEST} levels deep"
        raise ApiError("SerializationException", message)
    if not isinstance(document, dict):
        raise ApiError("SerializationException", "the request body is not a JSON object")
    return document


@functools.cache
def _rest_operations(service: str) -> list[tuple[str, str, re.Pattern[str], set[str]]]:
    """(name, method, path pattern, query keys that are part of the path), most exact first."""
    entries = []
    model = service_model(service)
    for name in model.operation_names:
        http = model.operation_model(name).http
        path, _, query = http["requestUri"].partition("?")
        pattern = re.escape(path).replace(r"\{", "{").replace(r"\}", "}").replace(r"\+}", "+}")
        pattern = re.sub(r"\{(\w+)\+\}", r"(?P<\1>.+)", pattern)
        pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", pattern)
        pattern = re.compile(pattern.rstrip("/") + "/?")
        entries.append((name, http["method"], pattern, set(parse_qs(query, True))))
    return sorted(entries, key=lambda entry: (-len(entry[3]), entry[2].groups))


def _rest_request(
    model: OperationModel, uri: dict[str, str], query: str, headers: dict[str, str], body: bytes
) -> dict[str, object]:
    shape = model.input_shape
    if shape is None:
        return {}
    request: dict[str, object] = {}
    payload = shape.serialization.get("payload")
    arguments = parse_qs(query, keep_blank_values=True)
    in_body: dict[str, object] = {}
    if payload is None:
        in_body = json_object(body)
    elif shape.members[payload].type_name == "blob":
        request[payload] = body
    elif body:
        request[payload] = json_object(body)
    for name, member in shape.members.items():
        key = member.serialization.get("name", name)
        match member.serialization.get("location"):
            case "uri" if key in uri:
                request[name] = _scalar(member, unquote(uri[key]))
            case "querystring" if key in arguments:
                values = arguments[key]
                request[name] = values if member.type_name == "list" else _scalar(member, values[0])
            case "header" if key.lower() in headers:
                request[name] = _scalar(member, headers[key.lower()])
            case None if key in in_body:
                request[name] = in_body.pop(key)
    return request | in_body


def _scalar(shape: Shape, text: str) -> Any:
    """A value that travelled as text."""
    match shape.type_name:
        case "integer" | "long" if (number := numerals.integer(text)) is not None:
            return number
        case "boolean":
            return text.lower() == "true"
        case _:
            return text


def _rest_reply(model: OperationModel, result: Response) -> HttpResponse:
    shape = model.output_shape
    status = model.http.get("responseCode", 200)
    headers = {"content-type": "application/json"}
    if shape is None:
        return HttpResponse(status, headers, b"")
    payload = shape.serialization.get("payload")
    document = request_shapes.present(shape, result)
    for name, member in shape.members.items():
        location = member.serialization.get("location")
        if location and name in document:
            value = document.pop(name)
            if location == "statusCode":
                status = value
            else:
                headers[member.serialization.get("name", name)] = str(value)
    if payload:
        value = result.get(payload, b"")
        body = value if isinstance(value, bytes) else json.dumps(document.get(payload)).encode()
    elif status == 204:
        body = b""
    else:
        body = json.dumps(document).encode()
    return HttpResponse(status, headers, body)
