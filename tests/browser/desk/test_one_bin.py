"""One bin at the desk, as a person checks it."""

import base64
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from browser_pages import LOOKS, check, press_until
from playwright.sync_api import Browser, Page, expect

from tests.browser.desk.conftest import OpenDesk
from tests.desk.service import Desk, bin_photo

# Makes a file in the page, as dragging one in or copying a picture does.
FILE = """(bytes) => {
  const data = new DataTransfer();
  const body = Uint8Array.from(atob(bytes), (c) => c.charCodeAt(0));
  data.items.add(new File([body], "bin.jpg", { type: "image/jpeg" }));
  return data;
}"""
PASTE = """(data) => document.body.dispatchEvent(
  new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true })
)"""
CAMERA = """
window.BarcodeDetector = class { async detect() { return [{ rawValue: "A17" }]; } };
navigator.mediaDevices.getUserMedia = async () => {
  const canvas = document.createElement("canvas");
  canvas.getContext("2d").fillRect(0, 0, 9, 9);
  return canvas.captureStream(5);
};
"""
SMALLEST_CONTRAST = 7.0
# The contrast of every text with the colour below it (WCAG 2's formula); pictures are left out.
CONTRASTS = """() => {
  const rgb = (text) => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((v) => v / 255)
    .map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const color = rgb(getComputedStyle(at).backgroundColor);
      if (color.length < 4 || color[3] > 0) return color;
    }
    return [255, 255, 255];
  };
  const found = {};
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const element = texts.currentNode.parentElement;
    if (!texts.currentNode.data.trim() || !element.getClientRects().length) continue;
    const [a, b] = [light(rgb(getComputedStyle(element).color)), light(ground(element))];
    found[texts.currentNode.data.trim()] = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  }
  return found;
}"""


def submit(page: Page, photo: bytes, quantity: str) -> None:
    page.set_input_files("#photo", {"name": "a.jpg", "mimeType": "image/jpeg", "buffer": photo})
    page.fill("#quantity", quantity)
    page.get_by_role("button", name="Check this bin").click()


def verdict(page: Page) -> str:
    heading = page.locator(".verdict")
    expect(heading).to_be_visible()
    return heading.inner_text().strip()


@pytest.mark.parametrize(("width", "scheme"), LOOKS)
@pytest.mark.parametrize(
    ("quantity", "word"), [("3", "PASS"), ("4", "LOOK"), ("9", "CANNOT JUDGE")]
)
def test_anyone_can_read_the_answer(
    open_desk: OpenDesk, width: int, scheme: str, quantity: str, word: str
) -> None:
    page = open_desk(width, scheme)
    check(page, "desk-one-bin")
    submit(page, bin_photo([0, 7, 20]), quantity)
    assert verdict(page).split() == word.split()
    check(page, f"desk-{word.split()[-1].lower()}")
    contrasts = page.evaluate(CONTRASTS)
    assert {text: value for text, value in contrasts.items() if value < SMALLEST_CONTRAST} == {}
    assert (
        page.evaluate("parseFloat(getComputedStyle(document.querySelector('.verdict')).fontSize)")
        >= 48
    )


def test_a_dropped_photo_is_counted(open_desk: OpenDesk, photo: Path) -> None:
    page = open_desk()
    data = page.evaluate_handle(FILE, base64.b64encode(photo.read_bytes()).decode())
    page.dispatch_event("#drop", "drop", {"dataTransfer": data})
    expect(page.get_by_alt_text("The chosen photo")).to_be_visible()
    page.fill("#quantity", "3")
    page.get_by_role("button", name="Check this bin").click()
    assert verdict(page) == "PASS"


def test_a_pasted_photo_is_counted(open_desk: OpenDesk, photo: Path) -> None:
    page = open_desk()
    data = page.evaluate_handle(FILE, base64.b64encode(photo.read_bytes()).decode())
    page.evaluate(PASTE, data)
    page.get_by_role("button", name="Check this bin").click()
    expect(page.get_by_text("There is no stock record to compare with.")).to_be_visible()
    expect(page.locator(".numbers")).to_contain_text("3")


def test_a_photo_from_the_camera_is_counted(open_desk: OpenDesk, photo: Path) -> None:
    page = open_desk(390)
    page.get_by_label("Take a photo").set_input_files(photo)
    page.fill("#quantity", "3")
    page.get_by_role("button", name="Check this bin").click()
    assert verdict(page) == "PASS"


@pytest.mark.parametrize(("scanned", "word"), [("A17", "PASS"), ("B04", "LOOK")])
def test_a_scanner_that_is_a_keyboard_checks_the_bin(
    open_desk: OpenDesk, photo: Path, scanned: str, word: str
) -> None:
    page = open_desk()
    page.set_input_files("#photo", photo)
    page.get_by_label("Id of the record").focus()
    page.keyboard.type(scanned)
    page.keyboard.press("Enter")
    assert verdict(page) == word


def test_a_code_before_the_camera_is_read_where_the_browser_can(
    desk: Desk, open_page: Callable[..., Page], photo: Path
) -> None:
    """Chromium on Linux has neither a detector nor a camera here: both are stood in for."""
    page = open_page(390)
    page.add_init_script(CAMERA)
    page.goto(desk.link())
    page.set_input_files("#photo", photo)
    page.get_by_role("button", name="Scan").click()
    expect(page.get_by_label("Id of the record")).to_have_value("A17")
    expect(page.get_by_role("dialog")).to_be_hidden()
    page.keyboard.press("Enter")
    assert verdict(page) == "PASS"


def test_an_unknown_id_is_explained_beside_the_form(open_desk: OpenDesk, photo: Path) -> None:
    page = open_desk()
    page.set_input_files("#photo", photo)
    page.fill("#id", "nowhere")
    page.keyboard.press("Enter")
    expect(page.get_by_text("There is no stock record with the id 'nowhere'.")).to_be_visible()
    check(page, "desk-unknown-id")


def test_another_photo_takes_the_answer_away(open_desk: OpenDesk, photo: Path) -> None:
    page = open_desk()
    submit(page, bin_photo([0]), "1")
    verdict(page)
    page.set_input_files("#photo", photo)
    expect(page.locator(".verdict")).to_have_count(0)


def test_the_record_of_the_bin_before_is_not_used_again(open_desk: OpenDesk, photo: Path) -> None:
    page = open_desk()
    submit(page, bin_photo([0]), "1")
    verdict(page)
    page.set_input_files("#photo", photo)
    expect(page.get_by_label("Or the quantity on record")).to_have_value("")
    submit(page, bin_photo([0]), "1")
    verdict(page)
    page.get_by_label("Id of the record").fill("A17")
    expect(page.get_by_label("Or the quantity on record")).to_have_value("")


def test_a_desk_that_is_closed_is_reported_and_nothing_typed_is_lost(
    chromium: Browser, desk: Desk, photo: Path
) -> None:
    page = chromium.new_context(reduced_motion="reduce").new_page()
    page.goto(desk.link())
    page.context.set_offline(True)
    submit(page, photo.read_bytes(), "3")
    expect(page.get_by_role("alert")).to_contain_text("The desk does not respond")
    expect(page.get_by_label("Or the quantity on record")).to_have_value("3")
    page.context.set_offline(False)
    page.get_by_role("button", name="Check this bin").click()
    assert verdict(page) == "PASS"
    expect(page.locator("#trouble")).to_be_hidden()
    page.context.close()


def test_the_page_is_used_by_keyboard_alone(open_desk: OpenDesk, photo: Path) -> None:
    page = open_desk()
    with page.expect_file_chooser() as chooser:
        press_until(page, "Tab", "#photo")
        page.keyboard.press("Enter")
    chooser.value.set_files(photo)
    press_until(page, "Tab", "#quantity")
    page.keyboard.type("4")
    press_until(page, "Tab", "#check")
    page.keyboard.press("Enter")
    assert verdict(page) == "LOOK"
    press_until(page, "Tab", "#attention button")
    page.keyboard.press("Enter")
    expect(page.locator("#looked-where")).to_contain_text("The model looked most at")


@pytest.mark.parametrize(("width", "scheme"), LOOKS)
def test_the_page_shows_where_the_model_looked(
    open_desk: OpenDesk, photo: Path, width: int, scheme: str
) -> None:
    page = open_desk(width, scheme)
    submit(page, photo.read_bytes(), "3")
    page.get_by_role("button", name="Where did the model look?").click()
    expect(page.locator("#looked-where")).to_have_text(
        re.compile(r"looked most at the top left and the middle of the photo.*from 82\s% to 3\s%")
    )
    strong = page.locator("#heat rect.strong").evaluate_all(
        "rects => rects.map(rect => `${rect.getAttribute('x')},${rect.getAttribute('y')}`).sort()"
    )
    assert strong == ["0,0", "1,1", "2,3"]
    check(page, "desk-attention")


def test_a_photo_that_is_too_large_is_made_smaller_and_the_page_says_it(
    open_desk: OpenDesk,
) -> None:
    page = open_desk()
    submit(page, bin_photo([0, 7, 20], scale=24), "3")
    assert verdict(page) == "PASS"
    expect(page.get_by_text("2048 x 2048 pixels in place of 5760 x 5760")).to_be_visible()


def test_another_device_is_signed_in_by_a_link(
    open_desk: OpenDesk, open_page: Callable[..., Page]
) -> None:
    page = open_desk()
    page.get_by_role("link", name="Devices").click()
    page.get_by_role("button", name="Show a link").click()
    address = page.get_by_label("Open this address on the other device").input_value()
    check(page, "desk-devices")
    phone = open_page(390)
    phone.goto(address)
    expect(phone.get_by_role("heading", name="One bin")).to_be_visible()


def test_without_a_link_the_page_says_how_to_get_one(
    desk: Desk, open_page: Callable[..., Page]
) -> None:
    page = open_page(390)
    page.goto(desk.base)
    expect(page.get_by_text("Open the link that the terminal shows")).to_be_visible()
    check(page, "desk-sign-in-first")
