"""The desk's colours: one look with the console, and readable in sunlight."""

from pathlib import Path

import httpx
import pytest
from bs4 import BeautifulSoup

from tests.style_sheet import colours, contrast

ROOT = Path(__file__).resolve().parents[2]
STATIC = ROOT / "desk" / "static"
SHARED = ROOT / "steps" / "styles" / "base.css"
CONSOLE = ROOT / "emulator" / "sagemaker_emulator" / "console" / "static"
SMALLEST = 7.0  # of a text: WCAG 2.2, level AAA
TEXTS = ["ink", "soft", "accent", "good", "bad", "warn"]
PAIRS = [
    *[(text, ground) for text in TEXTS for ground in ("paper", "ground")],
    *[("on-accent", "accent"), ("on-pass", "pass"), ("on-look", "look"), ("on-unsure", "unsure")],
    *[("good", "good-soft"), ("bad", "bad-soft"), ("warn", "warn-soft"), ("accent", "accent-soft")],
    ("ink", "line"),
]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("text", "ground"), PAIRS)
def test_every_text_has_a_contrast_of_seven(scheme: str, text: str, ground: str) -> None:
    # The desk's colours replace those of the shared style sheet.
    shared, own = (
        colours(sheet.read_text(), dark=scheme == "dark") for sheet in (SHARED, STATIC / "desk.css")
    )
    known = shared | own
    assert contrast(known[text], known[ground]) >= SMALLEST


def test_the_library_is_that_of_the_console() -> None:
    file = "vendor/htmx-2.0.11.min.js"
    assert (STATIC / file).read_bytes() == (CONSOLE / file).read_bytes()


def test_a_page_loads_only_what_the_desk_has(client: httpx.Client) -> None:
    page = BeautifulSoup(client.get("/").text, "html.parser")
    addresses = [str(tag.get("href") or tag.get("src")) for tag in page.select("link, script")]
    assert "/static/shared/base.css" in addresses
    assert {address: client.get(address).status_code for address in addresses} == dict.fromkeys(
        addresses, 200
    )
