"""The console as an ASGI application: its pages, who may see them, and what they may load."""

import os
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.aws.signed_request import SignedRequest
from sagemaker_emulator.console import (
    access,
    artifacts,
    endpoints,
    events,
    executions,
    functions,
    jobs,
    log_view,
    logs,
    models,
    pipelines,
    s3,
    s3_client,
    schedules,
    tuning,
)
from sagemaker_emulator.console.pages import ROOT, render
from sagemaker_emulator.errors import ApiError

_Message = MutableMapping[str, Any]
_Receive = Callable[[], Awaitable[_Message]]
_Send = Callable[[_Message], Awaitable[None]]

# In the order of the navigation; those without a section are parts of others' pages.
PAGES = (
    pipelines,
    executions,
    jobs,
    tuning,
    models,
    endpoints,
    s3,
    events,
    functions,
    logs,
    artifacts,
    log_view,
    schedules,
)
_FIRST = pipelines.SECTION.path
# A photo for InvokeEndpoint, or a file for S3, with the rest of its form.
MOST_BODY = 26 << 20
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; frame-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
_HEADERS = {
    "content-security-policy": POLICY,
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
    "cache-control": "no-store",
}
_OPEN_TO_ALL = (access.OPEN, f"{ROOT}/static/")


def is_page(request: SignedRequest) -> bool:
    """Whether a request is for the console: its pages, and `/` as a browser asks for it."""
    if request.raw_path == ROOT or request.raw_path.startswith(f"{ROOT}/"):
        return True
    return (
        request.raw_path == "/"
        and request.method in ("GET", "HEAD")
        and not request.query_string
        and "authorization" not in request.values
    )


def application(context: Context) -> "Console":
    """The console of a server."""
    app = Starlette(
        routes=[
            Route("/", _home),
            Route(ROOT, _home),
            Route(access.OPEN, _open),
            Mount(f"{ROOT}/static", StaticFiles(directory=Path(__file__).parent / "static")),
            Mount(ROOT, routes=[route for page in PAGES for route in page.routes]),
        ],
        exception_handlers={ApiError: _refused, HTTPException: _refused, Exception: _refused},
    )
    app.state.context = context
    app.state.execution_arns = {}
    app.state.sections = [page.SECTION for page in PAGES if page.SECTION]
    app.state.access = access.Access(
        context.credentials, os.getpid(), urlsplit(context.url).port or 80
    )
    return Console(app)


class Console:
    """The pages behind their door: a session, a form's token, a bound on bodies, headers."""

    def __init__(self, app: Starlette) -> None:
        self._app = app
        self._access: access.Access = app.state.access

    async def __call__(self, scope: _Message, receive: _Receive, send: _Send) -> None:
        """Serve one request."""

        async def send_with_headers(message: _Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
                if scope["path"].startswith(f"{ROOT}/static/vendor/"):
                    headers["cache-control"] = "max-age=31536000, immutable"
                elif scope["path"].startswith(f"{ROOT}/static/"):
                    headers["cache-control"] = "max-age=60"  # the next page paints at once
            await send(message)

        request = Request(scope)
        scope["app"] = self._app
        scope.setdefault("state", {})
        if not scope["path"].startswith(_OPEN_TO_ALL):
            session = self._access.session(request.cookies.get(self._access.cookie, ""))
            if session is None:
                page = render(request, "signed_out.html.j2", 403)
                await page(scope, receive, send_with_headers)
                return
            scope["state"]["session"] = session
            scope["state"]["form_token"] = self._access.form_token(session)
        await self._app(scope, _bounded(scope, receive), send_with_headers)


def _home(_: Request) -> Response:
    return RedirectResponse(_FIRST, 303)


def _open(request: Request) -> Response:
    door: access.Access = request.app.state.access
    if door.session(request.cookies.get(door.cookie, "")):
        return RedirectResponse(_FIRST, 303)  # a link that is opened twice in one browser
    session = door.redeem(request.query_params.get("key", ""))
    if session is None:
        return render(request, "signed_out.html.j2", 403)
    response = RedirectResponse(_FIRST, 303)
    response.set_cookie(
        door.cookie,
        session,
        max_age=int(access.SESSION_SECONDS),
        httponly=True,
        samesite="strict",
    )
    # The first client takes half a second: longer than the first page that needs it may take.
    response.background = BackgroundTask(s3_client.client, request)
    return response


async def _refused(request: Request, problem: Exception) -> Response:
    if isinstance(problem, ApiError):
        status, title, message = problem.status, problem.code, problem.message
    elif not isinstance(problem, HTTPException):  # the server logs its traceback
        status, title = 500, "InternalFailure"
        message = (
            f"A fault of the console: {type(problem).__name__}. It is in the server's log.txt."
        )
    else:
        status, title = problem.status_code, str(problem.detail)
        message = {
            404: f"Nothing is at {request.url.path}.",
            405: f"{request.url.path} does not accept {request.method}.",
        }.get(status, "The request cannot be read. Load its page again.")
    if request.headers.get("hx-request"):
        return render(request, "problem.html.j2", status, title=title, message=message)
    return render(request, "problem_page.html.j2", status, title=title, message=message)


def _bounded(scope: _Message, receive: _Receive) -> _Receive:
    """Receive a body of at most `MOST_BODY` bytes."""
    size = 0

    async def bounded() -> _Message:
        nonlocal size
        message = await receive()
        size += len(message.get("body", b""))
        if size > MOST_BODY:
            raise ApiError(
                "RequestEntityTooLargeException",
                f"A form may have {MOST_BODY >> 20} MiB with its files. Use the AWS CLI for more.",
                413,
            )
        return message

    return bounded
