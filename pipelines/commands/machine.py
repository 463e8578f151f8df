"""The verb that handles this machine's own SageMaker."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

PANEL = "This machine"
ROOT = Path(__file__).resolve().parent.parent.parent
app = typer.Typer()


@app.command(
    rich_help_panel=PANEL,
    context_settings={"ignore_unknown_options": True, "help_option_names": []},
)
def emulator(
    arguments: Annotated[
        list[str] | None, typer.Argument(metavar="up|down|status|env|reset")
    ] = None,
) -> None:
    """Handle SageMaker on this machine: up, down, status, env, reset."""
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    command = [sys.executable, "-m", "emulator", *(arguments or ["--help"])]
    raise typer.Exit(subprocess.run(command, env={**os.environ, "PYTHONPATH": path}).returncode)
