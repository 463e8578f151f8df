"""Pages that follow what happens, by server-sent events."""

from collections.abc import AsyncIterator, Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass

import anyio
import anyio.to_thread
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from sagemaker_emulator.console.pages import context_of
from sagemaker_emulator.errors import ApiError

_LOOK_SECONDS = 0.3
_HEARTBEAT_SECONDS = 15.0
MOST_STREAMS = 100
_open = 0


@dataclass(frozen=True)
class Event:
    """A server-sent event.

    Attributes:
        name: The event `end` ends the stream.
        text: Its data.
        id: What the browser sends back as `Last-Event-ID` when it connects again.
    """

    name: str
    text: str
    id: str = ""

    def __str__(self) -> str:
        place = f"id: {self.id}\n" if self.id else ""
        lines = "".join(f"data: {line}\n" for line in self.text.splitlines() or [""])
        return f"event: {self.name}\n{place}{lines}\n"


def stream(
    request: Request,
    parts: Callable[[], Mapping[str, str]],
    changes: Callable[[], Hashable] | None = None,
) -> Response:
    """A response that sends each part of a page again when its text has changed.

    A page uses it by `hx-ext="sse" sse-connect="ADDRESS"` around elements with `sse-swap="NAME"`.

    Args:
        request: The browser's request.
        parts: Returns the text of each part by its name; it runs in a thread. The part `end`, where
            there is one, ends the stream: the page's `sse-close="end"` must match.
        changes: Returns something cheap that differs when a part may have changed; by default the
            number of changes of the store.
    """
    context = context_of(request)
    changed = changes or (lambda: context.store.version)
    last: dict[str, str] = {}
    seen: Hashable = object()

    def look() -> Iterator[Event]:
        nonlocal seen
        now = changed()
        if now == seen:
            return
        seen = now
        for name, text in parts().items():
            if last.get(name) != text:
                last[name] = text
                yield Event(name, text)

    return follow(request, look)


def follow(request: Request, look: Callable[[], Iterable[Event]]) -> Response:
    """A response of events that come one after the other.

    Args:
        request: The browser's request.
        look: Returns what is new since it was called before; it runs in a thread.
    """
    if _open >= MOST_STREAMS:
        return Response("too many pages are open; close some", 503)
    return StreamingResponse(
        _events(request, look),
        media_type="text/event-stream",
        headers={"cache-control": "no-store"},
    )


async def _events(request: Request, look: Callable[[], Iterable[Event]]) -> AsyncIterator[str]:
    global _open
    _open += 1
    context = context_of(request)
    quiet = 0.0
    try:
        while not context.stopping():
            try:
                events = await anyio.to_thread.run_sync(lambda: list(look()))
            except ApiError:  # what is followed was deleted: the browser asks again, and gets why
                return
            for event in events:
                quiet = 0.0
                yield str(event)
                if event.name == "end":
                    return
            await anyio.sleep(_LOOK_SECONDS)
            quiet += _LOOK_SECONDS
            if quiet > _HEARTBEAT_SECONDS:
                quiet = 0.0
                yield ": still here\n\n"
    finally:
        _open -= 1
