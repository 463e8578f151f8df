"""The name of the person at a browser, which stands beside each decision. It is no password."""

from urllib.parse import quote, unquote

from starlette.requests import Request
from starlette.responses import Response

from desk import access

COOKIE = "tally_desk_name"
LONGEST = 60


def name(request: Request) -> str:
    """The person's name; "" if nobody has typed one here."""
    return clean(unquote(request.cookies.get(COOKIE, "")))


def clean(text: str) -> str:
    """A name as it is kept: one line, without blanks around it."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:LONGEST]


def keep(response: Response, text: str) -> None:
    """Have the browser keep a name."""
    response.set_cookie(
        COOKIE, quote(clean(text)), max_age=access.COOKIE_SECONDS, httponly=True, samesite="lax"
    )
