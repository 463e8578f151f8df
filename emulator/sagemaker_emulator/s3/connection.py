"""Connections: bounded in the size of a request's head, and in the time until it has come."""

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

LONGEST_HEAD = 64 * 1024  # bytes of the request line and the headers
HEAD_SECONDS = 20.0


class BoundedProtocol(H11Protocol):
    """HTTP/1.1 for requests whose heads come soon and are not too long."""

    _head_size = 0
    _head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """A client connected."""
        super().connection_made(transport)
        self._wait_for_head()

    def data_received(self, data: bytes) -> None:
        """A client sent something."""
        before = self.cycle
        waiting = before is None or before.response_complete
        super().data_received(data)
        if not waiting:
            return
        if self.cycle is not before:
            self._head_came()
            return
        self._head_size += len(data)
        if self._head_timer is None:
            self._wait_for_head()
        if self._head_size > LONGEST_HEAD:
            self._head_came()
            if not self.transport.is_closing():
                self.transport.write(_TOO_LONG)
                self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection ended."""
        self._head_came()
        super().connection_lost(exc)

    def _wait_for_head(self) -> None:
        self._head_timer = self.loop.call_later(HEAD_SECONDS, self._too_late)

    def _head_came(self) -> None:
        self._head_size = 0
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _too_late(self) -> None:
        self._head_timer = None
        if not self.transport.is_closing():
            self.transport.close()


_BODY = (
    b'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>RequestHeaderSectionTooLarge</Code>'
    b"<Message>Your request header and query parameters used to make the request exceed the "
    b"maximum allowed size.</Message></Error>"
)
_TOO_LONG = (
    b"HTTP/1.1 400 Bad Request\r\ncontent-type: application/xml\r\nconnection: close\r\n"
    b"content-length: %d\r\n\r\n%s" % (len(_BODY), _BODY)
)
