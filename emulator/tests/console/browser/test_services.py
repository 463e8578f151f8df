"""Events, functions and logs, as a person sees them."""

import json
from collections.abc import Callable

import pytest
from browser_pages import LOOKS, check, press_until
from emulator_process import Emulator
from function_archive import function_request
from playwright.sync_api import Page, expect

SOURCE = "def handler(event, context):\n    print('called')\n    return {'got': event}\n"


@pytest.fixture
def rule(emulator: Emulator, name: str) -> str:
    """A rule that invokes a function, both of one name, and that an event has matched."""
    functions, events = emulator.client("lambda"), emulator.client("events")
    made = functions.create_function(**function_request(name, SOURCE, Timeout=30))
    functions.add_permission(
        FunctionName=name,
        StatementId="events",
        Action="lambda:InvokeFunction",
        Principal="events.amazonaws.com",
    )
    events.put_rule(Name=name, EventPattern=json.dumps({"source": [name]}))
    events.put_targets(Rule=name, Targets=[{"Id": "1", "Arn": made["FunctionArn"]}])
    events.put_events(Entries=[{"Source": name, "DetailType": "new", "Detail": "{}"}])
    emulator.client("scheduler").create_schedule(
        Name=name,
        ScheduleExpression="rate(1 day)",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={"Arn": f"{made['FunctionArn']}-none", "RoleArn": made["Role"]},
    )
    return name


@pytest.mark.parametrize(("width", "scheme"), LOOKS)
def test_anyone_can_read_the_pages(
    open_console: Callable[..., Page], emulator: Emulator, rule: str, width: int, scheme: str
) -> None:
    page = open_console(f"/console/events?filter={rule}", width, scheme)
    check(page, "console-events")
    page.get_by_role("link", name=rule).first.click()
    expect(page.get_by_text("Succeeded").first).to_be_visible()  # it arrives by itself
    check(page, "console-rule")
    page.goto(f"{emulator.about['url']}/console/events/schedules/default/{rule}")
    expect(page.get_by_text("rate(1 day)")).to_be_visible()
    check(page, "console-schedule")
    page.goto(f"{emulator.about['url']}/console/functions/{rule}")
    check(page, "console-function")
    page.get_by_role("link", name=f"/aws/lambda/{rule}").click()
    check(page, "console-log-group")


def test_a_function_is_invoked_by_keyboard(open_console: Callable[..., Page], rule: str) -> None:
    page = open_console(f"/console/functions/{rule}")
    press_until(page, "Tab", "textarea[name=payload]")
    page.keyboard.press("Control+A")
    page.keyboard.type('{"number": 5}')
    press_until(page, "Tab", "form button")
    page.keyboard.press("Enter")
    expect(page.get_by_label("Answer")).to_contain_text('"number": 5')
    page.keyboard.press("Enter")
    expect(page.get_by_label("Answer")).to_be_visible()
