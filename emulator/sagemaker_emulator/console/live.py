"""Pages that follow what happens, by server-sent events."""

from collections.abc import AsyncIterator, Callable, Hashable, Mapping

import anyio
import anyio.to_thread
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from sagemaker_emulator.console.pages import context_of

_LOOK_SECONDS = 0.3
_HEARTBEAT_SECONDS = 15.0
MOST_STREAMS = 100
_open = 0


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
    if _open >= MOST_STREAMS:
        return Response("too many pages are open; close some", 503)
    context = context_of(request)
    look = changes or (lambda: context.store.version)
    return StreamingResponse(
        _events(request, parts, look),
        media_type="text/event-stream",
        headers={"cache-control": "no-store"},
    )


async def _events(
    request: Request, parts: Callable[[], Mapping[str, str]], look: Callable[[], Hashable]
) -> AsyncIterator[str]:
    global _open
    _open += 1
    context = context_of(request)
    last: dict[str, str] = {}
    seen: Hashable = object()
    quiet = 0.0
    try:
        while not context.stopping():
            now = look()
            if now != seen:
                seen = now
                for name, text in (await anyio.to_thread.run_sync(parts)).items():
                    if last.get(name) != text:
                        last[name] = text
                        quiet = 0.0
                        yield _event(name, text)
                    if name == "end":
                        return
            await anyio.sleep(_LOOK_SECONDS)
            quiet += _LOOK_SECONDS
            if quiet > _HEARTBEAT_SECONDS:
                quiet = 0.0
                yield ": still here\n\n"
    finally:
        _open -= 1


def _event(name: str, text: str) -> str:
    lines = "".join(f"data: {line}\n" for line in text.splitlines() or [""])
    return f"event: {name}\n{lines}\n"
