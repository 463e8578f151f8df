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

MAX_BYTES = 64 * 2**20  # of a form; that of a shift has its own (receive.py)
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


def post(path: str, handler: Handler) -> Route:
    """Return the route of a form; the function runs in a thread.

    Args:
        path: The address.
        handler: Receives the request and the form, whose token is checked and whose files are in
            memory.
    """

    async def answer(request: Request) -> Response:
        async with _Form(request) as form:
            return await run_in_threadpool(handler, request, form)

    return Route(path, answer, methods=["POST"], name=handler.__name__)


def text(form: FormData, name: str) -> str:
    """Return a field of a form, without blanks around it; "" if it is missing."""
    value = form.get(name, "")
    return value.strip() if isinstance(value, str) else ""


class _Form:
    """The form of a request, checked; its files are closed afterwards."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._form = FormData()

    async def __aenter__(self) -> FormData:
        request = self._request
        length = request.headers.get("content-length", "")
        if length.isdigit() and int(length) > MAX_BYTES:
            raise _too_large()
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        parser: MultiPartParser | FormParser
        if kind == "multipart/form-data":
            parser = MultiPartParser(
                request.headers, self._stream(), max_files=MAX_FIELDS, max_fields=MAX_FIELDS
            )
            parser.spool_max_size = MAX_BYTES  # never a file
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
            if received > MAX_BYTES:
                raise _too_large()
            yield chunk


def _too_large() -> HTTPException:
    return HTTPException(
        413, f"That is too large: at most {MAX_BYTES >> 20} MB can be sent at once."
    )
