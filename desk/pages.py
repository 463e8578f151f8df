"""Pages from templates, and what every page shows."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import jinja2
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse

from desk.access import Access, Visitor
from desk.service import Service
from pipelines.root import ROOT

FOLDER = Path(__file__).parent
STATIC = FOLDER / "static"
SHARED_STATIC = ROOT / "steps" / "styles"  # the look of the reports is the desk's, too
# The pages in the order of the navigation: address and label.
NAVIGATION: Final = [
    ("/", "One bin"),
    ("/shifts", "Shifts"),
    ("/benefit", "What it brings"),
    ("/devices", "Devices"),
]
WORDS: Final = {"pass": "PASS", "look": "LOOK", "cannot_judge": "CANNOT JUDGE"}
# Drawn beside the words, so that colour is never the only sign: a tick, an eye, a question mark.
SIGNS: Final = {
    "pass": Markup('<path d="M4 13l5 5L20 6"/>'),
    "look": Markup('<path d="M2 12s4-7 10-7 10 7 10 7-4 7-10 7S2 12 2 12z"/><path d="M12 10v4"/>'),
    "cannot_judge": Markup(
        '<path d="M6 7.5a6 6 0 1 1 9 5.2c-2 1.2-3 2-3 3.8"/><path d="M12 21.5v.1"/>'
    ),
}

templates = jinja2.Environment(
    loader=jinja2.FileSystemLoader(FOLDER / "templates"),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def percent(share: float) -> str:
    """Return a share in whole per cent, such as `82 %`; what is possible is not 0, or 100."""
    if 0 < share < 0.005:
        return "< 1\N{NO-BREAK SPACE}%"
    if 0.995 < share < 1:
        return "> 99\N{NO-BREAK SPACE}%"
    return f"{share:.0%}".replace("%", "\N{NO-BREAK SPACE}%")


templates.filters["percent"] = percent
templates.globals["words"] = WORDS
templates.globals["signs"] = SIGNS
templates.globals["navigation"] = NAVIGATION


def access(request: Request) -> Access:
    """Return the checks of the desk that answers."""
    checks: Access = request.app.state.access
    return checks


def service(request: Request) -> Service:
    """Return the target's endpoint and bucket."""
    target: Service = request.app.state.service
    return target


def folder(request: Request) -> Path:
    """Return the folder in which the desk keeps what must survive a restart."""
    path: Path = request.app.state.folder
    return path


def is_fragment(request: Request) -> bool:
    """Whether htmx asks for a part of a page."""
    return request.headers.get("hx-request") == "true"


def render(
    request: Request,
    template: str,
    values: Mapping[str, Any] | None = None,
    *,
    status: int = 200,
) -> HTMLResponse:
    """Return a page or a part of one.

    Args:
        request: Its visitor's form token is `token` in the template, its path is `path`.
        template: The file in `templates/`.
        values: What the template shows.
        status: The HTTP status.
    """
    visitor: Visitor | None = getattr(request.state, "visitor", None)
    token = access(request).form_token(visitor) if visitor else ""
    text = templates.get_template(template).render(
        token=token, path=request.url.path, signed_in=visitor is not None, **(values or {})
    )
    return HTMLResponse(text, status)


def problem(
    request: Request, title: str, message: str, *, status: int, retry: str = ""
) -> HTMLResponse:
    """Return a page that says what is wrong and what to do.

    htmx ignores the body of an error, so that a part of a page comes with status 200.

    Args:
        request: The request that failed.
        title: A short heading.
        message: What happened and what to do; lines become paragraphs.
        status: The HTTP status of a whole page.
        retry: The address of the button "Try again"; "" for none.
    """
    part = is_fragment(request)
    lines, heading = message.splitlines(), "h2" if part else "h1"
    values = {"title": title, "lines": lines, "retry": retry, "heading": heading}
    template = "problem_part.html" if part else "problem.html"
    return render(request, template, values, status=200 if part else status)
