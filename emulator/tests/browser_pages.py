"""Pages in a real Chromium: each test fails if a page complains, or loads from elsewhere."""

from __future__ import annotations

import atexit
import functools
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, Playwright, expect, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# Without these it looks for updates, which a closed network refuses many at a time.
QUIET = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
# Every page must work at these widths in pixels, and in both schemes.
LOOKS = [(width, scheme) for width in (1280, 390) for scheme in ("light", "dark")]
OpenPage = Callable[..., Page]
# On a busy machine, five seconds, the default, may be too few for a page.
expect.set_options(timeout=20_000)
_SCREENSHOTS = Path(os.environ.get("SCREENSHOTS", ".screenshots"))


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """The browser, or a skipped test where none is installed."""
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        pytest.skip("no Chromium is installed (Debian: apt-get install chromium)")
    browser = _playwright().chromium.launch(executable_path=program, args=[*QUIET])
    yield browser
    browser.close()


@functools.cache
def _playwright() -> Playwright:
    """One for a process: the console's tests and the desk's may share one."""
    started = sync_playwright().start()
    atexit.register(started.stop)
    return started


@pytest.fixture
def open_page(chromium: Browser) -> Iterator[OpenPage]:
    """A function that opens a page of a width in pixels and a color scheme."""
    complaints: list[str] = []
    contexts = []

    def make(width: int = 1280, scheme: str = "light", height: int = 900) -> Page:
        options: dict[str, Any] = {"color_scheme": scheme, "reduced_motion": "reduce"}
        context = chromium.new_context(viewport={"width": width, "height": height}, **options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(20_000)
        page.on("pageerror", lambda error: complaints.append(f"error: {error}"))
        page.on(
            "console",
            lambda message: (
                complaints.append(f"{message.type}: {message.text}")
                # The status of a refused request is checked by its test.
                if message.type == "error" and "Failed to load resource" not in message.text
                else None
            ),
        )
        page.on("request", lambda request: _refuse_elsewhere(request.url, complaints))
        return page

    yield make
    for context in contexts:
        context.close()
    assert not complaints, "\n".join(complaints)


def _refuse_elsewhere(address: str, complaints: list[str]) -> None:
    url = urlsplit(address)
    if url.scheme in ("http", "https", "ws", "wss") and url.hostname != "127.0.0.1":
        complaints.append(f"a request left this machine: {address}")


def check(page: Page, name: str) -> None:
    """Check that anyone can use a page, and keep a picture of it in $SCREENSHOTS.

    No violation of axe's rules, and nothing wider than the window.
    """
    size = page.viewport_size or {"width": 0}
    dark = page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
    _SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    file = _SCREENSHOTS / f"{name}-{size['width']}-{'dark' if dark else 'light'}.png"
    page.screenshot(path=file, full_page=True)
    wide = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    assert wide <= 0, f"{name} is {wide} pixels wider than its window: {file}"
    results = Axe().run(page)
    assert results.violations_count == 0, results.generate_report()


def press_until(page: Page, key: str, selector: str, most: int = 80) -> None:
    """Press a key until the element of a selector has the focus.

    Raises:
        AssertionError: It never gets it: the element cannot be reached by the keyboard.
    """
    for _ in range(most):
        page.keyboard.press(key)
        if page.evaluate("selector => document.activeElement?.matches(selector)", selector):
            return
    raise AssertionError(f"{most} times {key} do not lead to {selector}")
