"""Every command that the documents of running Tally show exists, with its options."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

import pipeline
from pipelines.parameters import declared
from pipelines.settings.layers import load

ROOT = Path(__file__).resolve().parent.parent
PAGES = (
    "README.md",
    *(f"docs/{name}.md" for name in ("operations", "rollout", "watching", "cost", "aws")),
)
PROGRAM: Any = typer.main.get_command(pipeline.app)
CALL = re.compile(r"python pipeline\.py ([^`\n]*)")
CHAIN = ("&&", "||", "|", ";")


def calls(page: str) -> Iterator[list[str]]:
    """The words after `python pipeline.py` of each call, without comments."""
    text = (ROOT / page).read_text().replace("\\\n", " ")
    for match in CALL.finditer(text):
        line = match[1]
        if line.count(")") > line.count("("):  # the call is inside "$(…)"
            line = line[: line.rindex(")")]
        lexer = shlex.shlex(line, posix=True, punctuation_chars="&|;")
        lexer.whitespace_split = True
        words: list[str] = []
        for word in lexer:
            if word in CHAIN:
                break
            words.append(word)
        yield from pipeline.calls([word for word in words if word != "…"])


CALLS = [
    pytest.param(call, id=f"{page}: {' '.join(call)}") for page in PAGES for call in calls(page)
]


def parse(words: list[str]) -> list[str]:
    """Parse a call by the command line itself, without running it; return its `-p` values.

    Raises:
        click.UsageError: There is no such command or option, or a value is refused.
    """
    with PROGRAM.make_context("pipeline.py", list(words)) as context:
        command: Any = PROGRAM
        rest: list[str] = [*context._protected_args, *context.args]
        while rest and hasattr(command, "resolve_command"):
            _, command, rest = command.resolve_command(context, rest)
        with command.make_context(command.name, rest, parent=context) as inner:
            return list(inner.params.get("parameters") or ())


@pytest.mark.parametrize("page", PAGES)
def test_a_page_shows_commands(page: str) -> None:
    assert len(list(calls(page))) >= 4


@pytest.mark.parametrize("words", CALLS)
def test_a_command_exists_with_its_options(words: list[str]) -> None:
    known = {one.name for one in declared(load("local", {}).resolved("1" * 12, {}))}
    for value in parse(words):
        assert value.partition("=")[0] in known


@pytest.mark.parametrize(
    "words", [["endpoints"], ["endpoint", "--waits"], ["watch", "--since", "x"]]
)
def test_what_does_not_exist_is_noticed(words: list[str]) -> None:
    with pytest.raises(Exception, match=r"No such|not a number"):
        parse(words)


@pytest.mark.parametrize("page", PAGES)
def test_every_link_of_a_page_leads_to_a_heading_or_a_file(page: str) -> None:
    file = ROOT / page
    for path, anchor in re.findall(r"\]\(([^)#:\s]*)(?:#([^)]*))?\)", file.read_text()):
        linked = (file.parent / path) if path else file
        assert linked.exists(), path
        if anchor:
            headings = re.findall(r"^#+ (.*)$", linked.read_text(), re.MULTILINE)
            slugs = [re.sub(r"[^\w\- ]", "", one.lower()).replace(" ", "-") for one in headings]
            assert anchor in slugs, f"{path}#{anchor}"


def test_every_decision_is_in_the_list_of_decisions() -> None:
    folder = ROOT / "docs" / "decisions"
    listed = re.findall(r"^- \[.*\]\((.*)\)$", (folder / "README.md").read_text(), re.MULTILINE)
    assert sorted([*listed, "README.md"]) == sorted(file.name for file in folder.glob("*.md"))


def test_the_operations_are_linked_from_where_people_begin() -> None:
    for page in ("README.md", "docs/aws.md", "docs/rollout.md"):
        assert re.search(r"\]\((docs/)?operations\.md", (ROOT / page).read_text()), page
