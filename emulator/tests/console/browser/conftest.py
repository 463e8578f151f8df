"""The console in a real Chromium. `make test-browser` runs these tests, `make test` does not."""

from collections.abc import Callable
from pathlib import Path

import pytest
from browser_pages import OpenPage, chromium, open_page
from emulator_process import Emulator
from playwright.sync_api import Page

__all__ = ["chromium", "open_page"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture
def open_console(emulator: Emulator, open_page: OpenPage) -> Callable[..., Page]:
    """A function that opens the console of the session's server at a path, signed in."""

    def make(path: str = "/console", width: int = 1280, scheme: str = "light") -> Page:
        page = open_page(width, scheme)
        page.goto(emulator.run("console").stdout.strip())
        page.goto(emulator.about["url"] + path)
        return page

    return make
