"""HTTP connections, bounded in the time and in the number of those that have sent no whole head."""

import asyncio
import contextlib
import resource
from typing import Any, ClassVar

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

# Bytes of the request line and the headers; for uvicorn's h11_max_incomplete_event_size.
LONGEST_HEAD = 64 * 1024
HEAD_SECONDS = 20.0
# More connections than these may wait only for an instant, in which a client sends its head.
_WAITING = 400
_INSTANT_SECONDS = 1.0


def raise_file_limit() -> int:
    """Let this process open as many files as it may at all, and return how many that is."""
    soft, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most == resource.RLIM_INFINITY or most > 65_536:
        most = 65_536
    if soft < most:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(
                resource.RLIMIT_NOFILE, (most, resource.getrlimit(resource.RLIMIT_NOFILE)[1])
            )
            soft = most
    return soft


class BoundedProtocol(H11Protocol):
    """HTTP/1.1 for requests whose heads come soon and are not too long.

    Attributes:
        most: How many connections may wait for a head, however short; the oldest one goes.
        refusal: The content type and the body of the response to what is no request.
    """

    most: ClassVar[int] = 512
    refusal: ClassVar[tuple[bytes, bytes]] = (
        b"text/plain",
        b"This is no HTTP request, or its head is too long.",
    )
    _waiting: ClassVar[dict["BoundedProtocol", float]] = {}  # the oldest first, since when

    _head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """A client connected."""
        super().connection_made(transport)
        self._wait_for_head()
        self._make_room()

    def data_received(self, data: bytes) -> None:
        """A client sent something."""
        before = self.cycle
        waits = before is None or before.response_complete
        super().data_received(data)
        if not waits or self.transport.is_closing():
            return
        if self.cycle is not before:
            self._head_came()
            return
        if self._head_timer is None:
            self._wait_for_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection ended."""
        self._head_came()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP, and close."""
        self._head_came()
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE) and self._may_respond():
            kind, body = self.refusal
            head = b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-type: %s\r\n"
            self.transport.write(head % kind + b"content-length: %d\r\n\r\n" % len(body) + body)
        self.transport.close()

    def _may_respond(self) -> bool:
        """Whether no response to an earlier request is still to come."""
        return self.cycle is None or self.cycle.response_complete

    def _wait_for_head(self) -> None:
        self._head_timer = self.loop.call_later(HEAD_SECONDS, self._drop)
        self._waiting[self] = self.loop.time()

    def _head_came(self) -> None:
        self._waiting.pop(self, None)
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _make_room(self) -> None:
        while len(self._waiting) > min(_WAITING, self.most):
            oldest, since = next(iter(self._waiting.items()))
            young = self.loop.time() - since < _INSTANT_SECONDS
            if young and len(self._waiting) <= self.most:
                return
            oldest._drop()

    def _drop(self) -> None:
        self._head_came()
        if not self.transport.is_closing():
            self.transport.abort()
