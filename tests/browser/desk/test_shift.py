"""A shift at the desk, as a person works through it: by keyboard alone."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from browser_pages import LOOKS, OpenPage, check, press_until
from playwright.sync_api import Browser, Page, expect

from tests.browser.desk.test_one_bin import CONTRASTS, SMALLEST_CONTRAST
from tests.desk.service import Desk
from tests.desk.shifts import Upload, doubtful, packed, table

TIMEOUT = 20_000


def upload(page: Page, desk: Desk, bins: Upload, name: str = "Aisle 7") -> None:
    """Upload a ZIP file and a CSV file, and wait until they are counted."""
    page.goto(f"{desk.base}/shifts")
    page.fill("#who", "Ada")
    page.fill("#name", name)
    photos = packed(bins.photos)
    page.set_input_files("#zip", {"name": "a.zip", "mimeType": "application/zip", "buffer": photos})
    records = table(bins.records)
    page.set_input_files("#records", {"name": "r.csv", "mimeType": "text/csv", "buffer": records})
    page.get_by_role("button", name="Upload and count").click()
    expect(page.get_by_role("heading", name=name)).to_be_visible(timeout=TIMEOUT)
    expect(page.get_by_role("heading", name="To look at")).to_be_visible(timeout=TIMEOUT)


def begin(page: Page) -> None:
    """Open the queue, and wait until the keys work."""
    page.locator("#begin").click()
    expect(page.locator("#record span")).to_have_text("The record is right", timeout=TIMEOUT)


@pytest.fixture
def page(open_page: OpenPage, desk: Desk) -> Page:
    """A window that is signed in."""
    page = open_page()
    page.goto(desk.link())
    return page


def test_a_shift_is_worked_through_by_keyboard_alone(page: Page, desk: Desk) -> None:
    upload(page, desk, doubtful(looks=4, passes=0))
    press_until(page, "Tab", "#begin")
    page.keyboard.press("Enter")
    expect(page.locator("#record span")).to_have_text("The record is right")
    number = page.locator("#decide input[name=photo]")
    expect(number).to_have_value("1")
    page.keyboard.press("1")
    page.keyboard.press("2")
    expect(page.locator("#record span")).to_have_text("Adjust to 12")
    page.keyboard.press("Backspace")
    expect(page.locator("#record span")).to_have_text("Adjust to 1")
    page.keyboard.press("Enter")
    expect(page.locator(".saved")).to_have_text("look0.jpg: 1 in place of 2.")
    expect(number).to_have_value("2")
    page.keyboard.press("ArrowRight")
    expect(number).to_have_value("3")
    page.keyboard.press("ArrowLeft")
    expect(number).to_have_value("2")
    page.keyboard.press("u")
    expect(page.locator(".saved")).to_have_text("look1.jpg: the photo cannot be used.")
    expect(number).to_have_value("3")
    page.keyboard.press("n")
    page.keyboard.type("under 5 zips")
    page.keyboard.press("Escape")
    page.keyboard.press("Enter")
    expect(page.locator(".saved")).to_have_text("look2.jpg: the record is right, 4.")
    expect(number).to_have_value("4")
    page.keyboard.press("z")
    expect(page.locator(".saved")).to_have_text("Undone: look2.jpg, the record is right, 4.")
    expect(number).to_have_value("3")
    page.keyboard.press("Enter")
    expect(number).to_have_value("4")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="All decided")).to_be_visible()
    expect(page.locator(".place")).to_contain_text("4 of 4 decided")


def test_a_folder_is_uploaded_with_the_names_below_it(
    page: Page, desk: Desk, tmp_path: Path
) -> None:
    bins = doubtful(looks=2, passes=1)
    folder = tmp_path / "early shift"
    (folder / "a").mkdir(parents=True)
    for name, body in bins.photos.items():
        (folder / "a" / name).write_bytes(body)
    (folder / "records.csv").write_bytes(table({f"a/{n}": q for n, q in bins.records.items()}))
    page.goto(f"{desk.base}/shifts")
    page.fill("#who", "Ada")
    page.set_input_files("#folder", folder)
    page.get_by_role("button", name="Upload and count").click()
    expect(page.locator(".verdicts .look dd")).to_have_text("2", timeout=TIMEOUT)
    expect(page.locator(".verdicts .pass dd")).to_have_text("1")


def test_an_upload_without_records_says_so_and_keeps_the_form(page: Page, desk: Desk) -> None:
    page.goto(f"{desk.base}/shifts")
    page.fill("#who", "Grace")
    photos = packed(doubtful(1, 0).photos)
    page.set_input_files("#zip", {"name": "a.zip", "mimeType": "application/zip", "buffer": photos})
    page.get_by_role("button", name="Upload and count").click()
    expect(page.locator("#problem")).to_contain_text("There is no CSV file of records.")
    expect(page.locator("#who")).to_have_value("Grace")


def test_what_is_typed_stays_while_the_desk_does_not_answer(chromium: Browser, desk: Desk) -> None:
    """In a window of its own, as htmx reports the failed request in the console."""
    page = chromium.new_page()
    page.goto(desk.link())
    upload(page, desk, doubtful(looks=1, passes=0))
    begin(page)
    page.keyboard.press("7")
    page.route("**/decide", lambda route: route.abort())
    page.keyboard.press("Enter")
    expect(page.locator("#message")).to_contain_text("Nothing was saved")
    expect(page.locator("#count")).to_have_value("7")
    page.unroute("**/decide")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="All decided")).to_be_visible()
    page.close()


def test_the_keys_can_be_turned_off(page: Page, desk: Desk) -> None:
    upload(page, desk, doubtful(looks=2, passes=0))
    begin(page)
    page.locator("#keys").uncheck()
    page.locator("#title").focus()
    page.keyboard.press("u")
    page.keyboard.press("5")
    expect(page.locator("#count")).to_have_value("")
    page.locator("#unusable").click()
    expect(page.locator(".saved")).to_contain_text("the photo cannot be used")
    expect(page.locator("#keys")).not_to_be_checked()


def test_a_phone_shows_no_keys(chromium: Browser, desk: Desk) -> None:
    context = chromium.new_context(has_touch=True, is_mobile=True, reduced_motion="reduce")
    page = context.new_page()
    page.goto(desk.link())
    upload(page, desk, doubtful(looks=2, passes=0))
    begin(page)
    expect(page.locator("#after")).to_be_visible()
    for part in (".keys h2", ".keys dl", ".keys .use", "#record kbd", "#after kbd"):
        expect(page.locator(part)).to_be_hidden()
    context.close()


@pytest.mark.parametrize(("width", "scheme"), LOOKS)
def test_every_page_of_a_shift_can_be_used_by_anyone(
    open_page: OpenPage, desk: Desk, width: int, scheme: str
) -> None:
    page = open_page(width, scheme)
    page.goto(desk.link())
    bins = doubtful(looks=3, passes=2)
    bins.photos["cut.jpg"] = bins.photos["look0.jpg"][:500]
    bins.records["cut.jpg"] = 3
    upload(page, desk, bins, "Early shift")
    look(page, "desk-shift")
    page.goto(f"{desk.base}/shifts")
    look(page, "desk-shifts")
    page.get_by_role("link", name="Early shift").first.click()
    begin(page)
    look(page, "desk-queue")
    first = page.url if "photo=" in page.url else f"{page.url}?photo=2"
    page.locator("#count").fill("1")
    page.locator("#record").click()
    expect(page.locator(".saved")).to_be_visible()
    page.goto(re.sub(r"photo=\d+", "photo=2", first))
    expect(page.locator(".model")).to_be_visible()
    look(page, "desk-queue-decided")
    page.goto(f"{desk.base}/shifts")
    page.get_by_role("link", name="Early shift").first.click()
    page.locator("#begin").click()
    while page.locator("#decide").count():
        before = page.locator(".place").inner_text()
        page.locator("#record").click()
        expect(page.locator(".place")).not_to_have_text(before)
    page.goto(f"{desk.base}/benefit")
    expect(page.get_by_role("heading", name="How many records are wrong")).to_be_visible()
    look(page, "desk-benefit")


def look(page: Page, name: str) -> None:
    """Check a page for axe's rules, its width, and the contrast of each text."""
    page.wait_for_load_state("networkidle")
    check(page, name)
    contrasts = page.evaluate(CONTRASTS)
    low = {text: value for text, value in contrasts.items() if value < SMALLEST_CONTRAST}
    assert not low, f"{name}: {low}"


def test_what_the_audits_show_can_be_taken_away(page: Page, desk: Desk) -> None:
    upload(page, desk, doubtful(looks=1, passes=0))
    begin(page)
    page.keyboard.press("3")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="All decided")).to_be_visible()
    page.goto(f"{desk.base}/benefit")
    for name, head in (("The shares", "by,kind,bins"), ("Each decision", "id,when,who")):
        with page.expect_download() as download:
            page.get_by_role("link", name=name).click()
        assert download.value.path().read_text(encoding="utf-8-sig").startswith(head)
