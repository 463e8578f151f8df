"""The page of an endpoint while it is updated."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from console_client import ConsoleClient
from emulator_process import Emulator
from guarded_endpoint import Guarded
from waiting import wait_until


@pytest.fixture
def guarded(emulator: Emulator, until: Callable[..., Any], name: str) -> Iterator[Guarded]:
    made = Guarded(emulator, until, name)
    yield made
    made.delete()


def test_page_of_the_endpoint_shows_stage_and_alarms(
    guarded: Guarded, console: ConsoleClient
) -> None:
    guarded.update("new", percent=50, bake=600)
    wait_until(lambda: guarded.stage() == "Baking")
    page = console.get(f"/console/endpoints/{guarded.name}").select_one("[sse-swap=update]")
    assert page is not None
    assert f"{guarded.name}-new" in page.text
    assert "traffic enabled on canary capacity of 50 percent" in page.text
    assert "Its servers get 50 % of the requests" in page.text
    assert page.select_one(".badge.Baking")
    assert guarded.name in [cell.text for cell in page.select("td")]
    guarded.set_alarm("ALARM")
    guarded.settled()
    page = console.get(f"/console/endpoints/{guarded.name}")
    assert "CloudWatch alarm(s) in ALARM" in page.select_one("[sse-swap=status] .problem").text
    assert not page.select_one(".badge.Baking")
