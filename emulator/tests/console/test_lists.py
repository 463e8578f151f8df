"""The filters of lists, whatever a person writes in them."""

import pytest
from console_client import ConsoleClient
from emulator_process import Emulator
from pipeline_client import PipelineClient
from pipeline_steps import fail

NAMES = "only letters, digits and hyphens"


@pytest.mark.parametrize("text", ["a_b", "two words", "é", "a" * 64])
@pytest.mark.parametrize(
    "path", ["jobs", "tuning", "models", "models/plain", "models/packages", "endpoints"]
)
def test_a_filter_that_is_in_no_name_shows_what_names_hold(
    console: ConsoleClient, path: str, text: str
) -> None:
    page = console.get(f"/console/{path}", filter=text)
    (hint,) = page.select("main [role=status]")
    assert hint.text == f"A name holds {NAMES}: at most 63 characters."
    field = page.select_one("input[name=filter]")
    assert field is not None and field["value"] == text
    assert not page.select("tbody tr")


@pytest.mark.parametrize(
    ("path", "query", "hint"),
    [
        ("pipelines", {"filter": "a_b"}, NAMES),
        ("events", {"filter": "a b"}, "full stops, hyphens and underscores"),
        ("logs", {"filter": "a b"}, "digits and . - _ / #"),
        ("logs", {"group": "/aws/vendedlogs/events", "prefix": "a:b"}, "no colon or asterisk"),
    ],
)
def test_other_names_have_their_own_letters(
    emulator: Emulator, console: ConsoleClient, path: str, query: dict[str, str], hint: str
) -> None:
    if group := query.get("group"):
        emulator.client("logs").create_log_group(logGroupName=group)
    (shown,) = console.get(f"/console/{path}", **query).select("main [role=status]")
    assert hint in shown.text


def test_a_filter_that_a_name_can_hold_has_no_hint(console: ConsoleClient) -> None:
    assert not console.get("/console/jobs", filter="a-b").select("main [role=status]")


def test_pipelines_are_found_by_a_beginning_that_ends_with_a_hyphen(
    emulator: Emulator, console: ConsoleClient, name: str
) -> None:
    for each in (f"{name}-one", f"{name}two"):
        PipelineClient(emulator.client("sagemaker"), each).create(fail("End"))
    page = console.get("/console/pipelines", filter=f"{name}-")
    links = [link.text for link in page.select("td[data-label=pipeline] a")]
    assert links == [f"{name}-one"]
