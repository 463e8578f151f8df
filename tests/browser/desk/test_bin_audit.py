"""Recording what was found in a bin, right after its answer."""

import pytest
from browser_pages import LOOKS, check, press_until
from playwright.sync_api import Page, expect

from tests.browser.desk.conftest import OpenDesk
from tests.desk.service import bin_photo


def ask(page: Page, quantity: str) -> None:
    photo = bin_photo([0, 7])
    page.set_input_files("#photo", {"name": "a.jpg", "mimeType": "image/jpeg", "buffer": photo})
    page.fill("#quantity", quantity)
    page.get_by_role("button", name="Check this bin").click()
    expect(page.locator(".verdict")).to_be_visible()


@pytest.mark.parametrize(("width", "scheme"), LOOKS)
def test_a_decision_is_recorded_beside_the_answer(
    open_desk: OpenDesk, width: int, scheme: str
) -> None:
    page = open_desk(width, scheme)
    ask(page, "3")
    page.get_by_label("How many are there?").fill("2")
    expect(page.get_by_label("There are more or fewer")).to_be_checked()
    page.get_by_label("Your name").fill("Ada")
    check(page, "desk-bin-audit")
    page.get_by_role("button", name="Record it").click()
    expect(page.get_by_text("2 in place of 3. By Ada.")).to_be_visible()
    check(page, "desk-bin-audited")


def test_a_decision_is_recorded_by_keyboard_alone(open_desk: OpenDesk) -> None:
    page = open_desk()
    ask(page, "2")
    press_until(page, "Tab", "#audit input[type=radio]")
    page.keyboard.press("Space")
    press_until(page, "Tab", "#who")
    page.keyboard.type("Grace")
    page.keyboard.press("Enter")
    expect(page.get_by_text("The record is right: 2. By Grace.")).to_be_visible()
    press_until(page, "Tab", "#audit a")
    page.keyboard.press("Enter")
    expect(page.locator("#photo")).to_have_value("")


def test_what_is_missing_is_shown_in_the_form(open_desk: OpenDesk) -> None:
    page = open_desk()
    ask(page, "3")
    page.get_by_label("There are more or fewer").check()
    page.get_by_label("Your name").fill("Ada")
    page.get_by_role("button", name="Record it").click()
    expect(page.get_by_role("alert")).to_have_text(
        "Enter how many items are in the bin, as a whole number."
    )
    expect(page.get_by_label("Your name")).to_have_value("Ada")
