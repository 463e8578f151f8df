"""The page of one bin, over an endpoint that counts white squares."""

import io
import re
import tempfile
from typing import Any

import httpx
import pytest
from bs4 import BeautifulSoup
from PIL import Image

from tests.desk.service import bin_photo


def check(client: httpx.Client, body: bytes, **fields: Any) -> BeautifulSoup:
    response = client.post("/bin", data=fields, files={"photo": ("bin.jpg", body)})
    return BeautifulSoup(response.text, "html.parser")


def words(page: BeautifulSoup, selector: str) -> str:
    found = page.select_one(selector)
    return " ".join(found.get_text(" ").split()) if found else ""


def test_the_page_has_a_form_with_a_photo_and_a_quantity(client: httpx.Client) -> None:
    page = BeautifulSoup(client.get("/").text, "html.parser")
    assert page.select_one("input[type=file][capture=environment]")
    assert page.select_one("label[for=quantity]")


def test_a_right_record_passes_with_its_reason_and_numbers(client: httpx.Client) -> None:
    page = check(client, bin_photo([0, 7, 20]), quantity="3")
    assert words(page, ".verdict") == "PASS"
    assert words(page, ".why") == "Photo and record agree on 3 items."
    assert words(page, ".numbers") == "Counted 3 On record 3 Record is right 97 %"


def test_a_wrong_record_is_to_be_looked_at(client: httpx.Client) -> None:
    page = check(client, bin_photo([0, 7]), quantity="3")
    assert words(page, ".verdict") == "LOOK"
    assert words(page, ".advice") == "Have somebody look into this bin."


def test_a_quantity_that_the_model_does_not_know_cannot_be_judged(client: httpx.Client) -> None:
    page = check(client, bin_photo([0]), quantity="9")
    assert words(page, ".verdict") == "CANNOT JUDGE"
    assert words(page, ".numbers") == "Counted 1 On record 9"


def test_the_bars_show_each_count_and_mark_the_recorded_one(client: httpx.Client) -> None:
    page = check(client, bin_photo([0, 7]), quantity="3")
    rows = [" ".join(row.get_text(" ").split()) for row in page.select(".bars tbody tr")]
    assert rows[2:4] == ["2 82 %", "3 on record 3 %"]
    assert rows[-1] == "6 or more 3 %"


def test_without_a_record_the_count_is_shown_alone(client: httpx.Client) -> None:
    page = check(client, bin_photo([0, 7]))
    assert not page.select(".verdict")
    assert re.match("Counted 2", words(page, ".numbers"))


def test_a_photo_is_never_written_to_a_disk(
    client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = io.BytesIO()
    Image.effect_noise((1200, 1200), 100).convert("RGB").save(file, "PNG")
    assert len(file.getvalue()) > 2**20  # from here on, forms become temporary files elsewhere
    monkeypatch.setattr(tempfile, "tempdir", "/nowhere")
    assert words(check(client, file.getvalue(), quantity="3"), ".verdict")
