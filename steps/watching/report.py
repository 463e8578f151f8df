"""The result of the watch step as one HTML page that needs no other file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

TEMPLATE = Path(__file__).with_name("watch.html.j2")
STYLES = Path(__file__).parents[1] / "styles"
SHARES = ("agreement", "accuracy")  # checks whose value is a share of the answers, not a PSI
TINY = 0.0001


def render(document: Mapping[str, Any]) -> str:
    """The page as text.

    Args:
        document: the content of watch.json.
    """
    environment = Environment(
        loader=FileSystemLoader([TEMPLATE.parent, STYLES]),
        autoescape=True,
        undefined=StrictUndefined,
    )
    checks = sorted(document["checks"], key=lambda check: not check["raised"])
    return environment.get_template(TEMPLATE.name).render(
        watch=document, checks=checks, value=value, chance=chance, when=when
    )


def value(check: Mapping[str, Any], key: str) -> str:
    """The value of a check, or what is expected of it."""
    number: float = check[key]
    return f"{100 * number:.1f} %" if check["name"] in SHARES else f"{number:.2f}"


def chance(check: Mapping[str, Any]) -> str:
    """The probability of a check's value by chance, in percent."""
    share: float = check["chance"]
    if share < TINY:
        return f"below {100 * TINY:g} %"
    return f"{100 * share:.2g} %" if share < 0.1 else f"{100 * share:.0f} %"


def when(text: str) -> str:
    """A time without what nobody reads: 2026-11-30 14:05 UTC."""
    return text.replace("T", " ")[:16] + " UTC"
