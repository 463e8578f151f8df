"""Objects that hold scripts, in a real browser that is signed in to the console."""

from collections.abc import Iterator

import pytest
from emulator_process import BUCKET, Emulator
from playwright.sync_api import Browser, Page, expect

STEAL = "fetch('/console/pipelines').then(() => { document.title = 'read' })"
OBJECTS = {
    "page.html": f"<title>inert</title><p>shown</p><script>document.title = 'ran'; {STEAL}</script>"
    "<img src=x onerror=\"document.title = 'ran'\">",
    "drawing.svg": '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9">'
    "<title>inert</title><script>document.title = 'ran'</script></svg>",
}


@pytest.fixture
def page(chromium: Browser, emulator: Emulator) -> Iterator[Page]:
    """A page of a signed-in browser. Here it is right that the browser complains."""
    context = chromium.new_context(base_url=emulator.about["url"])
    page = context.new_page()
    page.goto(emulator.run("console").stdout.strip())
    yield page
    context.close()


@pytest.mark.parametrize("name", OBJECTS)
def test_no_script_of_an_object_runs(page: Page, emulator: Emulator, name: str) -> None:
    emulator.client("s3").put_object(Bucket=BUCKET, Key=name, Body=OBJECTS[name].encode())
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.goto(f"/console/artifacts/raw/{BUCKET}/{name}")
    page.wait_for_load_state("networkidle")
    assert page.title() in ("inert", "")
    assert any("Blocked script execution" in text for text in complaints), complaints
    assert page.evaluate("self.origin") == "null"


def test_a_frame_shows_a_page_without_its_scripts(page: Page, emulator: Emulator) -> None:
    key = "framed.html"
    emulator.client("s3").put_object(Bucket=BUCKET, Key=key, Body=OBJECTS["page.html"].encode())
    page.goto(f"/console/artifacts/preview?uri=s3://{BUCKET}/{key}")
    expect(page.frame_locator("iframe").get_by_text("shown")).to_be_visible()
    assert [frame.title() for frame in page.frames[1:]] == ["inert"]
