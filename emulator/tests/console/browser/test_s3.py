"""S3, as a person sees it."""

from collections.abc import Callable
from pathlib import Path

import pytest
from browser_pages import LOOKS, check, press_until
from emulator_process import Emulator
from playwright.sync_api import Page, expect

CSV = b"image,expected_quantity\n" + b"\n".join(b"bin-%04d.jpg,%d" % (i, i % 7) for i in range(99))


@pytest.fixture
def bucket(emulator: Emulator, name: str) -> str:
    s3 = emulator.client("s3")
    s3.create_bucket(Bucket=name)
    s3.put_object(Bucket=name, Key="data/records.csv", Body=CSV)
    s3.put_object(Bucket=name, Key="data/2026/evaluation.json", Body=b'{"accuracy": 0.9}')
    s3.put_object(Bucket=name, Key="data/report.html", Body=b"<h1>Report</h1>")
    return name


@pytest.mark.parametrize(("width", "scheme"), LOOKS)
def test_anyone_can_read_the_pages(
    open_console: Callable[..., Page], emulator: Emulator, bucket: str, width: int, scheme: str
) -> None:
    page = open_console("/console/s3", width, scheme)
    check(page, "console-s3")
    page.get_by_role("link", name=bucket).click()
    page.get_by_role("link", name="data/").click()
    check(page, "console-s3-folder")
    page.get_by_role("link", name="records.csv").click()
    expect(page.get_by_role("cell", name="bin-0003.jpg")).to_be_visible()
    check(page, "console-s3-object")


def test_a_file_is_uploaded_and_deleted_by_keyboard(
    open_console: Callable[..., Page], bucket: str, tmp_path: Path
) -> None:
    (tmp_path / "notes.txt").write_text("what it holds")
    page = open_console(f"/console/s3/{bucket}")
    with page.expect_file_chooser() as chooser:
        press_until(page, "Tab", "input[type=file]")
        page.keyboard.press("Enter")
    chooser.value.set_files(tmp_path / "notes.txt")
    press_until(page, "Tab", "form[enctype] button")
    page.keyboard.press("Enter")
    page.get_by_role("link", name="notes.txt").press("Enter")
    expect(page.get_by_text("what it holds")).to_be_visible()
    press_until(page, "Tab", "summary")
    page.keyboard.press("Enter")
    press_until(page, "Tab", "button.danger")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name=bucket)).to_be_visible()
    expect(page.get_by_role("link", name="notes.txt")).to_have_count(0)
