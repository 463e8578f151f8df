"""What --help shows, and how little it imports."""

import inspect
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

import pipeline
from tests.cli.command_line import ROOT, CommandLine

PROGRAM: Any = typer.main.get_command(pipeline.app)
VERBS: dict[str, Any] = PROGRAM.commands
# Another import would make every command slower; boto3 alone takes as long as all of these.
HELP_IMPORTS = {
    *("pipeline", "pipelines", "typer", "rich"),
    *("annotated_doc", "attr", "markdown_it", "mdurl", "pygments", "shellingham"),
}


def shown(*words: str, columns: int = 200) -> str:
    done = CliRunner().invoke(pipeline.app, [*words, "--help"], env={"COLUMNS": str(columns)})
    assert done.exit_code == 0
    return done.output


@pytest.mark.parametrize("verb", ["", *sorted(set(VERBS) - {"emulator"})])
def test_help_shows_no_python_types_and_arguments_in_capitals(verb: str) -> None:
    help_text = shown(*filter(None, [verb]))
    assert "--help" in help_text
    assert re.findall(r"<[a-z]+[>\[]", help_text) == []
    (usage,) = [line for line in help_text.splitlines() if "Usage:" in line]
    assert [name for name in re.findall(r"[{\[](\w+)", usage) if not name.isupper()] == []


@pytest.mark.parametrize("verb", sorted(set(VERBS) - {"emulator"}))
def test_every_command_has_an_example(verb: str) -> None:
    _, _, examples = shown(verb).partition("Examples")
    assert f"python pipeline.py {verb}" in examples


def test_each_command_has_one_line_at_80_columns() -> None:
    help_text = shown(columns=80)
    panels = help_text[help_text.index("─ Build ") :].splitlines()
    rows = [line.strip("│ ") for line in panels if line.startswith("│")]
    assert [row.split()[0] for row in rows] == list(VERBS)
    assert all(row.endswith(".") for row in rows)


@pytest.mark.parametrize("verb", sorted(VERBS))
def test_the_help_text_fits_80_columns_as_it_is_wrapped(verb: str) -> None:
    lines = inspect.cleandoc(VERBS[verb].help).splitlines()
    assert max(map(len, lines)) <= 78


@pytest.mark.parametrize("verb", ["list", "models", "status", "report", "predict", "start"])
def test_only_upsert_imports_the_sdk(line: CommandLine, verb: str, tmp_path: Path) -> None:
    code = (
        "import sys, pipeline; pipeline.main(sys.argv[1:]);"
        "print('sagemaker' in sys.modules, 'torch' in sys.modules)"
    )
    command = [sys.executable, "-c", code, verb]
    environment = line.environment | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "False False"


def test_help_imports_only_typer_rich_and_this_project(line: CommandLine) -> None:
    code = (
        "import sys, pipeline; pipeline.main(['--help']);"
        "print(*{name.partition('.')[0] for name in sys.modules} - {*sys.stdlib_module_names})"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=ROOT, env=line.environment, capture_output=True, text=True)
    imported = {name for name in done.stdout.splitlines()[-1].split() if not name.startswith("_")}
    assert {"pipeline", "pipelines", "typer", "rich"} <= imported
    assert imported <= HELP_IMPORTS
