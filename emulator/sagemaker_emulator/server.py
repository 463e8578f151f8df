"""The HTTP interface: a request's head and body read, and its response sent."""

import asyncio
import contextlib
import functools
import time
import uuid
from collections.abc import Awaitable, Callable, Generator, MutableMapping
from typing import Any
from urllib.parse import urlsplit

import anyio
import anyio.to_thread

from sagemaker_emulator import admission, routes
from sagemaker_emulator.aws import protocol
from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.aws.dispatch import HttpResponse, StreamedResponse
from sagemaker_emulator.aws.error_response import Protocol, error_response, protocol_of
from sagemaker_emulator.aws.ports import Moto
from sagemaker_emulator.aws.signed_request import SignedRequest
from sagemaker_emulator.console import application as console
from sagemaker_emulator.errors import ApiError
from sagemaker_emulator.services.moto_fallback import NoMessage

_Message = MutableMapping[str, Any]
_Receive = Callable[[], Awaitable[_Message]]
_Send = Callable[[_Message], Awaitable[None]]
Application = Callable[[_Message, _Receive, _Send], Awaitable[None]]

HEALTH = "/_emulator/health"
PART_SECONDS = 20.0  # for the next part of a body
BODY_SECONDS = 120.0  # for all of it
# Threads for requests, by `protocol.share`. A request that finds none waits without one.
THREADS = {"functions": 200, "endpoints": 200, "others": 40, "moto": 8}
# How soon a request that waits for a queue's message looks again: after a request that may have
# sent one, and for what the time brings (a delay, a visibility timeout).
_LOOK_SECONDS, _LONGEST_LOOK_SECONDS = 0.1, 1.0
# Bytes of a refused request that are read, for a second at most, so that its client reads why: many
# send all of a body before they read anything.
_DISCARDED = 64 << 20


class ClientGone(Exception):
    """The connection ended before the request did."""


def application(context: Context) -> Application:
    """The ASGI application over a context that has its services."""
    moto = context.moto
    pages = console.application(context)
    port = urlsplit(context.url).port or 80

    @functools.cache  # made in the event loop
    def limiter(share: str) -> anyio.CapacityLimiter:
        return anyio.CapacityLimiter(THREADS[share])

    async def respond(request: SignedRequest, receive: _Receive) -> HttpResponse:
        words: Protocol = "json"
        try:
            service = protocol.service_of_request(request)
            words = protocol_of(request, service)
            admission.check_head(request)
            admission.check_origin(request, port)
            if request.raw_path == HEALTH:
                return HttpResponse(200, {"content-type": "application/json"}, b"{}")
            admission.check_key(request, context.credentials, words)
            body = await _body(request, service, receive)
        except ApiError as problem:
            return _closing(error_response(problem, words))
        share = limiter(protocol.share(request, service))
        reply = await anyio.to_thread.run_sync(
            routes.respond, context, moto, request, service, body, words, limiter=share
        )
        if not isinstance(reply, NoMessage):
            return reply
        return await _wait_for_message(context, moto, reply, words, receive, share)

    async def app(scope: _Message, receive: _Receive, send: _Send) -> None:
        if scope["type"] != "http":
            return
        request = SignedRequest(
            scope["method"],
            scope["raw_path"].decode("latin-1"),
            scope["query_string"].decode("latin-1"),
            [(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]],
            None,
        )
        try:
            if console.is_page(request) and _is_of_this_site(request, port):
                return await pages(scope, receive, send)
            reply = await respond(request, receive)
            # One that waits for a 100 (Continue) sends nothing more.
            if reply.headers.get("connection") == "close" and "expect" not in request.values:
                await _discard(receive)
        except ClientGone:
            return
        headers = {
            **reply.headers,
            "x-amzn-requestid": str(uuid.uuid4()),
            "content-length": str(len(reply.body)),
        }
        if isinstance(reply, StreamedResponse):
            del headers["content-length"]
        wire = [(_wire(name), _wire(value)) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": reply.status, "headers": wire})
        if isinstance(reply, StreamedResponse):
            await _send_parts(reply.parts, receive, send, limiter("endpoints"))
        await send({"type": "http.response.body", "body": reply.body})

    return app


def _is_of_this_site(request: SignedRequest, port: int) -> bool:
    """Whether a browser may have a page; `respond` says why not."""
    try:
        admission.check_head(request)
        admission.check_origin(request, port)
    except ApiError:
        return False
    return True


def _wire(text: str) -> bytes:
    """A header's name or value; what would end it early becomes a space."""
    if not text.isprintable():
        text = "".join(letter if letter >= " " else " " for letter in text)
    return text.encode("latin-1", "replace")


def _closing(reply: HttpResponse) -> HttpResponse:
    """A response to a request whose body was not read: nothing else can follow it."""
    return HttpResponse(reply.status, {**reply.headers, "connection": "close"}, reply.body)


async def _body(request: SignedRequest, service: str | None, receive: _Receive) -> bytes:
    """The body of a request.

    Raises:
        ApiError: It is too large, or does not arrive in time.
        ClientGone: The client closed the connection.
    """
    limit = admission.body_limit(request, service)
    length = request.values.get("content-length", "0")
    if not length.isdecimal() or len(length) > 15 or int(length) > limit:
        raise admission.too_large(request, service)
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            while True:
                async with asyncio.timeout(PART_SECONDS):
                    message = await receive()
                if message["type"] == "http.disconnect":
                    raise ClientGone
                body += message.get("body", b"")
                if len(body) > limit:
                    raise admission.too_large(request, service)
                if not message.get("more_body", False):
                    return bytes(body)
    except TimeoutError:
        raise ApiError(
            "RequestTimeout",
            f"The body did not arrive within {BODY_SECONDS:.0f} seconds, each part within "
            f"{PART_SECONDS:.0f} seconds of the one before.",
            408,
        ) from None


async def _wait_for_message(
    context: Context,
    moto: Moto,
    empty: NoMessage,
    words: Protocol,
    receive: _Receive,
    share: anyio.CapacityLimiter,
) -> HttpResponse:
    """Look for a message again and again, in no thread meanwhile.

    Raises:
        ClientGone: The client closed the connection.
    """
    reply: HttpResponse = empty
    deadline = time.monotonic() + empty.seconds
    while isinstance(reply, NoMessage) and time.monotonic() < deadline:
        seen, looked = moto.changes, time.monotonic()
        while moto.changes == seen and time.monotonic() - looked < _LONGEST_LOOK_SECONDS:
            left = deadline - time.monotonic()
            if left <= 0:
                break
            await _stay(receive, min(_LOOK_SECONDS, left))
        again = functools.partial(
            routes.guarded, "ReceiveMessage", context.state, words, reply.again
        )
        reply = await anyio.to_thread.run_sync(again, limiter=share)
    return reply


async def _stay(receive: _Receive, seconds: float) -> None:
    """Wait while the client does.

    Raises:
        ClientGone: It closed the connection.
    """
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while (await receive())["type"] != "http.disconnect":
                pass
        raise ClientGone


async def _send_parts(
    parts: Generator[bytes],
    receive: _Receive,
    send: _Send,
    share: anyio.CapacityLimiter,
) -> None:
    """Send the parts of a body as they come, as long as the client is there."""
    gone = asyncio.create_task(_gone(receive))
    try:
        while not gone.done():
            part = await anyio.to_thread.run_sync(next, parts, None, limiter=share)
            if part is None:
                return
            await send({"type": "http.response.body", "body": part, "more_body": True})
    finally:
        gone.cancel()
        await anyio.to_thread.run_sync(parts.close, limiter=share)


async def _gone(receive: _Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _discard(receive: _Receive) -> None:
    """Read what a refused client still sends, for a moment: it would not read why otherwise."""
    size = 0
    try:
        async with asyncio.timeout(1):
            while size < _DISCARDED:
                message = await receive()
                size += len(message.get("body", b""))
                if message["type"] == "http.disconnect" or not message.get("more_body", False):
                    return
    except TimeoutError:
        return
