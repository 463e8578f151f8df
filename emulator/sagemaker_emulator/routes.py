"""Which service and operation a request is for, and what it responds."""

import errno
import logging
import sqlite3
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path

from sagemaker_emulator import admission
from sagemaker_emulator.aws import protocol
from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.aws.dispatch import HttpResponse
from sagemaker_emulator.aws.error_response import Protocol, error_response
from sagemaker_emulator.aws.ports import Moto
from sagemaker_emulator.aws.query import form_of, run_query
from sagemaker_emulator.aws.signed_request import SignedRequest
from sagemaker_emulator.errors import ApiError
from sagemaker_emulator.sagemaker.endpoints.invoke import invoke_endpoint
from sagemaker_emulator.sagemaker.endpoints.invoke_async import invoke_endpoint_async
from sagemaker_emulator.sagemaker.endpoints.invoke_stream import (
    invoke_endpoint_with_response_stream,
)
from sagemaker_emulator.sagemaker.experiments.metrics import SERVICE as METRICS
from sagemaker_emulator.sagemaker.jobs import interruption
from sagemaker_emulator.services import refused_work
from sagemaker_emulator.services.alarms import requests as alarm_requests
from sagemaker_emulator.services.functions import code_address

# The operations of SageMaker Runtime: of (context, endpoint, headers, body).
RUNTIME: Mapping[str, Callable[[Context, str, Mapping[str, str], bytes], HttpResponse]] = {
    "InvokeEndpoint": invoke_endpoint,
    "InvokeEndpointAsync": invoke_endpoint_async,
    "InvokeEndpointWithResponseStream": invoke_endpoint_with_response_stream,
}
_log = logging.getLogger("emulator")


def respond(
    context: Context,
    moto: Moto,
    request: SignedRequest,
    service: str | None,
    body: bytes,
    words: Protocol,
) -> HttpResponse:
    """Run one request in a worker thread; every exception becomes a response."""

    def run() -> HttpResponse:
        # A moto service is the one that it was signed for.
        own = service if service in protocol.OWN_SERVICES else None
        admission.check_signature(request, own, context.credentials, body, words)
        context.calls.add_request(request, service, body)
        return _dispatch(context, moto, request, service, body)

    return guarded(f"{request.method} {request.raw_path}", context.state, words, run)


def guarded(
    name: str, state: Path, words: Protocol, run: Callable[[], HttpResponse]
) -> HttpResponse:
    """What `run` returns, or the response to what it raises."""
    try:
        return run()
    except ApiError as problem:
        return error_response(problem, words)
    except Exception as problem:
        _log.error("%s\n%s", name, traceback.format_exc())
        if _is_of_disk(problem):
            message = (
                f"the emulator could not use its disk under {state}: {problem}. "
                "Nothing was acknowledged; free some space, then call again."
            )
        else:
            message = (
                f"a fault of the emulator, not of the request: {type(problem).__name__}: "
                f"{problem}. The traceback is in {state / 'log.txt'}."
            )
        return error_response(ApiError("InternalFailure", message, 500), words)


def _is_of_disk(problem: Exception) -> bool:
    full = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS)
    return isinstance(problem, sqlite3.OperationalError) or (
        isinstance(problem, OSError) and problem.errno in full
    )


def _dispatch(
    context: Context,
    moto: Moto,
    request: SignedRequest,
    service: str | None,
    body: bytes,
) -> HttpResponse:
    headers, path = request.values, request.raw_path
    target = headers.get("x-amz-target", "")
    if protocol.service_of(target) and service:
        return protocol.run_json(context, service, target.partition(".")[2], body)
    if request.method == "GET" and (archive := code_address.respond(context, path)):
        return archive
    if service in protocol.REST_SERVICES and service:
        return protocol.run_rest(
            context, service, request.method, path, request.query_string, headers, body
        )
    if service in protocol.QUERY_SERVICES and service:
        return run_query(context, service, form_of(request.query_string, body))
    if service in (None, "sagemaker"):
        if interrupted := interruption.respond(context, request.method, path):
            return interrupted
        if invoked := protocol.invoked_endpoint(request.method, path):
            operation, endpoint = invoked
            return RUNTIME[operation](context, endpoint, headers, body)
        if protocol.rest_operation(METRICS, request.method, path, request.query_string):
            return protocol.run_rest(
                context, METRICS, request.method, path, request.query_string, headers, body
            )
        raise refused_work.refusal_beside_sagemaker(request.method, path, request.query_string)
    if service == alarm_requests.SIGNED_FOR and (
        reply := alarm_requests.respond(context, headers, request.query_string, body)
    ):
        return reply
    query = f"?{request.query_string}" if request.query_string else ""
    return moto.respond(service or "", request.method, context.url + path + query, headers, body)
