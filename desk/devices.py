"""The page that signs in another device, such as a phone."""

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from desk import addresses, pages
from desk.access import KEY_SECONDS, LOOPBACK
from desk.routes import get, post


def page(request: Request) -> Response:
    """How to sign in another device."""
    return _show(request)


def link(request: Request, form: FormData) -> Response:
    """Show a link that signs in one device."""
    checks = pages.access(request)
    key = checks.keys.issue(KEY_SECONDS)
    host = request.headers["host"]
    if checks.host not in LOOPBACK and request.url.hostname in LOOPBACK:
        host = f"{addresses.machine_address()}:{checks.port}"
    return _show(request, f"{request.url.scheme}://{host}/?key={key}")


def routes() -> list[BaseRoute]:
    """The routes."""
    return [get("/devices", page), post("/devices", link)]


def _show(request: Request, address: str = "") -> Response:
    alone = pages.access(request).host in LOOPBACK
    values = {"link": address, "minutes": KEY_SECONDS // 60, "alone": alone}
    return pages.render(request, "devices.html", values)
