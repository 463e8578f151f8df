"""HTTP connections, bounded in the time in which a head comes, its length, and how many wait.

SageMaker sends whole requests; whoever else reaches the port must not keep it from answering.
"""

from __future__ import annotations

import asyncio
from typing import Any, ClassVar

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_SECONDS = 10.0  # for the request line and the headers
LONGEST_HEAD = 64 * 1024  # bytes
# More connections than MOST_WAITING may wait for a head only for an instant, in which a client
# sends it. A container has 1,024 files at least.
MOST_WAITING, MOST_AT_ALL = 256, 700
INSTANT_SECONDS = 1.0


class BoundedProtocol(HttpToolsProtocol):
    """uvicorn's protocol, which closes a connection whose head does not come in time."""

    _waiting: ClassVar[dict[BoundedProtocol, float]] = {}  # the oldest first, since when
    _head_timer: asyncio.TimerHandle | None = None
    _in_head = False  # whether a part of a head has come
    _head_size = 0

    def connection_made(self, transport: Any) -> None:
        """A client connected."""
        super().connection_made(transport)
        self._wait_for_head()
        self._make_room()

    def data_received(self, data: bytes) -> None:
        """A client sent something."""
        was_in_head = self._in_head
        super().data_received(data)
        if self.transport.is_closing():
            return
        if not self._in_head:
            self._head_came()
            return
        # An idle connection is closed by uvicorn; a response in progress is waited for.
        if self._head_timer is None and (self.cycle is None or self.cycle.response_complete):
            self._wait_for_head()
        if was_in_head:
            self._head_size += len(data)
        if self._head_size > LONGEST_HEAD:
            self._drop()

    def on_message_begin(self) -> None:
        """A head begins."""
        self._in_head, self._head_size = True, 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """A head has ended."""
        self._in_head = False
        super().on_headers_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection ended."""
        self._head_came()
        super().connection_lost(exc)

    def _wait_for_head(self) -> None:
        self._head_timer = self.loop.call_later(HEAD_SECONDS, self._drop)
        self._waiting[self] = self.loop.time()

    def _head_came(self) -> None:
        self._waiting.pop(self, None)
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _make_room(self) -> None:
        while len(self._waiting) > MOST_WAITING:
            oldest, since = next(iter(self._waiting.items()))
            young = self.loop.time() - since < INSTANT_SECONDS
            if young and len(self._waiting) <= MOST_AT_ALL:
                return
            oldest._drop()

    def _drop(self) -> None:
        self._head_came()
        if not self.transport.is_closing():
            self.transport.abort()
