"""Server-sent events of the console, as a browser receives them."""

import time
from collections.abc import Iterator
from typing import Any

import httpx
from console_client import ConsoleClient


class Events:
    """The events of one connection, to use in a `with` statement.

    Args:
        console: A signed-in browser.
        path: Of the events.
        headers: More of them.
        query: The address's query.
    """

    def __init__(
        self,
        console: ConsoleClient,
        path: str,
        headers: dict[str, str] | None = None,
        **query: str,
    ) -> None:
        self._request = console.http.stream("GET", path, params=query, headers=headers)

    def __enter__(self) -> "Events":
        response: httpx.Response = self._request.__enter__()
        assert response.headers["content-type"].startswith("text/event-stream")
        self._lines: Iterator[str] = response.iter_lines()
        return self

    def __exit__(self, *error: Any) -> None:
        self._request.__exit__(*error)

    def next(self) -> dict[str, str]:
        """The next event: `event`, `data` and, where it has one, `id`."""
        fields: dict[str, str] = {}
        for line in self._lines:
            if not line and fields:
                return fields
            name, _, text = line.partition(": ")
            if name:
                fields[name] = f"{fields[name]}\n{text}" if name in fields else text
        raise AssertionError("the events ended")

    def until(self, name: str, seconds: float = 10) -> str:
        """The data of the next event of a name; those before it are skipped."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            event = self.next()
            if event["event"] == name:
                return event.get("data", "")
        raise AssertionError(f"no event {name!r} within {seconds} s")
