"""Routes: a handler is a plain function, and no POST reaches one without its form token."""

from collections.abc import AsyncGenerator, Callable
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.formparsers import FormParser, MultiPartException, MultiPartParser
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from desk import pages

MAX_BYTES = 64 * 2**20  # of a form, unless its route allows more
MAX_FIELDS = 5000
TOKEN = "token"  # the form's field; scripts send the header below
TOKEN_HEADER = "x-form-token"

Page = Callable[[Request], Response]
Handler = Callable[[Request, FormData], Response]


def get(path: str, page: Page) -> Route:
    """Return the route of a page; the function runs in a thread."""

    async def answer(request: Request) -> Response:
        return await run_in_threadpool(page, request)

    return Route(path, answer, methods=["GET"], name=page.__name__)


def post(
    path: str, handler: Handler, *, max_bytes: int = MAX_BYTES, in_memory: bool = True
) -> Route:
    """Return the route of a form; the function runs in a thread.

    Args:
        path: The address.
        handler: Receives the request and the form, whose token is checked.
        max_bytes: Longest body.
        in_memory: Keep uploaded files in memory; else those above 1 MB are files until the
            handler has returned, which no other program can open.
    """

    async def answer(request: Request) -> Response:
        async with _Form(request, max_bytes, in_memory) as form:
            return await run_in_threadpool(handler, request, form)

    return Route(path, answer, methods=["POST"], name=handler.__name__)


def text(form: FormData, name: str) -> str:
    """Return a field of a form, without blanks around it; "" if it is missing."""
    value = form.get(name, "")
    return value.strip() if isinstance(value, str) else ""


class _Form:
    """The form of a request, checked; its files are closed afterwards."""

    def __init__(self, request: Request, max_bytes: int, in_memory: bool) -> None:
        self._request, self._max_bytes, self._in_memory = request, max_bytes, in_memory
        self._form = FormData()

    async def __aenter__(self) -> FormData:
        request = self._request
        length = request.headers.get("content-length", "")
        if length.isdigit() and int(length) > self._max_bytes:
            raise _too_large(self._max_bytes)
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        parser: MultiPartParser | FormParser
        if kind == "multipart/form-data":
            parser = MultiPartParser(
                request.headers, self._stream(), max_files=MAX_FIELDS, max_fields=MAX_FIELDS
            )
            if self._in_memory:
                parser.spool_max_size = self._max_bytes
        elif kind == "application/x-www-form-urlencoded":
            parser = FormParser(request.headers, self._stream())
        else:
            raise HTTPException(415, "This page accepts forms only.")
        try:
            self._form = await parser.parse()
        except MultiPartException as error:
            raise HTTPException(400, f"The form cannot be read: {error.message}") from None
        token = self._form.get(TOKEN) or request.headers.get(TOKEN_HEADER, "")
        if not isinstance(token, str) or not pages.access(request).accepts_token(
            request.state.visitor, token
        ):
            await self._form.close()
            raise HTTPException(403, "The form is from an earlier sign-in. Load the page again.")
        return self._form

    async def __aexit__(self, *error: Any) -> None:
        await self._form.close()

    async def _stream(self) -> AsyncGenerator[bytes, None]:
        received = 0
        async for chunk in self._request.stream():
            received += len(chunk)
            if received > self._max_bytes:
                raise _too_large(self._max_bytes)
            yield chunk


def _too_large(limit: int) -> HTTPException:
    return HTTPException(413, f"That is too large: at most {limit >> 20} MB can be sent at once.")
