"""The report and the evaluation's page, which are single files, on a screen and on a phone."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from browser_pages import LOOKS, OpenPage, check
from PIL import Image

from evaluation import html_report
from pipelines.display import report
from pipelines.executions.outcome import Outcome
from pipelines.executions.watch import Snapshot
from tests.pipelines.finished_execution import EVALUATION, outcome, snapshot

__all__ = ["outcome", "snapshot"]
Pages = Callable[[str], Path]
# Elements whose content is wider than they are: cut, or to be scrolled to.
CUT = """() => [...document.querySelectorAll('section, .scroll, td, pre, .fact, dl')]
    .filter(one => one.scrollWidth > one.clientWidth + 1).map(one => one.textContent.trim())"""
HIDDEN = """() => [...document.querySelectorAll('td')].filter(one =>
    one.textContent && !one.getClientRects().length).map(one => one.textContent)"""


@pytest.fixture
def written(snapshot: Snapshot, outcome: Outcome, tmp_path: Path) -> Pages:
    """Writes one of the pages, each with a picture."""

    def write(name: str) -> Path:
        document = json.loads(EVALUATION.read_text())
        pictures = [tmp_path / one["file"] for one in document["tally"]["pictures"]]
        for picture in pictures:
            picture.parent.mkdir(exist_ok=True)
            Image.new("RGB", (640, 320), "teal").save(picture)
        file = tmp_path / f"{name}.html"
        file.write_text(
            report.render(snapshot, outcome, pictures)
            if name == "report"
            else html_report.render(document, tmp_path)
        )
        return file

    return write


@pytest.mark.parametrize(("width", "scheme"), LOOKS)
@pytest.mark.parametrize("name", ["report", "evaluation"])
def test_every_cell_is_on_the_screen(
    open_page: OpenPage, written: Pages, name: str, width: int, scheme: str
) -> None:
    page = open_page(width, scheme)
    page.goto(written(name).as_uri())
    page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
    assert page.evaluate(CUT) == []
    assert page.evaluate(HIDDEN) == []
    check(page, name)


def test_a_phone_shows_a_columns_heading_beside_each_cell(
    open_page: OpenPage, written: Pages
) -> None:
    page = open_page(390)
    page.goto(written("report").as_uri())
    cell = page.locator("td[data-label='95 % interval']").first
    label = cell.evaluate("one => getComputedStyle(one, '::before').content")
    assert label == '"95 % interval"'
    above, below = (page.locator("td").nth(at).bounding_box() for at in (0, 1))
    assert above and below and above["y"] + above["height"] <= below["y"]
