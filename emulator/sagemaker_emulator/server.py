"""The HTTP interface: which service and operation a request is for, and its response."""

import errno
import functools
import logging
import re
import sqlite3
import traceback
import uuid

import anyio
import anyio.to_thread
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from sagemaker_emulator.aws import protocol
from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.aws.dispatch import HttpResponse
from sagemaker_emulator.errors import ApiError
from sagemaker_emulator.sagemaker.endpoints.invoke import invoke_endpoint
from sagemaker_emulator.services.functions import code_address
from sagemaker_emulator.services.moto_fallback import MotoFallback

_SCOPE = re.compile(r"Credential=[^/]*/\d+/[^/]*/([^/]+)/aws4_request")
_INVOCATIONS = re.compile(r"/endpoints/([^/]+)/invocations")
_log = logging.getLogger("emulator")
_HOSTS = {"127.0.0.1", "localhost", "::1"}
# Invocations and Lambda functions hold their thread while they run.
_THREADS = 200


def application(context: Context) -> ASGIApp:
    """The ASGI application over a context that has its services."""
    moto = MotoFallback(context)
    limiter = functools.cache(lambda: anyio.CapacityLimiter(_THREADS))  # made in the event loop

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        if (request.url.hostname or "") not in _HOSTS:
            # A web page whose name was pointed at this machine must not reach it.
            response: Response = JSONResponse({"message": "unknown host"}, 421)
        elif request.url.path == "/_emulator/health":
            response = JSONResponse({})
        else:
            body = await request.body()
            response = await anyio.to_thread.run_sync(
                _respond, context, moto, request, body, limiter=limiter()
            )
        response.headers["x-amzn-requestid"] = str(uuid.uuid4())
        await response(scope, receive, send)

    return app


def _respond(context: Context, moto: MotoFallback, request: Request, body: bytes) -> Response:
    """Run one request in a worker thread; every exception becomes a response."""
    try:
        reply = _dispatch(context, moto, request, body)
    except ApiError as problem:
        reply = protocol.error(problem)
    except Exception as problem:
        _log.error("%s %s\n%s", request.method, request.url.path, traceback.format_exc())
        if _is_of_disk(problem):
            message = (
                f"the emulator could not use its disk under {context.state}: {problem}. "
                "Nothing was acknowledged; free some space, then call again."
            )
        else:
            message = (
                f"a fault of the emulator, not of the request: {type(problem).__name__}: "
                f"{problem}. The traceback is in {context.state / 'log.txt'}."
            )
        reply = protocol.error(ApiError("InternalFailure", message, 500))
    return Response(reply.body, reply.status, reply.headers)


def _is_of_disk(problem: Exception) -> bool:
    full = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS)
    return isinstance(problem, sqlite3.OperationalError) or (
        isinstance(problem, OSError) and problem.errno in full
    )


def _dispatch(context: Context, moto: MotoFallback, request: Request, body: bytes) -> HttpResponse:
    headers = {key.lower(): value for key, value in request.headers.items()}
    path = request.scope.get("raw_path", b"").decode() or request.url.path
    target = headers.get("x-amz-target", "")
    if service := protocol.service_of(target):
        return protocol.run_json(context, service, target.partition(".")[2], body)
    scope = _SCOPE.search(headers.get("authorization", ""))
    service = scope[1] if scope else None
    if request.method == "GET" and (archive := code_address.respond(context, path)):
        return archive
    if service in protocol.REST_SERVICES:
        return protocol.run_rest(
            context, service, request.method, path, request.url.query, headers, body
        )
    if service in (None, "sagemaker"):
        if (match := _INVOCATIONS.fullmatch(path)) and request.method == "POST":
            return invoke_endpoint(context, match[1], headers, body)
        raise ApiError(
            "UnknownOperationException", f"nothing responds to {request.method} {path} here", 404
        )
    return moto.respond(service, request.method, str(request.url), headers, body)
