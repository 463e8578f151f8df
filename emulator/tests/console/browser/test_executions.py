"""Pipelines and executions, as a person sees and uses them."""

import json
from collections.abc import Callable

import pytest
from browser_pages import LOOKS, check, press_until
from emulator_process import Emulator
from pipeline_client import PipelineClient, python
from pipeline_steps import condition, fail, get, join, json_get
from playwright.sync_api import Page, expect

WRITE = (
    "import json, os, time; print('counted 7 bins', flush=True); json.dump({'share': 0.7}, "
    "open(os.environ.get('OPT_ML', '/opt/ml') + '/processing/out/report.json', 'w'))"
)
HOLD = "import time; print('held', flush=True); time.sleep(120)"
PARAMETERS = (
    {"Name": "Least", "Type": "Float", "DefaultValue": 0.5},
    {"Name": "Mode", "Type": "String", "DefaultValue": "fast", "EnumValues": ["fast", "slow"]},
)
SHARE = json_get("Count", "share")
CACHE = {"CacheConfig": {"Enabled": True}}


@pytest.fixture
def pipeline(emulator: Emulator, name: str) -> PipelineClient:
    """A pipeline that fails where Least is above 0.7."""
    made = PipelineClient(emulator.client("sagemaker"), name)
    above = {"Type": "LessThan", "LeftValue": SHARE, "RightValue": get("Parameters.Least")}
    count = python("Count", WRITE, environment={"LEAST": join(get("Parameters.Least"))}, **CACHE)
    enough = condition(
        "TooFew", [above], [fail("End", join("only ", SHARE))], [python("Keep", "pass")]
    )
    made.create(count, enough, parameters=PARAMETERS)
    return made


@pytest.fixture
def held(emulator: Emulator, name: str) -> PipelineClient:
    """A pipeline whose second step runs until it is stopped."""
    made = PipelineClient(emulator.client("sagemaker"), f"held-{name}")
    made.create(python("Begin", "pass"), python("Hold", HOLD, DependsOn=["Begin"]))
    return made


def open_all(page: Page) -> None:
    page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")


@pytest.mark.parametrize(("width", "scheme"), LOOKS)
def test_anyone_can_read_the_pages(
    open_console: Callable[..., Page], pipeline: PipelineClient, width: int, scheme: str
) -> None:
    good, bad = (pipeline.run(Least=least)[0].rpartition("/")[2] for least in ("0.5", "0.9"))
    page = open_console(f"/console/pipelines/{pipeline.name}", width, scheme)
    open_all(page)
    check(page, "console-pipeline")
    addresses = {
        "executions": "executions",
        "execution": f"executions/{bad}",
        "step": f"executions/{bad}/steps/Count",
        "condition": f"executions/{bad}/steps/TooFew",
        "selective": f"executions/{bad}/again?from=TooFew",
        "compare": f"compare?a={good}&b={bad}",
    }
    for title, address in addresses.items():
        page.goto(page.url.partition("/console")[0] + f"/console/{address}")
        open_all(page)
        page.wait_for_load_state("networkidle")
        check(page, f"console-{title}")


def test_an_execution_is_started_and_stopped_by_keyboard_and_lights_up(
    open_console: Callable[..., Page], held: PipelineClient
) -> None:
    page = open_console(f"/console/pipelines/{held.name}")
    press_until(page, "Tab", "#start summary")
    page.keyboard.press("Enter")
    press_until(page, "Tab", "#start input[name=name]")
    page.keyboard.type("by-keyboard")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="by-keyboard")).to_be_visible()
    press_until(page, "Tab", "#node-Hold")
    expect(page.locator("#node-Hold.Executing")).to_be_visible()
    expect(page.locator("#node-Begin.Succeeded")).to_be_visible()
    expect(page.locator("#node-Hold")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("log")).to_contain_text("held")
    page.go_back()
    press_until(page, "Tab", "details.confirm summary")
    page.keyboard.press("Enter")
    press_until(page, "Tab", "details.confirm button")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("Stopped")
    expect(page.locator("#node-Hold.Stopped")).to_be_visible()
    expect(page.get_by_text("Retry…")).to_be_visible()


def test_a_step_shows_an_output_and_why_the_cache_missed(
    open_console: Callable[..., Page], pipeline: PipelineClient
) -> None:
    pipeline.run()
    second = pipeline.run(Least="0.6")[0].rpartition("/")[2]
    page = open_console(f"/console/executions/{second}/steps/Count")
    changed = page.get_by_role("row").filter(has_text="Environment.LEAST").first
    expect(changed).to_contain_text("0.5")
    expect(changed).to_contain_text("0.6")
    page.locator("summary").filter(has_text="report.json").click()
    shown = page.locator(".artifact pre")
    expect(shown).to_be_visible()
    assert json.loads(shown.inner_text()) == {"share": 0.7}


def test_two_executions_are_chosen_and_compared(
    open_console: Callable[..., Page], pipeline: PipelineClient
) -> None:
    for least in ("0.5", "0.9"):
        pipeline.run(Least=least)
    page = open_console(f"/console/pipelines/{pipeline.name}")
    for box in page.get_by_role("checkbox").all():
        box.check()
    page.get_by_role("button", name="Compare two").click()
    row = page.get_by_role("row").filter(has_text="differs")
    expect(row).to_contain_text("Least")


def test_steps_are_chosen_and_run_again(
    open_console: Callable[..., Page], pipeline: PipelineClient
) -> None:
    arn, _ = pipeline.run(Least="0.9")
    page = open_console(f"/console/executions/{arn.rpartition('/')[2]}")
    page.get_by_role("link", name="Run steps again").click()
    expect(page.get_by_role("checkbox", name="End")).to_be_checked()
    page.get_by_role("row").filter(has_text="TooFew").get_by_role("link").first.click()
    expect(page.get_by_role("checkbox", name="TooFew")).to_be_checked()
    page.locator("[name='parameter.Least']").fill("0.6")
    page.get_by_role("button", name="Start the chosen steps").click()
    expect(page.get_by_role("status")).to_contain_text("Succeeded")
    expect(page.get_by_text("A selective execution")).to_be_visible()


def test_the_list_follows_and_keeps_what_is_chosen(
    open_console: Callable[..., Page], pipeline: PipelineClient
) -> None:
    pipeline.run()
    page = open_console(f"/console/pipelines/{pipeline.name}")
    page.get_by_role("checkbox").check()
    arn = pipeline.start(Least="0.9")
    row = page.locator("tr").filter(has_text=arn.rpartition("/")[2])
    expect(row).to_contain_text("Failed")
    expect(page.get_by_role("checkbox").nth(0)).not_to_be_checked()
    expect(page.get_by_role("checkbox").nth(1)).to_be_checked()


def test_a_hidden_page_has_no_connection_and_is_current_when_seen(
    open_console: Callable[..., Page], held: PipelineClient
) -> None:
    arn = held.start()
    page = open_console(f"/console/executions/{arn.rpartition('/')[2]}")
    expect(page.locator("#node-Hold.Executing")).to_be_visible()
    hide = """(hidden) => {
        Object.defineProperty(document, "hidden", {value: hidden, configurable: true});
        document.dispatchEvent(new Event("visibilitychange"));
    }"""
    page.evaluate(hide, True)
    held.stop(arn)
    assert held.finish(arn) == "Stopped"
    expect(page.locator("#node-Hold.Executing")).to_be_visible()
    page.evaluate(hide, False)
    expect(page.locator("#node-Hold.Stopped")).to_be_visible()
