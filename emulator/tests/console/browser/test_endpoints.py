"""An endpoint, as the person sees it who asks it."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from browser_pages import LOOKS, check, press_until
from emulator_process import Emulator
from endpoint_client import Hosting
from guarded_endpoint import Guarded
from playwright.sync_api import Page, expect
from waiting import wait_until


@pytest.fixture
def endpoint(emulator: Emulator, name: str, until: Callable[..., Any]) -> Iterator[str]:
    """The address of the page of an endpoint with two variants."""
    hosting = Hosting(emulator, until)
    hosting.model(name)
    hosting.config(name, one=name, two=name)
    assert hosting.endpoint(name)["EndpointStatus"] == "InService"
    yield f"/console/endpoints/{name}"
    hosting.sagemaker.delete_endpoint(EndpointName=name)


@pytest.mark.parametrize(("width", "scheme"), LOOKS)
def test_anyone_can_read_an_endpoint_that_was_asked(
    emulator: Emulator,
    open_console: Callable[..., Page],
    endpoint: str,
    name: str,
    width: int,
    scheme: str,
) -> None:
    runtime = emulator.client("sagemaker-runtime")
    for _ in range(3):
        runtime.invoke_endpoint(EndpointName=name, Body=b"hello", TargetVariant="one")
    page = open_console(endpoint, width, scheme)
    # The first request to CloudWatch imports moto.
    expect(page.locator("[data-chart][data-drawn]")).to_have_count(2, timeout=20_000)
    page.locator("details").evaluate_all("all => all.forEach((each) => { each.open = true; })")
    check(page, "console-endpoint")


@pytest.mark.parametrize(("width", "scheme"), LOOKS)
def test_anyone_can_read_an_endpoint_that_is_updated(
    emulator: Emulator,
    open_console: Callable[..., Page],
    until: Callable[..., Any],
    name: str,
    width: int,
    scheme: str,
) -> None:
    guarded = Guarded(emulator, until, name)
    try:
        guarded.update("new", percent=10, bake=600)
        wait_until(lambda: guarded.stage() == "Baking")
        page = open_console(f"/console/endpoints/{name}", width, scheme)
        update = page.locator("[sse-swap=update]")
        expect(update).to_contain_text("canary capacity of 10 percent")
        check(page, "console-endpoint-update")
        guarded.set_alarm("ALARM")
        expect(page.locator("[sse-swap=status]")).to_contain_text("in ALARM", timeout=10_000)
        expect(update).not_to_contain_text("canary")
        check(page, "console-endpoint-rolled-back")
    finally:
        guarded.set_alarm("ALARM")
        guarded.delete()


@pytest.mark.parametrize(("width", "scheme"), LOOKS)
def test_anyone_can_read_the_list(
    open_console: Callable[..., Page], endpoint: str, name: str, width: int, scheme: str
) -> None:
    page = open_console("/console/endpoints", width, scheme)
    expect(page.get_by_role("link", name=name)).to_be_visible()
    check(page, "console-endpoints")


def test_an_endpoint_is_asked_by_keyboard(open_console: Callable[..., Page], endpoint: str) -> None:
    page = open_console(endpoint)
    press_until(page, "Tab", "textarea[name=text]")
    page.keyboard.type("hello")
    press_until(page, "Tab", "form[enctype] button")
    page.keyboard.press("Enter")
    expect(page.locator("#answer")).to_contain_text('"body": "hello"')
    expect(page.locator(".fact", has_text="invocations").first).to_contain_text("1", timeout=15_000)


def test_an_update_appears_within_a_second(
    emulator: Emulator, open_console: Callable[..., Page], endpoint: str, name: str
) -> None:
    page = open_console(endpoint)
    first = page.locator("[sse-swap=variants] td[data-label='share of traffic']").first
    expect(first).to_have_text("50 %")
    emulator.client("sagemaker").update_endpoint_weights_and_capacities(
        EndpointName=name,
        DesiredWeightsAndCapacities=[{"VariantName": "one", "DesiredWeight": 3}],
    )
    expect(first).to_have_text("75 %", timeout=3000)
