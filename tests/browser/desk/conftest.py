"""A desk over an endpoint that counts white squares, in a real Chromium."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from browser_pages import OpenPage
from playwright.sync_api import Page

from tests.desk import service
from tests.desk.service import Desk, Target, run_desk

RECORDS = {
    "A17": [{"sku": "mug", "quantity": 2, "length": 4}, {"sku": "kettle", "quantity": 1}],
    "B04": [{"sku": "book", "quantity": 5}],
}
OpenDesk = Callable[..., Page]


@pytest.fixture(scope="session")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """A desk with the stock records A17, of 3 items, and B04, of 5."""
    folder = tmp_path_factory.mktemp("desk")
    records = folder / "records"
    records.mkdir()
    for name, record in RECORDS.items():
        (records / f"{name}.json").write_text(json.dumps(record))
    line = service.start(folder)
    try:
        target = Target(line)
        with run_desk(lambda: target.open(desk_records=str(records)), folder / "desk") as running:
            yield running
    finally:
        line.emulator("down")


@pytest.fixture
def open_desk(desk: Desk, open_page: OpenPage) -> OpenDesk:
    """Opens the desk with a new link, in a window of a width and a color scheme."""

    def make(width: int = 1280, scheme: str = "light") -> Page:
        page = open_page(width, scheme)
        page.goto(desk.link())
        return page

    return make


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A photo of three items: squares at the top left, and in the middle."""
    file = tmp_path / "bin.jpg"
    file.write_bytes(service.bin_photo([0, 7, 20], scale=3))
    return file
