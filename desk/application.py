"""The desk as a web application: its routes, and what holds for every request."""

import sys
import time
import traceback
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Mount
from starlette.staticfiles import StaticFiles

from desk import access, benefit_pages, decisions, devices, one_bin, pages, shifts
from desk.access import Access
from desk.service import Service
from desk.shift_store import ShiftStore
from pipelines.display.error_messages import explain

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    # With no-referrer, the Origin of a form would be null.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), geolocation=(), microphone=()",
}
CHANGING = ("POST", "PUT", "PATCH", "DELETE")


def routes() -> list[BaseRoute]:
    """Every route; each module lists its own."""
    static = [
        Mount("/static/shared", StaticFiles(directory=pages.SHARED_STATIC)),
        Mount("/static", StaticFiles(directory=pages.STATIC)),
    ]
    work = [*shifts.routes(), *decisions.routes(), *benefit_pages.routes()]
    return [*one_bin.routes(), *work, *devices.routes(), *static]


def create(service: Service, checks: Access, folder: Path) -> Starlette:
    """Return the desk.

    Args:
        service: The target.
        checks: Who may use it.
        folder: Where it keeps what must survive a restart.
    """
    app = Starlette(
        routes=routes(),
        middleware=[Middleware(BaseHTTPMiddleware, dispatch=_check)],
        exception_handlers={HTTPException: _refused},
    )
    app.state.service, app.state.access, app.state.folder = service, checks, folder
    app.state.shifts = ShiftStore(folder / "shifts", service)
    app.state.shifts.resume()
    app.state.shifts.keep_clean()
    return app


async def _check(request: Request, answer: RequestResponseEndpoint) -> Response:
    """Let in who is signed in, from this desk's own pages, and set the headers of the response."""
    response = await _admit(request, answer)
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    if not request.url.path.startswith("/static/"):
        response.headers["Cache-Control"] = "no-store"
    return response


async def _admit(request: Request, answer: RequestResponseEndpoint) -> Response:
    checks, host = pages.access(request), request.headers.get("host", "")
    if not checks.accepts_host(host):
        return pages.problem(
            request,
            "Another address",
            f"The desk does not answer for {host[:80]!r}. Open the link that the terminal shows.",
            status=421,
        )
    if request.url.path.startswith("/static/"):
        return await answer(request)
    if key := request.query_params.get("key"):
        return _sign_in(request, key)
    visitor = checks.visitor(request.cookies)
    if visitor is None:
        return _sign_in_first(request)
    request.state.visitor = visitor
    if request.method in CHANGING and not checks.accepts_origin(
        request.headers.get("origin"), host
    ):
        return pages.problem(
            request, "Refused", "The form was sent by another web page.", status=403
        )
    try:
        response = await answer(request)
    except Exception as error:  # a page has its own response, whatever failed
        response = await _failed(request, error)
    if visitor.issued < time.time() - access.RENEWED_AFTER:
        _set_cookie(request, response, visitor.session)
    return response


def _sign_in(request: Request, key: str) -> Response:
    """Exchange a key for a cookie; the key disappears from the address."""
    checks = pages.access(request)
    current = checks.visitor(request.cookies)
    if not checks.keys.use(key) and current is None:
        return _sign_in_first(request, "This link was used before, or it is too old.\n")
    response = RedirectResponse("/", 303)
    _set_cookie(request, response, current.session if current else "")
    if on_sign_in := getattr(request.app.state, "on_sign_in", None):
        on_sign_in()
    return response


def _set_cookie(request: Request, response: Response, session: str) -> None:
    checks = pages.access(request)
    response.set_cookie(
        checks.cookie,
        checks.new_cookie(session),
        max_age=access.COOKIE_SECONDS,
        httponly=True,
        samesite="lax",  # strict would be missing when a link in a message opens the desk
        secure=request.url.scheme == "https",
    )


def _sign_in_first(request: Request, why: str = "") -> Response:
    return pages.problem(
        request,
        "Sign in first",
        f"{why}Open the link that the terminal shows where the desk was started.\n"
        "On a device that is signed in, the page Devices shows a link for another one.",
        status=401,
    )


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    titles = {404: "No such page", 413: "Too large"}
    message = "Choose a page above." if error.status_code == 404 else error.detail
    title = titles.get(error.status_code, "Not possible")
    return pages.problem(request, title, message, status=error.status_code)


async def _failed(request: Request, error: Exception) -> Response:
    """A page for an error: what happened and what to do; what nobody expected goes to the log."""
    pages.service(request).forget()
    message = explain(error)
    retry = request.url.path if request.method == "GET" else ""
    if message is None:
        traceback.print_exception(error, file=sys.stderr)
        message = (
            f"An error of the program: {type(error).__name__}. Try again. If it comes back, show "
            "the terminal's text to whoever looks after the desk."
        )
        return pages.problem(request, "This did not work", message, status=500, retry=retry)
    return pages.problem(request, "This does not work now", message, status=503, retry=retry)
