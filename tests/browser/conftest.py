"""Tally's pages in a real Chromium. `make test-browser` runs these tests, `make test` does not."""

from pathlib import Path

import pytest
from browser_pages import chromium, open_page

__all__ = ["chromium", "open_page"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)
