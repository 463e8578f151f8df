"""A browser without pictures: it opens the console of a test's server, and sends its forms."""

from typing import Any

import httpx
from bs4 import BeautifulSoup
from emulator_process import Emulator


class ConsoleClient:
    """One signed-in browser.

    Args:
        emulator: A running server.
    """

    def __init__(self, emulator: Emulator) -> None:
        self.http = httpx.Client(base_url=emulator.about["url"], timeout=60, trust_env=False)
        link = emulator.run("console").stdout.strip()
        assert self.http.get(link).status_code == 303

    def get(self, path: str, status: int = 200, **query: str) -> BeautifulSoup:
        """A page."""
        response = self.http.get(path, params=query or None)
        assert response.status_code == status, response.text
        return BeautifulSoup(response.text, "html.parser")

    def post(
        self, path: str, page: BeautifulSoup, status: int = 303, files: Any = None, **fields: str
    ) -> httpx.Response:
        """Send a form of a page, with its token."""
        token = page.select_one("input[name=form_token]")
        assert token is not None, "the page has no form"
        sent = {"form_token": str(token["value"])} | fields
        response = self.http.post(path, data=sent, files=files)
        assert response.status_code == status, response.text
        return response
