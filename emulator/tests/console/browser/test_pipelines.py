"""The list of pipelines, as a person sees it."""

from collections.abc import Callable

import pytest
from browser_pages import LOOKS, OpenPage, check, press_until
from emulator_process import Emulator
from pipeline_steps import ROLE, definition, processing
from playwright.sync_api import Page, expect


@pytest.fixture
def pipeline(emulator: Emulator, name: str) -> str:
    emulator.client("sagemaker").create_pipeline(
        PipelineName=name,
        PipelineDefinition=definition(processing("Work")),
        ClientRequestToken=name.ljust(32, "0"),
        RoleArn=ROLE,
    )
    return name


@pytest.mark.parametrize(("width", "scheme"), LOOKS)
def test_anyone_can_read_the_list(
    open_console: Callable[..., Page], pipeline: str, width: int, scheme: str
) -> None:
    page = open_console("/console/pipelines", width, scheme)
    expect(page.get_by_role("link", name=pipeline)).to_be_visible()
    check(page, "console-pipelines")


def test_a_filter_is_reached_and_used_by_keyboard(
    open_console: Callable[..., Page], pipeline: str
) -> None:
    page = open_console("/console/pipelines")
    press_until(page, "Tab", "input[name=filter]")
    page.keyboard.type("no-such-pipeline")
    page.keyboard.press("Enter")
    expect(page.get_by_text("No pipeline's name begins with")).to_be_visible()


def test_without_a_link_the_page_says_how_to_get_one(
    emulator: Emulator, open_page: OpenPage
) -> None:
    page = open_page()
    page.goto(emulator.about["url"])
    expect(page.get_by_text("sagemaker-emulator console", exact=True)).to_be_visible()
    check(page, "console-signed-out")
