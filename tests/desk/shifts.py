"""Shifts for the tests: photos that the endpoint of `service` counts, and what a browser sends."""

from __future__ import annotations

import io
import re
import time
import uuid
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field

import httpx
from bs4 import BeautifulSoup

from tests.desk.service import bin_photo

SECONDS = 30.0


def photo_of(count: int, number: int = 0) -> bytes:
    """A photo of `count` white squares; each number gives other bytes."""
    return bin_photo(range(count), comment=f"photo {number}".encode())


def packed(files: Mapping[str, bytes]) -> bytes:
    """A ZIP file."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as file:
        for name, body in files.items():
            file.writestr(name, body)
    return content.getvalue()


def table(records: Mapping[str, int]) -> bytes:
    """A CSV file of recorded quantities."""
    lines = [f"{name},{quantity}" for name, quantity in records.items()]
    return "\n".join(["image,expected_quantity", *lines, ""]).encode()


@dataclass
class Upload:
    """What a person uploads: photos by name, and the quantity on record of each."""

    photos: dict[str, bytes] = field(default_factory=dict)
    records: dict[str, int] = field(default_factory=dict)

    def add(self, name: str, count: int, recorded: int) -> Upload:
        """Add a bin."""
        self.photos[name] = photo_of(count, len(self.photos))
        self.records[name] = recorded
        return self

    def send(self, client: httpx.Client, who: str = "Ada", **fields: str) -> httpx.Response:
        """Upload it as a ZIP file and a CSV file."""
        return client.post(
            "/shifts",
            data={"who": who, **fields},
            files=[
                ("photos", ("photos.zip", packed(self.photos), "application/zip")),
                ("records", ("records.csv", table(self.records), "text/csv")),
            ],
            timeout=60,
        )


def doubtful(looks: int = 3, passes: int = 2) -> Upload:
    """Bins that the model passes, and others whose record it doubts."""
    upload = Upload()
    for number in range(looks):
        upload.add(f"look{number}.jpg", 1 + number % 4, 2 + number % 4)
    for number in range(passes):
        upload.add(f"pass{number}.jpg", 1 + number % 5, 1 + number % 5)
    return upload


def counted(client: httpx.Client, response: httpx.Response) -> str:
    """Wait until a shift that was uploaded is counted; return its address."""
    assert response.status_code == 200, response.text
    address = response.url.path
    deadline = time.monotonic() + SECONDS
    while "To look at" not in (page := client.get(f"{address}/progress").text):
        assert time.monotonic() < deadline, page
        time.sleep(0.02)
    return address


def soup(response: httpx.Response) -> BeautifulSoup:
    """A page, to look into."""
    return BeautifulSoup(response.text, "html.parser")


def text_of(page: BeautifulSoup, selector: str = "main") -> str:
    """The text of a part of a page, with single blanks."""
    part = page.select_one(selector)
    return " ".join(part.get_text(" ").split()) if part else ""


def form_of(page: BeautifulSoup, name: str) -> dict[str, str]:
    """The fields of a form as a browser would send them."""
    inputs = page.select(f"#{name} input[name]")
    assert inputs, page
    return {str(one["name"]): str(one.get("value", "")) for one in inputs}


def decide(
    client: httpx.Client, address: str, photo: str, decision: str = "record", **typed: str
) -> httpx.Response:
    """Open a bin in the queue, and decide about it."""
    page = soup(client.get(f"{address}/queue?photo={photo}"))
    fields = form_of(page, "decide") | {"decision": decision} | typed
    return client.post(f"{address}/decide", data=fields)


def queue_of(client: httpx.Client, address: str) -> list[str]:
    """The numbers of the bins of a queue, in its order."""
    numbers = []
    page = soup(client.get(f"{address}/queue"))
    first = page.select_one(".strip a, #decide input[name=photo]")
    assert first, page
    links = [str(one["href"]) for one in page.select(".strip a")]
    numbers = [re.sub(r".*photo=", "", link) for link in links]
    return numbers


def new_id() -> str:
    """The id of a form."""
    return uuid.uuid4().hex
